"""pytest tests/test_own_invoices.py: the user's first fifteen minutes, as docs/own-invoices.md
tells them.

Thirty documents and a pipeline's JSON with three errors; three commands; the errors are named,
corrected, rescored.
"""

import json
from pathlib import Path

import pytest

from tests.pipelines import COUNT, WRONG, fields_of, write_json, write_pipeline
from tests.projects import PROJECT, records_of
from vlm_lab.analysis.label_errors import find_label_errors
from vlm_lab.cli.main import main
from vlm_lab.records.run_folder import read_records
from vlm_lab.suite import load_documents, load_suite

MODELS = """
models:
  - {name: today, backend: replay, model_id: output/json}
  - {name: one, backend: replay, model_id: candidates/one}
  - {name: other, backend: replay, model_id: candidates/other}
"""
SUSPECTS = {
    "scheta-2024-02-schet-no4": ("Итого.Всего", "4 800,00 руб."),
    "scheta-2024-03-schet-no11": ("Дата", "12 марта 2024 г."),
    "scheta-2024-03-schet-no23": ("Поставщик.ИНН", "7702070139"),
}

CHANGED = "the document, its reference, a correction or a rule of suite.yaml changed"


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    """A user's project in which the three candidates are today's pipeline and two that read all
    right."""
    folder = pytester.path
    ini = (
        (PROJECT / "pytest.ini").read_text().replace("pythonpath = .", f"pythonpath = {PROJECT} .")
    )
    (folder / "pytest.ini").write_text(ini)
    (folder / "models.yaml").write_text(MODELS)
    write_pipeline(folder)
    for number in range(1, COUNT + 1):
        write_json(folder / "candidates/one", number, fields_of(number))
        write_json(folder / "candidates/other", number, fields_of(number))
    return folder


def newest(project: Path) -> Path:
    return max((project / "results").glob("2*"), key=lambda path: (len(path.name), path.name))


def scores(run: Path, model: str) -> list[float]:
    return [row["scores"]["field_f1"] for row in records_of(run) if row["model"] == model]


def test_three_commands_name_the_references_that_are_wrong(
    project: Path, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "benchmarks/schet", "--documents=docs", "--references=output/json"]) == 0
    collected = pytester.runpytest(
        "benchmarks", "--collect-only", "-q", "-k", "schet-no4 and today"
    )
    assert (
        "benchmarks/test_schet.py::test_document[today-default-scheta-2024-02-schet-no4]"
        in collected.outlines
    )
    assert "1/90 tests collected" in collected.stdout.str()
    pytester.runpytest("benchmarks").assert_outcomes(passed=3 * COUNT)
    assert scores(newest(project), "today") == [1.0] * COUNT
    assert sum(value == 1.0 for value in scores(newest(project), "one")) == COUNT - len(WRONG)

    first_run = newest(project)
    assert main(["corrections", "last"]) == 0
    path = project / "benchmarks/schet/corrections.json"
    entries = json.loads(path.read_text("utf-8"))
    assert {entry["document"]: entry["path"] for entry in entries} == {
        document: path for document, (path, _) in SUSPECTS.items()
    }
    for entry in entries:
        entry["verdict"], entry["right"] = "reference_wrong", SUSPECTS[entry["document"]][1]
        assert set(entry["said"].values()) == {entry["right"]}
    path.write_text(json.dumps(entries, ensure_ascii=False), "utf-8")

    result = pytester.runpytest("benchmarks")
    result.assert_outcomes(passed=3 * COUNT)
    assert "corrected from '9 999,00 руб.' to '4 800,00 руб.'" in result.stdout.str()
    assert scores(newest(project), "one") == [1.0] * COUNT
    assert sum(value == 1.0 for value in scores(newest(project), "today")) == COUNT - len(WRONG)
    capsys.readouterr()
    assert main(["compare", first_run.name, newest(project).name]) == 0, "no model got worse"
    left_out = f"today (default): left out (not comparable: {CHANGED}): {', '.join(SUSPECTS)}"
    assert left_out in capsys.readouterr().out
    suite = load_suite(project / "benchmarks/schet")
    again = find_label_errors(read_records(newest(project)), {"schet": suite.conventions})
    assert again == []
    assert sum(bool(document.reference) for document in load_documents(suite)[0]) == COUNT
