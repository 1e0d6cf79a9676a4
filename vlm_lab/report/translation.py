"""The report's language: gettext catalogues, one .po file a language under locale/.

A third language is one more file: copy ru.po, translate its `msgstr` lines, commit it.
"""

import gettext
import io
from functools import lru_cache
from pathlib import Path

from vlm_lab.errors import UserError
from vlm_lab.messages import ENGLISH, Reason, worded, worded_all
from vlm_lab.types import Decision

LOCALE = Path(__file__).parent / "locale"
SOURCE = "en"  # what the code itself is written in; it needs no catalogue


def languages() -> list[str]:
    """What `--lang` takes."""
    return [SOURCE, *sorted(path.stem for path in LOCALE.glob("*.po"))]


@lru_cache(maxsize=4)
def catalogue(language: str) -> gettext.NullTranslations:
    """The words of one language. UserError where there is no file of it."""
    if language == SOURCE:
        return ENGLISH
    path = LOCALE / f"{language}.po"
    if language not in languages():
        raise UserError(f"--lang {language}: there is {', '.join(languages())}; a new one is a file {path.name}")
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def evidence_of(decision: Decision, words: gettext.NullTranslations) -> str:
    """What speaks for a candidate, on one line."""
    return "; ".join(worded_all(decision.reasons_for("evidence"), words))


def more(documents: int, words: gettext.NullTranslations) -> str:
    """How many documents would decide."""
    return worded(Reason("more", {"n": documents}), words)
