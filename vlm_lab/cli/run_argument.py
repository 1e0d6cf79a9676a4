"""The arguments of a command that is about one run."""

from argparse import ArgumentParser
from pathlib import Path

from vlm_lab.commands import locate_in_project


def add_run_argument(parser: ArgumentParser) -> None:
    """The arguments of a command that is about one run, the newest where none is named."""
    parser.add_argument(
        "run", nargs="?", default="last", metavar="RUN", help="path, run id, or last (default)"
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=locate_in_project("results"),
        metavar="PATH",
        help="where runs are",
    )
