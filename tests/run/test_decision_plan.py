"""pytest tests/run/test_decision_plan.py: what is said before a run of its rules, and which
documents its word comes from."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import echo, write_project
from tests.suites import REFERENCE

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


@pytest.mark.parametrize(
    ("decide", "words"),
    [
        (
            "decide: {prefer: [totals.gros]}\n",
            "*prefer: no figure and no field*'totals.gros'*mean*",
        ),
        (
            "decide: {require: {f1: 0.9}}\n",
            "*require: no figure and no field*'f1'*figures: field_f1*",
        ),
        ("decide: {looks: 0}\n", "*models.yaml:*looks*must be 1 or more*"),
        ("decide: {equivalence_margin: 3}\n", "*models.yaml:*equivalence_margin*0.01 (got 3)*"),
    ],
)
def test_a_rule_that_names_nothing_is_an_error(
    pytester: pytest.Pytester, decide: str, words: str
) -> None:
    write(pytester.path, decide)
    result = run(pytester)
    assert result.ret == 4
    text = (result.stdout.str() + result.stderr.str()).replace("\n", " ")
    pytest.LineMatcher([text]).fnmatch_lines(words)
    assert not list(pytester.path.glob("results/2*"))


def test_a_rule_may_name_a_field_of_another_suite(pytester: pytest.Pytester) -> None:
    write(pytester.path, "decide: {require: {field_f1: 0.2, other: 0.5}}\n")
    neighbour = pytester.path / "benchmarks" / "receipts"
    neighbour.mkdir()
    schema = {"type": "object", "properties": {"other": {"type": "string"}}}
    (neighbour / "schema.json").write_text(json.dumps(schema))
    assert run(pytester, "--collect-only").ret == 0


def test_two_candidates_are_not_both_what_is_used_today(pytester: pytest.Pytester) -> None:
    models = echo("a", ", incumbent: true") + echo("b", ", incumbent: true")
    write(pytester.path, models=models)
    result = run(pytester)
    assert result.ret == 4
    result.stdout.fnmatch_lines("*incumbent*not several (a and b)*")


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
    ("suite_yaml", "decide", "words"),
    [
        (
            "tags: {gross: totals.gross}\ncluster: gross\n",
            "decide: {require: {field_f1: 0.9}}\n",
            "*field_f1 0.9 cannot be shown with 20 documents in 1 groups; *29 groups for 1 *",
        ),
        (
            "tags: {folder: parent}\n",
            "decide: {require: {field_f1: 0.9}, looks: 4}\n",
            "*field_f1 0.9 cannot be shown with 20 documents; were all right, it would take 42 *",
        ),
        (
            "tags: {kind: invoice_number}\n",
            "decide: {require: {field_f1: 0.85}, by: kind}\n",
            "*invoices, kind 17: field_f1 0.85 cannot be shown with 10 documents*take 23 *",
        ),
    ],
)
def test_what_groups_looks_and_strata_ask_for_is_said_before(
    pytester: pytest.Pytester, suite_yaml: str, decide: str, words: str
) -> None:
    references = {
        name: {**REFERENCE, "invoice_number": "17" if number % 2 else "18"}
        for number, name in enumerate(NAMES)
    }
    write_project(pytester.path, f"models:\n{echo()}{decide}", references, suite_yaml)
    run(pytester, "--collect-only").stdout.fnmatch_lines(words)


def test_a_cluster_that_is_no_tag_is_an_error(pytester: pytest.Pytester) -> None:
    write(pytester.path, suite_yaml="tags: {supplier: seller.name}\ncluster: suplier\n")
    result = run(pytester)
    assert result.ret == 4
    result.stdout.fnmatch_lines("*suite.yaml:2: cluster*did you mean 'supplier'*")


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
