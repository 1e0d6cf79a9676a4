"""The page itself: one HTML file with its own script and style, which fetches the rest from here.

What models said and how files are called reaches it as JSON, and becomes text nodes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vlm_lab.corrections_page.session import CorrectionsSession
from vlm_lab.report.html.data import encode_script_json
from vlm_lab.report.html.jinja_environment import TEMPLATE_FOLDER as REPORT_TEMPLATES
from vlm_lab.report.html.jinja_environment import build_environment, hash_source
from vlm_lab.report.translation import load_catalogue

TEMPLATE_FOLDER = Path(__file__).parent / "templates"
SHARED_SCRIPTS = ("base.js", "page.js", "decision.js")  # the report's
SERVER_SCRIPT = "server.js"  # what both pages do with the server
SCRIPTS = ("rows.js", "corrections.js")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src 'self' data:; connect-src 'self'; style-src '{style}';"
    " script-src '{script}'; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """The page in UTF-8, and the policy that it is sent with."""

    content: bytes
    policy: str


def render_page(session: CorrectionsSession, language: str) -> RenderedPage:
    """The page of one session, in one language."""
    gettext = load_catalogue(language).gettext
    data = {
        "labels": {text: gettext(text) for text in SCRIPT_LABELS},
        "documents": session.describe_documents(),
        "user": session.user,
    }
    return render_template("corrections.html", SCRIPTS, data, language, session=session)


def render_template(
    template: str, scripts: Sequence[str], data: Mapping[str, Any], language: str, **context: Any
) -> RenderedPage:
    """A page with the report's style and shared scripts, our own after them, and its data."""
    style = "\n".join(
        [
            (REPORT_TEMPLATES / "report.css").read_text("utf-8"),
            (TEMPLATE_FOLDER / "corrections.css").read_text("utf-8"),
        ]
    )
    paths = [REPORT_TEMPLATES / name for name in SHARED_SCRIPTS]
    paths += [TEMPLATE_FOLDER / name for name in (SERVER_SCRIPT, *scripts)]
    code = "\n".join(path.read_text("utf-8") for path in paths)
    policy = CONTENT_SECURITY_POLICY.format(style=hash_source(style), script=hash_source(code))
    text = (
        build_environment(language, TEMPLATE_FOLDER)
        .get_template(template)
        .render(
            language=language,
            policy=policy,
            style=Markup(style),  # noqa: S704 - our own file
            code=Markup(code),  # noqa: S704 - our own file
            data=Markup(encode_script_json(data)),  # noqa: S704 - escaped there
            **context,
        )
    )
    # What a `meta` cannot say: nobody may show this page in a frame.
    return RenderedPage(text.encode("utf-8", "replace"), f"{policy}; frame-ancestors 'none'")


SCRIPT_LABELS = (
    "nothing", "page %s", "Page %s of %s", "no page image", "reference wrong", "model wrong",
    "both wrong", "the page shows none", "Value on the page", "decided", "doubtful",
    "Type the value on the page, or tick that it shows none.", "Reference", "exact",
    "only the format differs", "read otherwise", "missing", "spurious", "not labelled",
    "take this value", "as the reference", "read otherwise: %s", "%s open",
    "%s of %s doubtful values decided",
    "Saved into the suite's file.", "Taken back.", "Not saved: %s", "No value here fits.",
    "The file was changed elsewhere. It was read again: look, and decide again.",
    "The server has ended. Start it again; what was saved is safe.", "%s: not answered (%s)",
    "%s: rows that the reference lacks: %s. Add them in the reference's own file.",
    "This document has no reference: there is nothing to correct.",
    "The reference was %s when this was decided: decide again.",
    "All doubtful values are decided.", "show all %s characters",
)  # fmt: skip
