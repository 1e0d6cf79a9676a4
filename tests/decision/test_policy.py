"""pytest tests/decision/test_policy.py: a policy is written where it is shown, and a later run says
whether it held."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.confidence_records import FIELDS, answer
from tests.runs import write_run
from vlm_lab.analysis.answers import read_suite_fields
from vlm_lab.cli.main import main
from vlm_lab.decision.policy import POLICY_FILE, Policy, read_policy
from vlm_lab.decision.policy_check import check_policies, find_policy_faults
from vlm_lab.errors import UserError
from vlm_lab.exit_status import ExitStatus
from vlm_lab.messages import in_english
from vlm_lab.records.report_json import read_report, write_report
from vlm_lab.report.confidence_table import format_policy_lines
from vlm_lab.types import Model, PolicyCheck, Record

TRUE = {"invoice_number": "R-1", "totals": {"gross": "119.00"}}
WRONG = {"invoice_number": "R-1", "totals": {"gross": "719.00"}}
LABELS = {"m": "m (default)", "qwen": "qwen (default)"}


def documents(
    count: int, prefix: str = "d", wrong: int = 0, hard: int = 0, labelled: bool = True
) -> list[Record]:
    """Candidate m reads `count` documents, `wrong` of them wrongly though qwen reads the same, and
    `hard` more of them wrongly where qwen reads the truth."""
    records = []
    for number in range(count + hard):
        said = WRONG if number < wrong or number >= count else TRUE
        beside = TRUE if number >= count else said
        reference = TRUE if labelled else None
        name = f"{prefix}{number}"
        records += [answer(name, said, reference), answer(name, beside, reference, "qwen")]
    return records


def run(folder: Path, records: Sequence[Record], suite: Path | None = None) -> Path:
    """A run's folder, of the suite in this folder."""
    models = [Model(name=name, model_id=f"{name}-1b") for name in LABELS]
    write_run(folder, records, models)
    report = read_report(folder)
    described: dict[str, Any] = {**report.suites[0], "fields": list(FIELDS)}
    if suite:
        described["folder"] = str(suite)
    write_report(folder / "report.json", replace(report, suites=[described]), records)
    return folder


def suite_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "suite"
    folder.mkdir(exist_ok=True)
    (folder / "suite.yaml").write_text("documents: .\nreferences: .\n")
    (folder / "schema.json").write_text('{"type": "object"}')
    return folder


def policy(run_folder: Path, *options: str) -> int:
    return main(["policy", str(run_folder), "--candidate", "m", *options])


@pytest.mark.parametrize(
    ("target", "count", "status"),
    [("0.99", 298, 1), ("0.99", 299, 0), ("0.995", 597, 1), ("0.995", 598, 0)],
)
def test_it_is_written_only_where_it_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str, count: int, status: int
) -> None:
    suite = suite_folder(tmp_path)
    folder = run(tmp_path / "run", documents(count), suite)
    assert policy(folder, "--target", target) == status
    assert (suite / POLICY_FILE).exists() is (status == ExitStatus.OK)
    said = capsys.readouterr().out
    if status:
        assert f"no booking unseen yet: {count} of {count} documents would be booked" in said
        assert "about 1 more labelled document like these would show it" in said
    else:
        assert f"{count} of {count} documents are booked unseen, 0 of them wrong" in said


def written_policy(tmp_path: Path, **figures: Any) -> Policy:
    suite = suite_folder(tmp_path)
    folder = run(tmp_path / "first", documents(320, hard=30), suite)
    assert policy(folder) == ExitStatus.OK
    return read_policy(suite / POLICY_FILE)


def test_it_says_what_it_stands_on(tmp_path: Path) -> None:
    found = written_policy(tmp_path)
    assert (found.model, found.prompt_id, found.target, found.documents) == (
        "m",
        "default",
        0.99,
        350,
    )
    assert (found.booked.n, found.wrong, found.rate.n) == (320, 0, 350)
    assert found.signals == ("families",)
    assert found.beside == ("qwen (default)",)
    assert len(found.document_hashes) == 350
    text = (tmp_path / "suite" / POLICY_FILE).read_text()
    assert "119.00" not in text
    assert "R-1" not in text


def check(tmp_path: Path, records: Sequence[Record]) -> tuple[PolicyCheck, str]:
    """What a later run says of the policy, as data and in words."""
    folder = run(tmp_path / "later", records, tmp_path / "suite")
    report = read_report(folder)
    (found,) = check_policies(report, lambda: records, read_suite_fields(report.suites))
    report = replace(report, policies=[found])
    return found, " ".join(format_policy_lines(report, "invoices"))


@pytest.mark.parametrize(
    ("count", "wrong", "outcome", "words"),
    [
        (320, 0, "held", "the policy kept its promise of 99.0%: 320 of 350 documents"),
        (320, 40, "broken", "the policy broke its promise of 99.0%: 320 of 350 documents"),
        (60, 0, "not_shown", "is not shown: 60 of 90 documents booked unseen, 0 of them wrong"),
    ],
)
def test_a_later_run_says_whether_it_held(
    tmp_path: Path, count: int, wrong: int, outcome: str, words: str
) -> None:
    written_policy(tmp_path)
    found, said = check(tmp_path, documents(count, "new", wrong, hard=30))
    assert (found.outcome, found.booked, found.wrong) == (outcome, count, wrong)
    assert words in said


def test_documents_that_it_stands_on_prove_nothing(tmp_path: Path) -> None:
    written_policy(tmp_path)
    found, said = check(tmp_path, documents(320, hard=30))
    assert (found.outcome, found.documents) == ("not_checked", 0)
    assert "no document with a reference beside those that it stands on" in said


def test_documents_without_a_reference_are_counted_apart(tmp_path: Path) -> None:
    written_policy(tmp_path)
    later = documents(70, "new") + documents(40, "bare", hard=5, labelled=False)
    found, said = check(tmp_path, later)
    assert (found.documents, found.unlabelled, found.unlabelled_booked) == (70, 45, 40)
    assert "of 45 documents without a reference 40 would be booked unseen" in said


def test_without_the_answers_that_it_needs_it_is_not_held_against_a_run(tmp_path: Path) -> None:
    written_policy(tmp_path)
    alone = [record for record in documents(70, "new") if record.model == "m"]
    found, said = check(tmp_path, alone)
    assert found.outcome == "not_checked"
    assert "it needs the answers of qwen (default)" in said


def test_other_fields_are_another_suite(tmp_path: Path) -> None:
    written_policy(tmp_path)
    path = tmp_path / "suite" / POLICY_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "fields_sha256": "other"}))
    found, said = check(tmp_path, documents(70, "new"))
    assert found.outcome == "not_checked"
    assert "the suite's fields are others now" in said


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is not JSON"),
        ("[]", "is no policy"),
        ('{"version": 2}', "is no policy: version"),
        ('{"version": 1, "suite": 3}', "is no policy: suite"),
        ("[" * 100_000, "is not JSON"),
    ],
    ids=["broken", "a list", "another version", "another type", "deep"],
)
def test_a_file_that_is_no_policy_is_a_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    suite = suite_folder(tmp_path)
    (suite / POLICY_FILE).write_text(text)
    with pytest.raises(UserError, match=complaint):
        read_policy(suite / POLICY_FILE)
    report = read_report(run(tmp_path / "run", documents(2), suite))
    assert check_policies(report, lambda: [], read_suite_fields(report.suites)) == []
    assert complaint in in_english(find_policy_faults(report)[0])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--target", "1"], "--target: a share from 0.5 to below 1 (got 1)"),
        (["--target", "99"], "--target"),
        (["--candidate", "quen"], "--candidate=quen: not in this run; known: m (default), qwen"),
        (["--suite", "other"], "no candidate answered a document with a reference in suite other"),
        ([], "name one with --candidate=NAME: m (default), qwen (default)"),
    ],
)
def test_what_cannot_be_meant_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], complaint: str
) -> None:
    folder = run(tmp_path / "run", documents(3))
    assert main(["policy", str(folder), *options]) == ExitStatus.UNUSABLE_INPUT
    assert complaint in capsys.readouterr().err


def test_too_few_values_say_how_many_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(tmp_path / "run", documents(30, wrong=2), suite_folder(tmp_path))
    assert policy(folder) == ExitStatus.FAILED
    said = capsys.readouterr().out
    assert (
        "58 right values and 2 wrong ones in 30 documents, where 10 of each in 20 are needed"
        in said
    )
    assert "no booking unseen: at no confidence are 99.0% of 30 documents right" in said
