"""pytest tests/run/test_decision_plan.py: what is said before a run of its rules, and which
documents its word comes from."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import echo, write_project
from tests.suites import REFERENCE, write_suite
from vlm_lab.config.models_file import load_candidates
from vlm_lab.errors import UserError
from vlm_lab.messages import in_english
from vlm_lab.run.rule_forecast import find_unprovable_rules
from vlm_lab.run.rule_names import check_rules
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.types import Case, Model, Rules

NAMES = [f"inv_{number:02}" for number in range(20)]


def write(folder: Path, decide: str = "", suite_yaml: str = "", models: str = "") -> None:
    write_project(
        folder, f"models:\n{models or echo()}{decide}", dict.fromkeys(NAMES, REFERENCE), suite_yaml
    )


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest("benchmarks", "-p", "no:cacheprovider", *options)


def read_report(folder: Path) -> dict[str, object]:
    newest = sorted((folder / "results").glob("*/report.json"))[-1]
    return dict(json.loads(newest.read_text()))


def test_a_rule_that_names_nothing_is_an_error_before_anything_runs(
    pytester: pytest.Pytester,
) -> None:
    write(pytester.path, "decide: {prefer: [totals.gros]}\n")
    result = run(pytester)
    assert result.ret == 4
    text = (result.stdout.str() + result.stderr.str()).replace("\n", " ")
    pytest.LineMatcher([text]).fnmatch_lines("*prefer: no figure and no field*'totals.gros'*mean*")
    assert not list(pytester.path.glob("results/2*"))


@pytest.mark.parametrize(
    ("rules", "unknown"),
    [
        (Rules({"field_f1": 0.9, "p95_seconds": 8}), None),
        (Rules({"totals.gross": 0.9}, ("invoice_number",)), None),
        (Rules({"other": 0.5}), None),  # a field of the suite beside it
        (Rules({"f1": 0.9}), "require: no figure and no field of a suite is called 'f1'"),
        (Rules({}, ("p95",)), "prefer: no figure and no field of a suite is called 'p95'"),
    ],
)
def test_a_rule_may_name_figures_and_fields_of_any_suite(
    tmp_path: Path, rules: Rules, unknown: str | None
) -> None:
    suite = load_suite(write_suite(tmp_path / "invoices", {"a": REFERENCE}))
    (tmp_path / "receipts").mkdir()
    schema = {"type": "object", "properties": {"other": {"type": "string"}}}
    (tmp_path / "receipts" / "schema.json").write_text(json.dumps(schema))
    if unknown is None:
        check_rules(rules, [suite])
        return
    with pytest.raises(UserError, match=unknown):
        check_rules(rules, [suite])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("decide: {looks: 3, anytime: true}", r"decide\.anytime.*leave out `looks: 3`"),
        ("decide: {looks: 0}", r"decide\.looks.*must be 1 or more \(got 0\)"),
        ("decide: {equivalence_margin: 3}", r"equivalence_margin.*for example 0\.01 \(got 3\)"),
        (
            "models: [{name: a, model_id: x, incumbent: true},"
            " {name: b, model_id: x, incumbent: true}]",
            r"incumbent.*not several \(a and b\)",
        ),
    ],
)
def test_what_cannot_be_meant_is_an_error(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "models.yaml").write_text(text)
    with pytest.raises(UserError, match=words):
        load_candidates([tmp_path / "models.yaml"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "tags: {supplier: seller.name}\ncluster: suplier\n",
            r"suite\.yaml:2: .*cluster.*did you mean 'supplier'",
        ),
        ("holdout: 1.5\n", r"suite\.yaml:1: .*holdout.*for example 0\.5 \(got 1\.5\)"),
    ],
)
def test_a_suite_that_groups_by_nothing_is_an_error(tmp_path: Path, text: str, words: str) -> None:
    folder = write_suite(tmp_path / "s", {"a": REFERENCE}, text)
    with pytest.raises(UserError, match=words):
        load_suite(folder)


def test_the_word_comes_from_the_holdout(pytester: pytest.Pytester) -> None:
    write(pytester.path, "decide: {require: {field_f1: 0.5}}\n", "holdout: 0.5\n")
    tuned = run(pytester)
    tuned.stdout.fnmatch_lines(
        ["*10 documents that prompts are tuned on; the word comes from the others: *--holdout*"]
    )
    assert read_report(pytester.path)["decisions"] == []
    assert not (pytester.path / "results/looks.jsonl").exists()
    run(pytester, "--holdout").stdout.fnmatch_lines("m (default): chosen*")
    first = read_report(pytester.path)
    assert "no longer unseen" not in json.dumps(first["notes"])
    calls = (pytester.path / "calls.txt").read_text().splitlines()
    assert sum("pages" in line for line in calls) == 20, "each document on one side"
    run(pytester, "--holdout")
    second = read_report(pytester.path)
    assert '"holdout_again"' in json.dumps(second["notes"])
    looks = (pytester.path / "results/looks.jsonl").read_text().splitlines()
    assert [json.loads(line)["documents"] for line in looks] == [10, 10]


def test_a_holdout_that_no_suite_keeps_is_said(pytester: pytest.Pytester) -> None:
    write(pytester.path)
    result = run(pytester, "--holdout")
    assert result.ret == 4
    result.stdout.fnmatch_lines("*--holdout: suite 'invoices' keeps no documents apart*")


def test_more_documents_than_were_planned_make_a_word_exploratory(
    pytester: pytest.Pytester,
) -> None:
    write(pytester.path, "decide: {require: {field_f1: 0.5}}\n")
    run(pytester)
    run(pytester)
    assert '"exploratory": true' not in json.dumps(read_report(pytester.path)["decisions"])
    suite = pytester.path / "benchmarks" / "invoices"
    for document in sorted((suite / "documents").iterdir())[:1]:
        (document.with_name(f"new{document.suffix}")).write_bytes(document.read_bytes())
    run(pytester).stdout.fnmatch_lines("*exploratory: look 2 at the suite's documents*")
    assert '"exploratory": true' in json.dumps(read_report(pytester.path)["decisions"])


def test_a_part_of_a_suite_is_no_look(pytester: pytest.Pytester) -> None:
    write(pytester.path)
    run(pytester, "-k", "inv_01")
    run(pytester, "--dry-run")
    assert not (pytester.path / "results/looks.jsonl").exists()


@pytest.mark.parametrize(
    ("suite_yaml", "rules", "words"),
    [
        (
            "tags: {gross: totals.gross}\ncluster: gross\n",
            Rules({"field_f1": 0.9}),
            "s: field_f1 0.9 cannot be shown with 20 documents in 1 groups; were all right,"
            " it would take 29 groups for 1 candidate",
        ),
        (
            "",
            Rules({"field_f1": 0.9}, looks=4),
            "s: field_f1 0.9 cannot be shown with 20 documents; were all right,"
            " it would take 42 for 1 candidate",
        ),
        (
            "tags: {kind: invoice_number}\n",
            Rules({"field_f1": 0.85}, by="kind"),
            "s, kind 17: field_f1 0.85 cannot be shown with 10 documents; were all right,"
            " it would take 23 for 1 candidate",
        ),
        ("", Rules({"field_f1": 0.85}), None),
    ],
)
def test_what_groups_looks_and_strata_ask_for_is_said_before(
    tmp_path: Path, suite_yaml: str, rules: Rules, words: str | None
) -> None:
    references = {
        name: {**REFERENCE, "invoice_number": "17" if number % 2 else "18"}
        for number, name in enumerate(NAMES)
    }
    suite = load_suite(write_suite(tmp_path / "s", references, suite_yaml))
    model = Model(name="m", model_id="x")
    cases = [Case(model, "default", "t", document) for document in load_documents(suite)[0]]
    said = [*map(in_english, find_unprovable_rules(cases, rules, ()))]
    assert (words in said) if words else (said == [])


def test_run_and_command_give_the_same_words(pytester: pytest.Pytester) -> None:
    """A pipeline whose files are the references, beside a model, of which one reference is
    verified."""
    suite = pytester.path / "benchmarks" / "invoices"
    today = "  - {name: today, backend: replay, model_id: benchmarks/invoices/references,"
    models = echo("m", answers={"inv_03": {}}) + f"{today} incumbent: true}}\n"
    write(pytester.path, "decide: {require: {field_f1: 0.5}}\n", models=models)
    (suite / "verified.txt").write_text("\n".join(f"inv_{number:02}" for number in range(12)))
    run(pytester)
    report = read_report(pytester.path)
    command = (sys.executable, "-m", "vlm_lab", "decide", "last")
    decide = subprocess.run(command, text=True, capture_output=True, check=True).stdout
    for decision in report["decisions"]:  # type: ignore[attr-defined]
        assert f"{decision['model']}: {decision['verdict']}" in decide
    assert "today: chosen" in decide
    assert "judged by 12 of 20 documents" in decide
    assert "beside today, m (default) differs by" in decide
