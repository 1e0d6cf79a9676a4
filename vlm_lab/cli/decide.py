"""Say of each candidate of a run: chosen, rejected or needs_more_data, why, and what speaks against
it.

vlm-lab decide              the newest run, under the rules of models.yaml
vlm-lab decide RUN RUN      the candidates of several runs over the same documents, as one
vlm-lab decide RUN --write  put `status` and a line of `notes` into models.yaml,
                            leaving all else as it was
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from vlm_lab.cli.run_argument import add_output_dir
from vlm_lab.commands import format_run_command, locate_in_project
from vlm_lab.config.models_file import load_candidates
from vlm_lab.config.status import write_status
from vlm_lab.decision.run_decisions import decide_run
from vlm_lab.errors import UserError
from vlm_lab.messages import ENGLISH, Message, in_english, translate_messages
from vlm_lab.records.report_json import read_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.records.runs import find_run
from vlm_lab.report.headline import format_run_name
from vlm_lab.report.translation import format_more_documents
from vlm_lab.run.joining import analyze_joined_runs
from vlm_lab.run.rule_names import check_rule_names, collect_field_paths
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Decision, Report, Rules


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        nargs="*",
        default=["last"],
        metavar="RUN",
        help="path, run id, or last (default); several are joined",
    )
    add_output_dir(parser)
    parser.add_argument(
        "--write", action="store_true", help="write status and notes into the models file"
    )
    parser.add_argument(
        "--models-file", type=Path, default=locate_in_project("models.yaml"), metavar="PATH"
    )


def main(args: argparse.Namespace) -> int:
    runs = [find_run(name, args.output_dir) for name in args.runs]
    rules = load_candidates([args.models_file]).rules
    report, decisions, notes = _decide(runs, rules)
    lines = [in_english(note) for note in notes]
    if not decisions:
        raise UserError("\n".join([*lines, _explain_no_decision(report)]))
    lines += [line for decision in decisions for line in format_decision(decision)]
    print("\n".join(map(terminal_safe, lines)))
    if args.write:
        written = write_status(args.models_file, decisions, format_run_name(report))
        print(f"{args.models_file}: status and notes of {', '.join(written) or 'no model'}")
    return 0


def _decide(
    runs: Sequence[Path], rules: Rules
) -> tuple[Report, Sequence[Decision], Sequence[Message]]:
    """The report, its decisions under the rules of today, and what is to be known of a joining."""
    if len(runs) > 1:
        joined, report = analyze_joined_runs(runs, rules)
        return report, report.decisions, joined.notes
    report = read_report(runs[0])
    check_rule_names(rules, collect_field_paths(report))
    _, decisions = decide_run(report, read_records(runs[0]), rules)
    return report, decisions, ()


def _explain_no_decision(report: Report) -> str:
    run_id = format_run_name(report)
    if report.tuned_suites:
        return (
            f"{run_id} asked the documents that prompts are tuned on; the word comes from the"
            f" others: {format_run_command('--holdout')}"
        )
    if report.run.get("joined"):
        return f"{run_id}: no word about a suite of which the runs did not ask the same documents"
    return f"{run_id} asked only a part of the suite: a word about a model needs a whole run"


def format_decision(decision: Decision) -> Iterator[str]:
    """One decision as text."""
    yield f"{decision.model}: {decision.verdict} (prompt {decision.prompt_id}, {decision.suite})"
    for stratum in decision.strata:
        yield f"  {stratum.value}: {stratum.verdict} ({stratum.documents} documents)"
    yield f"  for:     {'; '.join(translate_messages(decision.reasons_for('evidence')))}"
    for line in translate_messages(decision.reasons_for("against")):
        yield f"  against: {line}"
    beside = "; ".join(translate_messages(decision.reasons_for("pipeline")))
    if beside:
        yield f"  {beside}"
    if decision.more_documents:
        yield f"  {format_more_documents(decision, ENGLISH)}"
