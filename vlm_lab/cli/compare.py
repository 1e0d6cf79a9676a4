"""Did a candidate get worse from run A to run B? Exit 1 when it did, 6 when they cannot be
compared.

vlm-lab compare A B                    folders, run ids, or last
vlm-lab compare A last --max-drop 0.02
"""

import argparse

from vlm_lab.cli.run_argument import add_output_dir
from vlm_lab.decision.baseline import build_run_baseline
from vlm_lab.decision.regression_gate import check_regression
from vlm_lab.messages import translate_messages
from vlm_lab.records.report_json import read_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.records.runs import find_run
from vlm_lab.sanitize import terminal_safe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="A", help="path, run id, or last")
    parser.add_argument("after", metavar="B", help="path, run id, or last")
    parser.add_argument(
        "--max-drop",
        type=float,
        default=0.01,
        metavar="X",
        help="allowed fall of F1 (default: 0.01)",
    )
    parser.add_argument(
        "--fail-on-lost-field",
        action="store_true",
        help="fail when any field that was right is not",
    )
    add_output_dir(parser)


def main(args: argparse.Namespace) -> int:
    runs = [find_run(name, args.output_dir) for name in (args.before, args.after)]
    before, after = (build_run_baseline(read_report(run), read_records(run)) for run in runs)
    result = check_regression(before, after, args.max_drop, args.fail_on_lost_field)
    lines = [*translate_messages(result.lines), result.status.replace("_", " ")]
    print("\n".join(map(terminal_safe, lines)))
    return result.exit_status
