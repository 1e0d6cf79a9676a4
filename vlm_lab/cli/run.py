"""Run every model x prompt x document: what `scripts/bench` does, with the options that README
lists.

vlm-lab run -k qwen --documents=PATH
"""

import argparse
import subprocess
import sys
from pathlib import Path

from vlm_lab.commands import find_current_project, format_command
from vlm_lab.errors import UserError

TAKES_MORE = True  # whatever pytest and its plugins take is theirs to read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    command = format_command("run", "--help-options")
    parser.epilog = f"All options of pytest work; {command} lists them."
    parser.add_argument("--help-options", action="store_true", help="pytest's own list of options")


def main(args: argparse.Namespace) -> int:
    project = find_project_folder()
    options = ["--help"] if args.help_options else args.unknown_arguments
    command = [sys.executable, "-m", "pytest", "-c", str(project / "pytest.ini")]
    command += ["--rootdir", str(project), str(project / "benchmarks"), *options]
    return subprocess.run(command, check=False).returncode


def find_project_folder() -> Path:
    """The project that one types in, else the checkout. UserError where there is neither."""
    project = find_current_project()
    if project is None:
        options = ("--documents=PATH", "--references=PATH")
        command = format_command("init", "benchmarks/NAME", *options)
        raise UserError(
            f"{Path.cwd()}: no project here: a folder with pytest.ini, models.yaml and "
            f"benchmarks/; go there first, or make one: {command}"
        )
    return project
