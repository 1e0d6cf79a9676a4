"""Run every model x prompt x document: what `scripts/bench` does, with the options that README
lists.

vlm-lab run -k qwen --documents=PATH
"""

import argparse
import subprocess
import sys
from pathlib import Path

from vlm_lab.errors import UserError
from vlm_lab.scaffold.project import find_project

TAKES_MORE = True  # whatever pytest and its plugins take is theirs to read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "All options of pytest work; `vlm-lab run --help-options` lists them."
    parser.add_argument("--help-options", action="store_true", help="pytest's own list of options")


def main(args: argparse.Namespace) -> int:
    project = find_project_folder(Path.cwd())
    options = ["--help"] if args.help_options else args.unknown_arguments
    command = [sys.executable, "-m", "pytest", "-c", str(project / "pytest.ini")]
    command += ["--rootdir", str(project), str(project / "benchmarks"), *options]
    return subprocess.run(command, check=False).returncode


def find_project_folder(start: Path) -> Path:
    """The project at or above `start`, else the checkout that this module lies in."""
    checkout = Path(__file__).resolve().parents[2]
    project = find_project(start) or find_project(checkout)
    if project is None:
        raise UserError(
            f"{start}: no project here: a folder with pytest.ini, models.yaml and benchmarks/; go"
            " there first, or make one: vlm-lab init benchmarks/NAME --documents=PATH"
            " --references=PATH"
        )
    return project
