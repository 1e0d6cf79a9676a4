"""Every text of the report has its words in each language that ships."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from tests.report.made import write_run
from vlm_lab.kinds import KINDS, TOLD_BY_STATUS
from vlm_lab.report import forms, html, overview, words

REPORT = Path(words.__file__).parent
CODE = ("overview.py", "story.py", "plots.py", "html.py", "forms.py")


def texts() -> Iterator[str]:
    """What templates, code and scripts say."""
    for template in html.TEMPLATES.glob("*.html"):
        with template.open("rb") as file:
            options = {"trimmed": "false", "trim_blocks": "true", "lstrip_blocks": "true"}
            for _, _, found, _ in babel_extract(file, ("_", "gettext", "ngettext"), (), options):
                if found:  # not a name that stands for a text of the code
                    yield found if isinstance(found, str) else found[0]
    for name in CODE:
        for call in re.finditer(r'words\(\s*((?:"[^"]*"\s*)+)\)', (REPORT / name).read_text()):
            yield "".join(re.findall(r'"([^"]*)"', call[1]))
    yield from (*html.LABELS, *overview.MODEL_HEADS, *overview.NAMES.values(), *KINDS, *TOLD_BY_STATUS.values())
    yield from ("decision", "model", "prompt", "for it", "against it", "format")
    yield from (*overview.CONDITIONS, *overview.DIFFERENCE_HEADS, *overview.SPARED_HEADS, overview.LEGEND)


@pytest.mark.parametrize("language", [each for each in words.languages() if each != words.SOURCE])
def test_nothing_is_left_untranslated(language: str) -> None:
    with (words.LOCALE / f"{language}.po").open("rb") as file:
        known = {message.id: message.string for message in read_po(file, locale=language)}
    missing = sorted({text for text in texts() if not known.get(text)})
    assert missing == []


@pytest.mark.parametrize("language", [each for each in words.languages() if each != words.SOURCE])
def test_translations_keep_their_places(language: str) -> None:
    with (words.LOCALE / f"{language}.po").open("rb") as file:
        for message in read_po(file, locale=language):
            if message.id:
                assert str(message.id).count("%s") == str(message.string).count("%s")


@pytest.mark.parametrize(
    ("form", "said"), [("md", "Выбрано: sharp"), ("confluence", "<h3>Поля</h3>"), ("html", "Решения")]
)
def test_a_report_in_russian(tmp_path: Path, form: str, said: str) -> None:
    written: Any = forms.write(form, write_run(tmp_path), "ru")
    assert said in written.read_text()
