"""Write a candidate of a run as a folder to carry into your own sources: prompt, schema, settings,
a script to run.

vlm-lab export --model qwen2-vl-2b
                       of the newest run, with the prompt that was decided on
vlm-lab export RUN --model qwen2-vl-2b --prompt terse --output ../pipeline/reader
"""

import argparse
import shlex
import sys
from pathlib import Path

from vlm_lab.cli.run_argument import add_run_argument
from vlm_lab.export import find_candidate, write_export
from vlm_lab.records.report_json import read_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.records.runs import find_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_argument(parser)
    parser.add_argument(
        "--model", required=True, metavar="NAME", help="the candidate's name in models.yaml"
    )
    parser.add_argument(
        "--prompt", metavar="ID", help="its prompt (default: the one that was decided on)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="a new folder (default: handover/NAME)"
    )
    parser.add_argument(
        "--suite", type=Path, metavar="PATH", help="the suite's folder, where it cannot be told"
    )


def main(args: argparse.Namespace) -> int:
    run = find_run(args.run, args.output_dir)
    candidate = find_candidate(
        read_report(run), read_records(run), args.model, args.prompt, args.suite
    )
    folder = write_export(candidate, args.output or Path("handover") / args.model)
    print(
        f"{folder}: {candidate.model.name} with prompt {candidate.prompt_id}; "
        f"try it: {shlex.join([sys.executable, str(folder / 'read_invoice.py')])} FILE\n"
        f"{folder / 'README.md'} says how to start it elsewhere"
    )
    return 0
