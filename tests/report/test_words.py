"""Every text of the report has its words in each language that ships."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from tests.report.made import write_run
from tests.test_reasons import filled
from vlm_lab.kinds import KINDS, TOLD_BY_STATUS
from vlm_lab.reasons import SENTENCES, english, worded
from vlm_lab.report import forms, html, overview, words
from vlm_lab.report.build import plain

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
    yield from (*overview.MONEY_HEADS, overview.MONEY_LEGEND, "all %s", "and %s more", "skipped", "not run")


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


def every_reason(folder: Path) -> Path:
    """A run whose decisions, doubts and notes have each sentence that there is."""
    run = write_run(folder)
    report = json.loads((run / "report.json").read_text())
    reasons = json.loads(plain([filled(kind, 5) for kind in SENTENCES]))
    first, second = report["decisions"]
    first |= {"reasons": {"evidence": reasons, "against": [], "pipeline": []}, "more_documents": 5}
    second |= {"reasons": {"evidence": [], "against": reasons, "pipeline": reasons[-2:]}}
    report["suspects"][0]["reasons"] = report["notes"] = reasons
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in report.items() if key != "records"]
    rows = ",\n".join(map(json.dumps, report["records"]))
    (run / "report.json").write_text("{" + ",\n".join(lines) + f',\n"records": [\n{rows}\n]}}')
    return run


@pytest.mark.parametrize("form", ["md", "confluence", "html"])
def test_no_reason_stays_english_in_russian(tmp_path: Path, form: str) -> None:
    written = forms.write(form, every_reason(tmp_path), "ru").read_text()
    said = re.sub(r'("why": \[.*?\])|\\|&#39;|&#34;|\u2060', "", written)  # corrections.json has English
    for kind in SENTENCES:
        reason = filled(kind, 5)
        pieces = re.split(r"[\d.'`()*_:]+", english(reason))
        assert not [piece for piece in pieces if len(piece) > 12 and re.search(rf"(?<!\w){re.escape(piece)}", said)]
        longest = max(re.split(r"[^а-яё ]+", worded(reason, words.catalogue("ru")), flags=re.IGNORECASE), key=len)
        assert longest in said


def test_a_run_from_before_reasons_shows_what_it_says(tmp_path: Path) -> None:
    written = forms.write("md", write_run(tmp_path), "ru").read_text()
    assert "| field\\_f1 |" in written
    assert "against" in written
