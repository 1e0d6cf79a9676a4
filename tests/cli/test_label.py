"""`vlm-lab label`: which documents are drawn, from which run, and what is wrong with it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.case_records import record
from tests.projects import echo, run_folder_of, write_project
from tests.runs import write_run
from tests.suites import REFERENCE, write_suite
from vlm_lab.cli.main import main
from vlm_lab.exit_status import ExitStatus
from vlm_lab.records.report_json import read_report
from vlm_lab.run.finalize import measure_prefill_biases
from vlm_lab.suite import load_suite
from vlm_lab.suite.label_checks import LabelCheck, write_label_check
from vlm_lab.suite.label_draws import read_label_draws
from vlm_lab.types import Model

OTHER = {"invoice_number": "A-17", "totals": {"gross": "120.00"}}
NEW = tuple(f"new_{number}" for number in range(12))
RUN = "20260102T030405Z"
CHECK = LabelCheck(document="x", blind=False, kept=("a",), changed=("b",), reference_sha256="")


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The suite of a run in which two families disagree about a total; 12 documents of 13 have no
    reference."""
    suite = write_suite(tmp_path / "benchmarks" / "invoices", {"inv_1": REFERENCE}, documents=NEW)
    answers = {"qwen": OTHER, "phi": REFERENCE}
    records = [
        record(document, prediction=answer, model=model, model_id=model)
        for model, answer in answers.items()
        for document in ("inv_1", *NEW)
    ]
    models = [Model(name=name, model_id=name) for name in answers]
    write_run(tmp_path / "results" / RUN, records, models)
    (tmp_path / "models.yaml").write_text("models: []")
    monkeypatch.chdir(tmp_path)
    return suite


def test_a_batch_is_drawn_once_and_named_until_it_is_labelled(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["label", "last", "--documents", "5"]) == 0
    said = capsys.readouterr().out
    assert "5 of 12 documents without a reference are drawn, 1 of them blind;" in said
    assert said.count(": 1 of 2 values disputed: totals.gross\n") == 4
    assert said.count(": blind\n") == 1
    assert f"vlm-lab label {RUN} --serve\n" in said
    draws = read_label_draws(suite)
    assert [draw.inclusion_probability for draw in draws] == pytest.approx([5 / 12] * 5)
    assert main(["label", "last"]) == 0
    assert "5 documents that were drawn before wait for their labels:" in capsys.readouterr().out
    assert read_label_draws(suite) == draws
    for draw in draws:
        (suite / "references" / f"{draw.document}.json").write_text(json.dumps(REFERENCE))
    assert main(["label", "last", "--documents", "99"]) == 0
    assert "7 of 7 documents without a reference are drawn" in capsys.readouterr().out
    assert [draw.inclusion_probability for draw in read_label_draws(suite)] == [1.0] * 12
    for draw in read_label_draws(suite):
        (suite / "references" / f"{draw.document}.json").write_text(json.dumps(REFERENCE))
    assert main(["label", "last"]) == 0
    said = capsys.readouterr().out
    assert "invoices: every document has a reference; nothing to label" in said
    assert "13 of 13 are not verified: look at them with" in said


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda suite: None, ("nope",), "no run 'nope'"),
        (
            lambda suite: None,
            ("last", "--documents", "0"),
            "--documents: must be 1 or more (got 0)",
        ),
        (lambda suite: None, ("last", "--suite", "x"), "--suite=x: this run has invoices"),
        (
            lambda suite: (suite / "label_draws.json").write_text("[{]"),
            ("last",),
            "label_draws.json: Invalid JSON",
        ),
        (lambda suite: (suite / "schema.json").unlink(), ("last",), "a form is made from schema"),
        (
            lambda suite: suite.rename(suite.with_name("gone")),
            ("last",),
            "start in the project's folder, or move the suite back",
        ),
        (
            lambda suite: (suite / "label_draws.json").mkdir(),
            ("last",),
            "label_draws.json: cannot be read",
        ),
    ],
)
def test_what_is_wrong_is_a_sentence(
    suite: Path,
    change: object,
    options: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert callable(change)
    change(suite)
    assert main(["label", *options]) == ExitStatus.UNUSABLE_INPUT
    assert said in capsys.readouterr().err


def test_a_run_says_what_prefilling_did(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, f"models:\n{echo('qwen', answer=OTHER)}", {"inv_1": REFERENCE})
    write_label_check(pytester.path / "benchmarks" / "invoices", CHECK)
    pytester.runpytest("benchmarks", "-q")
    run = run_folder_of(pytester.path)
    (bias,) = read_report(run).prefill_biases
    assert (bias.suite, bias.changed.value, bias.values) == ("invoices", 0.5, 2)
    sentence = "people changed 50.0% of 2 values that were prefilled"
    assert sentence in (run / "report.md").read_text()


def test_a_damaged_file_of_checks_costs_its_figure_alone(suite: Path) -> None:
    (suite / "label_checks.json").write_text("[")
    case: Any = SimpleNamespace(document=SimpleNamespace(suite=load_suite(suite)))
    biases, (unread,) = measure_prefill_biases([case])
    assert biases == []
    assert "label_checks.json: Invalid JSON" in unread
