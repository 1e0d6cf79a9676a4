"""Every text of the report has its words in each language that ships."""

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from tests.projects import echo, run_folder_of, write_project
from tests.report.made import write_run
from tests.suites import REFERENCE
from tests.test_messages import NAMES, WORDED, filled
from vlm_lab.cli.main import main
from vlm_lab.corrections_page import page as corrections_page
from vlm_lab.corrections_page.labelling import page as labelling_page
from vlm_lab.localization import SOURCE_LANGUAGE
from vlm_lab.messages import MESSAGES, in_english, translate_message
from vlm_lab.records.report_json import encode_json
from vlm_lab.report import (
    confidence_table,
    contents,
    formats,
    headline,
    tables,
    tables_csv,
    trade_table,
    translation,
)
from vlm_lab.report.html.jinja_environment import TEMPLATE_FOLDER
from vlm_lab.report.html.page import SCRIPT_LABELS, SCRIPTS
from vlm_lab.scoring.error_types import ERROR_TYPES
from vlm_lab.scoring.missing_values import MISSING_ERROR_TYPES
from vlm_lab.types import OUTCOMES

REPORT = Path(translation.__file__).parent
CODE = ("headline.py", "tables.py", "contents.py", "plots.py", "html/suite_context.py")


def texts() -> Iterator[str]:
    """What templates, code and scripts say."""
    for template in (
        *TEMPLATE_FOLDER.glob("*.html"),
        *corrections_page.TEMPLATE_FOLDER.glob("*.html"),
    ):
        with template.open("rb") as file:
            options = {"trimmed": "false", "trim_blocks": "true", "lstrip_blocks": "true"}
            for _, _, found, _ in babel_extract(file, ("_", "gettext", "ngettext"), (), options):
                if found:  # not a name that stands for a text of the code
                    yield found if isinstance(found, str) else found[0]
    for name in CODE:
        source = (REPORT / name).read_text()
        calls = re.findall(r'gettext\(\s*((?:"[^"]*"\s*)+)\)', source)
        assert calls, f"{name}: no text is found by this expression"
        for call in calls:
            yield "".join(re.findall(r'"([^"]*)"', call))
    yield from (
        *SCRIPT_LABELS,
        *corrections_page.SCRIPT_LABELS,
        *labelling_page.SCRIPT_LABELS,
        *tables.MODEL_COLUMNS,
        *tables.VERDICT_NAMES.values(),
        *ERROR_TYPES,
        *MISSING_ERROR_TYPES,
    )
    yield from (*tables_csv.FIELD_COLUMNS, *tables_csv.RESULT_COLUMNS, *OUTCOMES)
    yield from (*contents.DECISION_COLUMNS, *contents.EVIDENCE_COLUMNS, "format")
    yield from tables.SWEEP_COLUMNS
    yield from (*confidence_table.CONFIDENCE_COLUMNS, *confidence_table.BASIS_NAMES.values())
    yield from (confidence_table.LINE_TITLE, confidence_table.POLICY_TITLE)
    yield confidence_table.CONFIDENCE_LEGEND
    yield from (*trade_table.TRADE_COLUMNS, trade_table.TRADE_LEGEND, trade_table.COST_LEGEND)
    yield from (
        *headline.CONDITION_LABELS,
        *tables.DIFFERENCE_COLUMNS,
        *tables.LABEL_ERROR_COLUMNS,
        tables.MODEL_LEGEND,
    )
    yield from (
        *tables.AMOUNT_ERROR_COLUMNS,
        tables.AMOUNT_ERROR_LEGEND,
        "all %s",
        "and %s more",
        "skipped",
        "not run",
    )


@pytest.mark.parametrize(
    "language",
    [each for each in translation.list_languages() if each != SOURCE_LANGUAGE],
)
def test_nothing_is_left_untranslated(language: str) -> None:
    with (translation.LOCALE_FOLDER / f"{language}.po").open("rb") as file:
        known = {message.id: message.string for message in read_po(file, locale=language)}
    missing = sorted({text for text in texts() if not known.get(text)})
    assert missing == []


PAGE_SCRIPTS = [
    *((TEMPLATE_FOLDER / name, SCRIPT_LABELS) for name in SCRIPTS),
    *(
        (TEMPLATE_FOLDER / name, corrections_page.SCRIPT_LABELS)
        for name in corrections_page.SHARED_SCRIPTS
    ),
    *(
        (corrections_page.TEMPLATE_FOLDER / name, corrections_page.SCRIPT_LABELS)
        for name in corrections_page.SCRIPTS
    ),
    *(
        (corrections_page.TEMPLATE_FOLDER / name, labelling_page.SCRIPT_LABELS)
        for name in labelling_page.SCRIPTS
    ),
]


@pytest.mark.parametrize(("script", "page_labels"), PAGE_SCRIPTS)
def test_what_a_script_translates_is_among_the_labels(
    script: Path, page_labels: tuple[str, ...]
) -> None:
    source = script.read_text("utf-8")
    labels = re.findall(r'translate\("([^"]+)"', source)
    labels += re.findall(r': \["[^"]+", "([^"]+)"\]', source)  # signs and keys with their names
    assert labels
    assert set(labels) <= set(page_labels)


@pytest.mark.parametrize(
    "language",
    [each for each in translation.list_languages() if each != SOURCE_LANGUAGE],
)
def test_translations_keep_their_places(language: str) -> None:
    with (translation.LOCALE_FOLDER / f"{language}.po").open("rb") as file:
        for message in read_po(file, locale=language):
            if message.id:
                assert str(message.id).count("%s") == str(message.string).count("%s")


@pytest.mark.parametrize(
    ("form", "said"),
    [("md", "Выбрано: sharp"), ("confluence", "<h3>Поля</h3>"), ("html", "Решения")],
)
def test_a_report_in_russian(tmp_path: Path, form: str, said: str) -> None:
    written: Any = formats.write_format(form, write_run(tmp_path), "ru")
    assert said in written.read_text()


def every_reason(folder: Path) -> Path:
    """A run whose decisions, doubts, notes, gate and unanswered cells have each sentence that there
    is."""
    run = write_run(folder)
    report = json.loads((run / "report.json").read_text())
    reasons = json.loads(encode_json([filled(kind, 5) for kind in MESSAGES]))
    first, second = report["decisions"]
    first |= {"reasons": {"evidence": reasons, "against": [], "pipeline": []}, "more_documents": 5}
    second |= {"reasons": {"evidence": [], "against": reasons, "pipeline": reasons[-2:]}}
    report["suspects"][0]["reasons"] = report["notes"] = reasons
    report["gate"] = {"status": "ok", "baseline": "", "run": "", "lines": reasons}
    unanswered = {f"document-{number}": ["error", each] for number, each in enumerate(reasons)}
    report["summaries"][0]["unanswered"] = unanswered
    lines = [
        f"{json.dumps(key)}: {json.dumps(value)}"
        for key, value in report.items()
        if key != "records"
    ]
    rows = ",\n".join(map(json.dumps, report["records"]))
    (run / "report.json").write_text("{" + ",\n".join(lines) + f',\n"records": [\n{rows}\n]}}')
    return run


@pytest.mark.parametrize("form", ["md", "confluence", "html"])
def test_no_reason_stays_english_in_russian(tmp_path: Path, form: str) -> None:
    written = formats.write_format(form, every_reason(tmp_path), "ru").read_text()
    said = re.sub(
        r'("why":\[.*?\](?=,"verdict"))|\\|&#39;|&#34;|\u2060', "", written
    )  # corrections.json has English
    for kind in WORDED:
        reason = filled(kind, 5)
        pieces = re.split(r"[\d.'`()*_:]+", re.sub(NAMES, "7", in_english(reason)))
        assert not [
            piece
            for piece in pieces
            if len(piece) > 12 and re.search(rf"(?<!\w){re.escape(piece)}", said)
        ]
        longest = max(
            re.split(
                r"[^а-яё ]+",
                translate_message(reason, translation.load_catalogue("ru")),
                flags=re.IGNORECASE,
            ),
            key=len,
        )
        assert longest in said


SCHEMA = {
    "type": "object",
    "properties": {
        "number": {"type": "string", "x-vlm-lab": {"type": "identifier"}},
        "iban": {"type": "string", "x-vlm-lab": {"type": "iban"}},
        "date": {"type": "string", "format": "date"},
        "gross": {"type": "string", "format": "decimal"},
        "phone": {"type": "string"},
    },
}
REFERENCES = {
    "iso": {"number": 12345, "date": "2024-03-12", "gross": "10.00", "iban": "DE00"},
    "dotted": {"number": "A-2", "date": "12.03.2024", "gross": "1.234,56", "surplus": "x"},
    "letters": {"number": "A-3", "date": "12 March 2024", "gross": "10 EUR"},
    "odd": {"number": "A-4", "date": "soon", "gross": 10.5},
    "torn": "{not json",
    "bare": "[1]",
}
# Flips one value when it is asked again.
FICKLE = """
import json
from echo import Echo

class Fickle(Echo):
    def generate(self, prompt):
        self.times = getattr(self, "times", 0) + 1
        self.settings["answer"] = {"number": "A-4" if self.times < 9 else "A-5", "date": "soon"}
        return super().generate(prompt)
"""
CORRECTIONS = [
    {
        "document": "dotted",
        "path": "gross",
        "reference": "1.234,56",
        "verdict": "reference_wrong",
        "right": None,
    },
    {
        "document": "odd",
        "path": "date",
        "reference": "late",
        "verdict": "reference_wrong",
        "right": "later",
    },
    {"document": "gone", "path": "gross", "reference": "1", "verdict": "both", "right": "2"},
]


def noted_run(folder: Path) -> None:
    """A project of which a run has much to say: about references, corrections, second answers, a
    short limit."""
    models = echo("m1", ", generation_kwargs: {max_new_tokens: 9}").replace(
        "echo:Echo", "fickle:Fickle"
    )
    write_project(folder, "models:\n" + models + echo("m2", answer={"number": "A-2"}), REFERENCES)
    (folder / "fickle.py").write_text(FICKLE)
    suite = folder / "benchmarks" / "invoices"
    (suite / "schema.json").write_text(json.dumps(SCHEMA))
    (suite / "corrections.json").write_text(json.dumps(CORRECTIONS))
    (suite / "references" / "lonely.json").write_text("{}")
    for name in ("iso.jpg", "extra.png"):
        (suite / "documents" / name).write_bytes((suite / "documents" / "torn.png").read_bytes())


@pytest.mark.parametrize(
    ("options", "kinds", "said"),
    [
        pytest.param(
            ["--probe=4"],
            {
                "namesake",
                "unreadable",
                "no_object",
                "no_field",
                "corrected",
                "changed_since",
                "unused_correction",
                "unmatched",
                "unused",
                "never_scored",
                "numbers",
                "no_type",
                "invalid",
                "dates_written",
                "amounts_written",
                "verified",
                "asked_again",
            },
            "Ни одна модель не выбрана.",
            id="run",
        ),
        pytest.param(
            ["--dry-run", "--probe=4"],
            {"too_long", "not_asked_again"},
            "Решения нет: пробный прогон не вызывает моделей.",
            id="dry run",
        ),
        pytest.param(
            ["-k", "odd"],
            {"verified"},
            "Решения нет: прогон охватил только часть набора.",
            id="part",
        ),
    ],
)
def test_a_real_run_is_told_in_russian(
    pytester: pytest.Pytester, options: list[str], kinds: set[str], said: str
) -> None:
    noted_run(pytester.path)
    pytester.runpytest("benchmarks", "-p", "no:cacheprovider", *options)
    run = run_folder_of(pytester.path)
    notes = json.loads((run / "report.json").read_text())["notes"]
    assert [note for note in notes if isinstance(note, str)] == []
    assert kinds <= {note["kind"] for note in notes}
    for form in ("md", "confluence", "html"):
        shown = visible(formats.write_format(form, run, "ru").read_text())
        assert said in shown
        assert re.findall(r"(?<![\w./-])[A-Za-z']+(?:,? [a-z']+){2,}", shown) == [], form


def gated_run(folder: Path) -> Path:
    """A run that is worse than an accepted one, beside candidates that cannot be asked, documents
    that cannot be read and replies that say nothing."""
    answer = {"number": "A-2", "date": "2024-03-12", "gross": "10.00"}
    references = {f"inv_{number:02}": answer for number in range(20)}
    left_out = (
        echo("other", ", only: {language: [ru, en]}")
        + "  - {name: gone, model_id: org/gone, backend: transformers}\n"
        + "  - {name: replayed, model_id: nowhere.jsonl, backend: replay}\n"
        + "  - {name: keyless, model_id: m, backend: openai,"
        + " backend_kwargs: {base_url: 'http://127.0.0.1:9/v1', api_key_env: NO_SUCH_KEY}}\n"
        + "  - {name: 1st, model_id: m, backend: openai, backend_kwargs: {base_url: nowhere}}\n"
        + "  - {name: 2st, model_id: halved, backend: transformers}\n"
        + "  - {name: 3st, model_id: nowhere, backend: transformers,"
        + " load_kwargs: {torch_dtype: float16}}\n"
        + "  - {name: 4st, model_id: list.jsonl, backend: replay}\n"
    )
    write_project(folder, "models:\n" + echo("m", answer=answer) + left_out, references)
    suite = folder / "benchmarks" / "invoices"
    (suite / "schema.json").write_text(json.dumps(SCHEMA))
    (folder / "list.jsonl").write_text('{"raw_response": "{}"}\n[1]\n')
    (folder / "halved").mkdir()
    (folder / "halved" / "model.safetensors").write_bytes(b"")
    for name, text in (("config.json", ""), ("tokenizer.json", "[]")):
        (folder / "halved" / name).write_text(text)
    return suite


def test_gate_and_unanswered_cells_are_told_in_russian(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = gated_run(pytester.path)
    pytester.runpytest("benchmarks", "-p", "no:cacheprovider")
    results = ["--output-dir", str(pytester.path / "results")]
    assert main(["accept", "last", *results]) == 0
    wrong = {f"inv_{number:02}": {"number": "B-1"} for number in range(12)}
    models = (pytester.path / "models.yaml").read_text()
    entries = "models:\n" + echo("m", answers=wrong) + models[models.index("  - {name: other") :]
    (pytester.path / "models.yaml").write_text(entries)
    (suite / "documents" / "inv_19.png").write_bytes(b"torn")
    options = ("--baseline=results/baseline.json", "--replies=refresh")
    pytester.runpytest("benchmarks", "-p", "no:cacheprovider", *options)
    run = max((pytester.path / "results").glob("2*"))
    report = json.loads((run / "report.json").read_text())
    assert {"gate_failures", "gate_lost", "gate_compared", "gate_gone"} <= {
        line["kind"] for line in report["gate"]["lines"]
    }
    reasons = [record["error"]["reason"] for record in report["records"] if record["error"]]
    assert {
        *("meant_for_others", "no_weights", "no_replay", "key_not_set", "file_too_small"),
        *("bad_base_url", "setting_renamed", "replay_no_object"),
        "weights_damaged",
    } <= {reason["kind"] for reason in reasons}
    for form in ("md", "confluence", "html"):
        page = formats.write_format(form, run, "ru").read_text()
        shown = re.sub(r"vlm-lab [\w -]+", "", visible(page))
        assert "стало хуже: " in shown, form
        assert re.findall(r"(?<![\w./-])[A-Za-z']+(?:,? [a-z']+){2,}", shown) == [], form
        told = map(json.loads, re.findall(r'"reason":("[^"]*")', page))
        assert all(re.search("[а-я]", text) for text in told), form


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        ("{% for each in schema %}{{ each }}{% endfor %}", "prompt_line_broken"),
        ("x" * 1_000_001, "prompt_broken"),
    ],
    ids=["a loop", "a long text"],
)
def test_a_prompt_that_cannot_be_made_is_told_in_russian(
    pytester: pytest.Pytester, template: str, kind: str
) -> None:
    prompts = "prompts: {default: prompt.md, other: other.md}\n"
    models = "models:\n" + echo("m", ", prompts: [default, other]")
    write_project(pytester.path, models, {"inv_1": REFERENCE}, prompts)
    (pytester.path / "benchmarks" / "invoices" / "other.md").write_text(template)
    pytester.runpytest("benchmarks", "-p", "no:cacheprovider")
    run = run_folder_of(pytester.path)
    _, record = json.loads((run / "report.json").read_text())["records"]
    assert record["error"]["reason"]["kind"] == kind
    for form in ("md", "html"):
        shown = visible(formats.write_format(form, run, "ru").read_text())
        known = "{{ schema }}, {{ template }} и {{ ocr_text }}"
        assert f"в шаблоне можно использовать только {known}" in shown, form
        assert re.findall(r"(?<![\w./-])[A-Za-z']+(?:,? [a-z']+){2,}", shown) == [], form


def visible(page: str) -> str:
    """What a reader sees of it."""
    bare = re.sub(r"(?s)<(script|style|svg)\b.*?</\1>|<[^>]*>|\\|\u2060", "", page)
    return unescape(bare)
