"""The arguments of commands that are about runs."""

from argparse import ArgumentParser
from pathlib import Path

from vlm_lab.commands import locate_in_project


def add_run_argument(parser: ArgumentParser) -> None:
    """The arguments of a command that is about one run, the newest where none is named."""
    parser.add_argument(
        "run", nargs="?", default="last", metavar="RUN", help="path, run id, or last (default)"
    )
    add_output_dir(parser)


def add_output_dir(parser: ArgumentParser) -> None:
    """Where a command looks for runs."""
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=locate_in_project("results"),
        metavar="PATH",
        help="where runs are",
    )
