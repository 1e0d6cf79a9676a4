"""The report's language: gettext catalogues, one .po file a language under locale/.

A third language is one more file: copy ru.po, translate its `msgstr` lines, commit it.
"""

import gettext
import io
from functools import lru_cache
from pathlib import Path

from vlm_lab.errors import UserError
from vlm_lab.localization import SOURCE_LANGUAGE
from vlm_lab.messages import ENGLISH, Message, translate_message, translate_messages
from vlm_lab.types import Decision

LOCALE_FOLDER = Path(__file__).parent / "locale"


def list_languages() -> list[str]:
    """What `--lang` takes."""
    return [SOURCE_LANGUAGE, *sorted(path.stem for path in LOCALE_FOLDER.glob("*.po"))]


@lru_cache(maxsize=4)
def load_catalogue(language: str) -> gettext.NullTranslations:
    """The words of one language. UserError where there is no file of it."""
    if language == SOURCE_LANGUAGE:
        return ENGLISH
    path = LOCALE_FOLDER / f"{language}.po"
    if language not in list_languages():
        raise UserError(
            f"--lang {language}: there is {', '.join(list_languages())};"
            f" a new one is a file {path.name}"
        )
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    mo_file = io.BytesIO()
    with path.open("rb") as file:
        write_mo(mo_file, read_po(file, locale=language))
    mo_file.seek(0)
    return gettext.GNUTranslations(mo_file)


def format_decision_evidence(decision: Decision, catalogue: gettext.NullTranslations) -> str:
    """What speaks for a candidate, on one line."""
    return "; ".join(translate_messages(decision.reasons_for("evidence"), catalogue))


def format_more_documents(decision: Decision, catalogue: gettext.NullTranslations) -> str:
    """How many documents, or drawn labels, would decide."""
    kind = "more_drawn" if decision.labels_drawn else "more"
    return translate_message(Message(kind, {"n": decision.more_documents}), catalogue)
