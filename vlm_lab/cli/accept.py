"""Accept a run: later runs are held against it with --baseline. Keeps hashes and outcomes, no
values, no replies.

vlm-lab accept              the newest run
vlm-lab accept RUN          a run's folder or id
"""

import argparse
from collections.abc import Iterator

from vlm_lab.cli.run_argument import add_run_argument
from vlm_lab.commands import format_command
from vlm_lab.decision.baseline import build_run_baseline, encode_baseline
from vlm_lab.files import atomic_private_file
from vlm_lab.records.report_json import read_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.records.runs import find_run
from vlm_lab.report.next_steps import build_resume_command, find_run_argument
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import ANSWERED, Report

MAX_NAMED = 3  # documents of a status that a warning names
MAX_TEXT = 160  # characters of a document's name and reason


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)


def main(args: argparse.Namespace) -> int:
    run = find_run(args.run, args.output_dir)
    report = read_report(run)
    baseline = build_run_baseline(report, read_records(run))
    path = args.output_dir / "baseline.json"
    with atomic_private_file(path, durable=True) as file:
        file.write(encode_baseline(baseline))
    documents = sum(len(candidate.documents) for candidate in baseline.candidates)
    print(f"{path}: {len(baseline.candidates)} candidates, {documents} answers of {run.name}")
    gaps = list(_describe_gaps(report))
    if gaps:
        print(
            "\n".join(["warning: a later run is not held against what has no answer here:", *gaps])
        )
        accept = format_command("accept", find_run_argument(report))
        print(f"to fill it in: {build_resume_command(report)}; then: {accept}")
    return 0


def _describe_gaps(report: Report) -> Iterator[str]:
    """`  qwen2-vl-2b (default): error on 4 of 26 documents: inv_3 (needs 9 GB); ...; and 1 more`,
    for each candidate and each status that is no answer. What a candidate is not judged by is no
    gap: it was not to be asked, or its answer is held against a later one all the same."""
    for summary in report.summaries:
        planned_count = summary.documents + summary.left_out
        documents_by_status: dict[str, list[str]] = {}
        for document, (status, reason) in summary.unanswered.items():
            if status not in (*ANSWERED, "left_out"):
                text = f"{document} ({reason})" if reason else document
                documents_by_status.setdefault(status, []).append(terminal_safe(text[:MAX_TEXT]))
        for status, documents in documents_by_status.items():
            named, count = "; ".join(documents[:MAX_NAMED]), len(documents)
            more = f"; and {count - MAX_NAMED} more" if count > MAX_NAMED else ""
            what = f"{status.replace('_', ' ')} on {count} of {planned_count} documents"
            yield f"  {summary.candidate.label}: {what}: {named}{more}"
