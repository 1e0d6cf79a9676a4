"""The labelling page itself: the corrections page's style and checks, with a form of its own."""

from vlm_lab.corrections_page.labelling.form import LIST_TYPE
from vlm_lab.corrections_page.labelling.session import LabellingSession
from vlm_lab.corrections_page.page import RenderedPage, render_template
from vlm_lab.report.translation import load_catalogue
from vlm_lab.suite.label_drafts import LABEL_DRAFTS_FOLDER

SCRIPTS = ("label_form.js", "labelling.js")


def render_labelling_page(session: LabellingSession, language: str) -> RenderedPage:
    """The page of one session, in one language."""
    gettext = load_catalogue(language).gettext
    data = {
        "labels": {text: gettext(text) for text in SCRIPT_LABELS},
        "documents": session.describe_documents(),
        "fields": [[field.path, field.type == LIST_TYPE] for field in session.suite.fields],
        "user": session.user,
    }
    drafts = session.suite.folder / LABEL_DRAFTS_FOLDER
    return render_template(
        "labelling.html", SCRIPTS, data, language, session=session, drafts=drafts
    )


SCRIPT_LABELS = (
    "nothing", "page %s", "Page %s of %s", "no page image", "show all %s characters",
    "decided", "open", "families agree", "the page shows none", "several, with ; between them",
    "take this value", "add a row", "remove this row", "row %s",
    "The server has ended. Start it again; what was saved is safe.", "Not saved: %s",
    "The draft was changed elsewhere. It was read again: look, and decide again.",
    "Type the value on the page, or press Shift+Enter where it shows none.",
    "%s: not answered (%s)", "%s of %s documents labelled", "%s values open",
    "Blind: nothing that candidates say is shown before the document is finished.",
    "The document is finished; its reference is written.", "labelled", "blind",
    "%s values are open.", "All documents are labelled.", "Saved.",
)  # fmt: skip
