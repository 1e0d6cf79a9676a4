"""Accept a run: later runs are held against it with --baseline. Keeps hashes and outcomes, no
values, no replies.

vlm-lab accept              the newest run
vlm-lab accept RUN          a run's folder or id
"""

import argparse

from vlm_lab.cli.run_argument import add_run_argument
from vlm_lab.decision.regression_gate import build_run_baseline, encode_baseline
from vlm_lab.files import atomic_private_file
from vlm_lab.records.report_json import read_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.records.runs import find_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)


def main(args: argparse.Namespace) -> int:
    run = find_run(args.run, args.output_dir)
    baseline = build_run_baseline(read_report(run), read_records(run))
    path = args.output_dir / "baseline.json"
    with atomic_private_file(path) as file:
        file.write(encode_baseline(baseline))
    documents = sum(len(candidate.documents) for candidate in baseline.candidates)
    print(f"{path}: {len(baseline.candidates)} candidates, {documents} answers of {run.name}")
    return 0
