"""Print a run's summary, or write its report again: in another form, another language, or against
another run.

vlm-lab report                          the newest run's table, and where its report lies
vlm-lab report RUN --format confluence  report.confluence.xml;
                                        attach report_files/plots and report_files/crops
vlm-lab report RUN --format html --lang ru
vlm-lab report RUN --lang ru --output PATH
                                        a file (.html, .md, .xml) or a folder
vlm-lab report RUN --no-values          RUN/no-values/: no value, no reply, no document's name
vlm-lab report RUN --with RUN           the candidates of several runs over the same documents,
                                        as one; --with may come again
vlm-lab report A B                      what changed from A to B, field by field,
                                        document by document
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vlm_lab.cli.run_argument import add_output_dir
from vlm_lab.commands import locate_in_project
from vlm_lab.config.models_file import load_candidates
from vlm_lab.errors import UserError
from vlm_lab.messages import Message, in_english
from vlm_lab.records.report_json import read_report
from vlm_lab.records.runs import find_run
from vlm_lab.report.formats import FORMATS, choose_format, write_format
from vlm_lab.report.html.changes import write_changes
from vlm_lab.report.redaction import write_redacted_report
from vlm_lab.report.terminal import format_summary_lines
from vlm_lab.report.translation import list_languages
from vlm_lab.run.joining import write_joined_report
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs", nargs="*", default=["last"], metavar="RUN", help="one run (default: last), or two"
    )
    parser.add_argument(
        "--with",
        dest="joined_runs",
        action="append",
        default=[],
        metavar="RUN",
        help="join this run, too: its candidates beside those of RUN, under the rules of today",
    )
    parser.add_argument(
        "--models-file",
        type=Path,
        default=locate_in_project("models.yaml"),
        metavar="PATH",
        help="whose rules joined runs are decided by",
    )
    parser.add_argument("--format", choices=FORMATS, help="what to write into the run's folder")
    parser.add_argument(
        "--lang",
        choices=list_languages(),
        default="en",
        help="of what is written; in csv also its decimal mark and separator (default: en)",
    )
    parser.add_argument(
        "--no-values",
        action="store_true",
        help="for a wiki or a bug report: a copy in RUN/no-values without any value, reply or name"
        " of a document (suites, models and fields keep their names)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        help="a file, whose name says the form, or a folder (default: the run's folder)",
    )
    add_output_dir(parser)


def main(args: argparse.Namespace) -> int:
    runs = [find_run(name, args.output_dir) for name in args.runs]
    if args.joined_runs:
        runs = [_join(runs, args)]
    if args.no_values and len(runs) > 1:
        raise UserError("--no-values takes one run: what changed between two is told in values")
    if args.no_values:
        runs = [write_redacted_report(runs[0])]
    if len(runs) == 2:
        print(write_changes(runs[0], runs[1], args.lang, args.output))
    elif len(runs) > 2:
        raise UserError(f"one run, or two to be held against each other (got {len(runs)})")
    elif args.format or args.output:
        format_name = args.format or choose_format(args.output)
        print(write_format(format_name, runs[0], args.lang, args.output))
    else:
        _print_summary(read_report(runs[0]))
        print(f"\n{_format_report_line(runs[0], args.lang)}")
    return 0


def _join(runs: Sequence[Path], args: argparse.Namespace) -> Path:
    """The folder with the report of all runs as one."""
    if len(runs) > 1:
        raise UserError("two runs are held against each other: join others with --with alone")
    other_runs = [find_run(name, args.output_dir) for name in args.joined_runs]
    return write_joined_report([*runs, *other_runs], load_candidates([args.models_file]).rules)


def _print_summary(report: Report) -> None:
    """With colours where somebody looks at them, plain in a file or a pipe."""
    if sys.stdout.isatty():
        from vlm_lab.report.rich_terminal import print_summary

        print_summary(report)
    else:
        print("\n".join(format_summary_lines(report)))
    joined_notes = [
        terminal_safe(in_english(note))
        for note in report.notes
        if isinstance(note, Message) and note.kind.startswith("joined")
    ]
    if joined_notes:
        print("\n".join(["", *joined_notes]))


def _format_report_line(run: Path, language: str) -> str:
    """The page, drawn now where the run ended before it could be or in another language."""
    page_path = run / "report.html"
    if language != "en" or not page_path.exists():
        page_path = write_format("html", run, language)
    return f"report: {page_path}"
