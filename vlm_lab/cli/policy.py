"""Write which documents of a candidate may be booked without anybody looking, where it is shown
that enough of them are right; else say what is missing, and end with status 1.

The policy names the signals that count (other candidates, other readings, the words of pages, sums,
log-probabilities), their weights and the least confidence. It lies beside the suite, and each later
run says whether its promise held.

vlm-lab policy RUN --target 0.99
vlm-lab policy RUN --target 0.995 --candidate "qwen2-vl-2b (terse)" --output policy.json
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from vlm_lab.analysis.answers import read_suite_fields
from vlm_lab.analysis.straight_through import count_needed_documents
from vlm_lab.analysis.value_confidence import ALL_SIGNALS, assess_confidences
from vlm_lab.cli.run_argument import add_run_argument
from vlm_lab.cli.run_suites import load_run_suites, make_missing_suite_error
from vlm_lab.commands import format_run_command, locate_in_project
from vlm_lab.config.models_file import allow_listed_plugins
from vlm_lab.config.strict_yaml import format_suggestion
from vlm_lab.decision.policy import (
    POLICY_FILE,
    build_policy,
    hash_labelled_documents,
    write_policy,
)
from vlm_lab.decision.run_decisions import find_clusters
from vlm_lab.errors import UserError
from vlm_lab.exit_status import ExitStatus
from vlm_lab.messages import Message, in_english
from vlm_lab.records.report_json import read_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.records.runs import find_run
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Confidence, Report, StraightThrough

DEFAULT_TARGET = 0.99
LOWEST_TARGET = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    parser.add_argument(
        "--target",
        type=float,
        default=DEFAULT_TARGET,
        metavar="SHARE",
        help=f"of the booked documents that are to be right (default: {DEFAULT_TARGET:g})",
    )
    parser.add_argument(
        "--candidate",
        metavar="NAME",
        help="a model, or `model (prompt)` (default: the one that was chosen, or the only one)",
    )
    parser.add_argument("--suite", metavar="NAME", help="where the run has several")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help=f"where it is written (default: {POLICY_FILE} in the suite's folder)",
    )


def main(args: argparse.Namespace) -> int:
    if not LOWEST_TARGET <= args.target < 1:
        raise UserError(
            f"--target: a share from {LOWEST_TARGET:g} to below 1 (got {args.target:g})"
        )
    run = find_run(args.run, args.output_dir)
    report = read_report(run)
    _check_usable(report)
    allow_listed_plugins([locate_in_project("models.yaml")])
    suites = read_suite_fields(report.suites)
    confidences = assess_confidences(
        lambda: read_records(run), suites, find_clusters(report), [args.target]
    )
    confidence = _select_confidence(report, confidences, args.candidate, args.suite)
    basis = confidence.find_basis(ALL_SIGNALS)
    assert basis is not None  # noqa: S101 - each candidate has that one
    (promise,) = basis.straight_through
    name = terminal_safe(confidence.candidate.label)
    if confidence.note:
        print(f"{name}: {in_english(confidence.note)}")
    if not promise.is_shown or promise.threshold is None:
        print(f"{name}: {in_english(explain_not_shown(confidence, promise))}")
        return ExitStatus.FAILED
    path = args.output or _find_policy_path(run, confidence.suite)
    hashes = hash_labelled_documents(read_records(run), confidence.candidate)
    fields = suites[confidence.suite]
    write_policy(path, build_policy(report, confidence, basis, promise, fields, hashes))
    print(f"{name}: {in_english(_describe_promise(confidence, promise))}")
    if not _is_verified(report, confidence.suite):
        print(in_english(Message("unverified")))
    print(f"{path}: written; each later run says whether the promise held")
    return ExitStatus.OK


def _check_usable(report: Report) -> None:
    run_id = report.run["id"]
    if report.run["dry_run"]:
        raise UserError(f"{run_id} was a dry run: no model was called")
    if report.tuned_suites:
        raise UserError(
            f"{run_id} asked the documents that prompts are tuned on; a policy comes from the"
            f" others: {format_run_command('--holdout')}"
        )


def _select_confidence(
    report: Report, confidences: Sequence[Confidence], name: str | None, suite: str | None
) -> Confidence:
    """UserError where none is meant, or several may be."""
    found = [each for each in confidences if suite in (None, each.suite)]
    if not found:
        raise UserError(
            f"{report.run['id']}: no candidate answered a document with a reference"
            + (f" in suite {suite}" if suite else "")
        )
    if name is not None:
        named = [each for each in found if name in (each.model, each.candidate.label)]
    else:
        chosen = {each.candidate for each in report.decisions if each.verdict == "chosen"}
        named = [each for each in found if each.candidate in chosen] if len(found) > 1 else found
    if len(named) == 1:
        return named[0]
    labels = [each.candidate.label for each in named or found]
    if name is not None and not named:
        raise UserError(f"--candidate={name}: not in this run{format_suggestion(name, labels)}")
    if len(set(labels)) < len(labels):
        suites = ", ".join(sorted({each.suite for each in found}))
        raise UserError(f"this run has the suites {suites}; name one with --suite=NAME")
    raise UserError(f"name one with --candidate=NAME: {', '.join(labels)}")


def explain_not_shown(confidence: Confidence, promise: StraightThrough) -> Message:
    """What is missing."""
    figures = {
        "booked": promise.booked.n,
        "documents": confidence.documents,
        "wrong": promise.wrong,
        "target": promise.target,
    }
    if not promise.booked.n or promise.threshold is None:
        needed = count_needed_documents(promise.target)
        return Message("policy_books_none", {**figures, "needed": needed})
    if promise.more_documents is None:
        return Message("policy_never_shown", figures)
    low = promise.booked.low
    return Message("policy_not_shown", {**figures, "low": low, "n": promise.more_documents})


def _describe_promise(confidence: Confidence, promise: StraightThrough) -> Message:
    return Message(
        "policy_shown",
        {
            "booked": promise.booked.n,
            "n": confidence.documents,
            "wrong": promise.wrong,
            "low": promise.booked.low,
        },
    )


def _find_policy_path(run: Path, suite: str) -> Path:
    suites = load_run_suites(run, [suite])
    if suite not in suites:
        raise make_missing_suite_error(suite, "or give --output=FILE")
    return suites[suite].folder / POLICY_FILE


def _is_verified(report: Report, suite: str) -> bool:
    return any(each["name"] == suite and each["verified"] for each in report.suites)
