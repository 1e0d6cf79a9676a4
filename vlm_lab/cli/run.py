"""Run every model x prompt x document: what `scripts/bench` does, with the options that README
lists.

vlm-lab run -k qwen --documents=PATH
vlm-lab run --engine ray --suite NAME --documents=PATH
                                        over many machines: a folder, a Parquet file, s3://...
"""

import argparse
import subprocess
import sys
from pathlib import Path

from vlm_lab.commands import find_current_project, format_command
from vlm_lab.errors import UserError
from vlm_lab.exit_status import ExitStatus

TAKES_MORE = True  # whatever pytest and its plugins take is theirs to read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    command = format_command("run", "--help-options")
    parser.epilog = f"All options of pytest work; {command} lists them."
    parser.add_argument("--help-options", action="store_true", help="pytest's own list of options")
    parser.add_argument(
        "--engine",
        choices=("pytest", "ray"),
        default="pytest",
        help="pytest: on this machine (default); ray: on all machines of a Ray cluster",
    )


def main(args: argparse.Namespace) -> int:
    project = find_project_folder()
    if args.engine == "ray":
        return run_on_cluster(project, args.unknown_arguments)
    options = ["--help"] if args.help_options else args.unknown_arguments
    command = [sys.executable, "-m", "pytest", "-c", str(project / "pytest.ini")]
    command += ["--rootdir", str(project), str(project / "benchmarks"), *options]
    return subprocess.run(command, check=False).returncode


def run_on_cluster(project: Path, arguments: list[str]) -> int:
    """A run over many machines, with its summary."""
    # Brings numpy and all of the report, which a plain run imports in a process of its own.
    from vlm_lab.report.terminal import format_summary_lines
    from vlm_lab.run.cluster.options import read_cluster_options
    from vlm_lab.run.cluster.session import ClusterSession
    from vlm_lab.run.signals import interrupt_on_signals

    typed = read_cluster_options(["--engine", "ray", *arguments], project)
    session = ClusterSession(*typed)
    interrupt_on_signals()
    folder, report = session.run()
    print("\n".join([*format_summary_lines(report), "", f"report: {folder / 'report.html'}"]))
    return ExitStatus.OK


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
