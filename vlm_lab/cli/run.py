"""Run every model x prompt x document: what `scripts/bench` does, with the options that README
lists.

vlm-lab run -k qwen --documents=PATH
"""

import argparse
import subprocess
import sys
from pathlib import Path

from vlm_lab.errors import UserError

TAKES_MORE = True  # whatever pytest and its plugins take is theirs to read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "All options of pytest work; `vlm-lab run --help-options` lists them."
    parser.add_argument("--help-options", action="store_true", help="pytest's own list of options")


def main(args: argparse.Namespace) -> int:
    project = find_project_folder(Path.cwd())
    options = ["--help"] if args.help_options else args.more
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        str(project / "pytest.ini"),
        "--rootdir",
        str(project),
    ]
    return subprocess.run([*command, str(project / "benchmarks"), *options], check=False).returncode


def find_project_folder(start: Path) -> Path:
    """The nearest folder at or above `start` that is a project of ours, else the checkout that this
    module lies in."""
    for folder in (start, *start.parents, Path(__file__).resolve().parents[2]):
        ini = folder / "pytest.ini"
        if ini.is_file() and "vlm_lab.plugin" in ini.read_text("utf-8", "replace"):
            return folder
    raise UserError(
        f"{start}: no project here: a folder with pytest.ini, models.yaml and benchmarks/; go there first"
    )
