"""Where the user is -> the commands that can be typed there, and the project that they are about.

In a checkout these are `scripts/vlm-lab` and `scripts/bench`, which bring their environment with
them; where the package is installed it is the `vlm-lab` beside its Python. Every command in a
message is made here, so that it can be typed as it stands.
"""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGE_PARENT = Path(__file__).resolve().parents[1]  # the checkout, where there is one
SCRIPT_OPTIONS = ("-c", "--rootdir")  # what scripts/bench adds to what was typed


def find_project(start: Path) -> Path | None:
    """The nearest folder at or above `start` whose pytest.ini loads our plugin, or None."""
    for folder in (start, *start.parents):
        ini = folder / "pytest.ini"
        if ini.is_file() and "vlm_lab.plugin" in ini.read_text("utf-8", "replace"):
            return folder
    return None


def find_current_project() -> Path | None:
    """The project that somebody types in, else the checkout; None where there is neither."""
    return find_project(Path.cwd()) or find_project(PACKAGE_PARENT)


def locate_in_project(name: str) -> Path:
    """`results`, `models.yaml` and what else a command looks for where no option names it: here,
    else in the project."""
    project = find_current_project()
    if project is None or Path(name).exists():
        return Path(name)
    return Path(_shorten_path(project / name))


def has_scripts() -> bool:
    """Whether this is a checkout, whose scripts have an environment of their own."""
    return (PACKAGE_PARENT / "scripts" / "vlm-lab").is_file()


def format_command(*arguments: str | Path) -> str:
    """`scripts/vlm-lab weights fetch NAME`"""
    return _join(_find_program(Path.cwd()), arguments)


def format_run_command(*arguments: str | Path, project: Path | None = None) -> str:
    """`scripts/bench -k NAME`, or `vlm-lab run -k NAME` for a project outside the checkout; that
    project is gone to where it is not the one that somebody types in."""
    current_project = find_current_project()
    if project is not None and project != current_project:
        command = _join(_find_program(project), ("run", *arguments))
        return f"cd {shlex.quote(str(project))} && {command}"
    if has_scripts() and current_project == PACKAGE_PARENT:
        return _join([_shorten_path(PACKAGE_PARENT / "scripts" / "bench")], arguments)
    return format_command("run", *arguments)


def format_pytest_command(*arguments: str | Path) -> str:
    """`.venv/bin/python -m pytest benchmarks/test_NAME.py`"""
    return _join([_shorten_path(Path(sys.executable)), "-m", "pytest"], arguments)


def format_install_command(extra: str) -> str:
    """The command that brings the packages of one of our extras into this environment."""
    requirement = [f"vlm-lab[{extra}]"]
    if has_scripts():
        requirement = ["-e", f"{_shorten_path(PACKAGE_PARENT)}[{extra}]"]
    python = _shorten_path(Path(sys.executable))
    return shlex.join([python, "-m", "pip", "install", *requirement])


def format_package_command(package: str, python: str | None = None) -> str:
    """The command that brings a package that no extra of ours has, or into another interpreter."""
    interpreter = _shorten_path(Path(python or sys.executable))
    return shlex.join([interpreter, "-m", "pip", "install", package])


def format_resume_command(command: Sequence[str], project: Path, run: Path) -> str:
    """What was typed to start a run, with the run's folder to go on with."""
    run_argument = format_run_argument(run, project)
    return rebuild_command(command, project, ["--resume"], "--resume", run_argument)


def format_run_argument(run: Path, project: Path) -> str:
    """How a run is named to a command: by its id where commands look for runs, else by its
    folder."""
    return run.name if run.parent == project / "results" else str(run)


def rebuild_command(
    command: Sequence[str], project: Path, options_to_remove: Sequence[str], *added: str
) -> str:
    """What was typed as it can be typed again, without some options and their values: for
    scripts/bench, or for pytest where test files were named or another folder's pytest.ini."""
    typed_again = remove_options(command, options_to_remove)
    if any(map(_is_test_file, typed_again)) or find_current_project() != project.resolve():
        return format_pytest_command(*typed_again, *added)
    benchmark_paths = ("benchmarks", str(project / "benchmarks"))
    arguments = remove_options(typed_again, SCRIPT_OPTIONS)
    kept_arguments = [argument for argument in arguments if argument not in benchmark_paths]
    return format_run_command(*kept_arguments, *added)


def remove_options(command: Sequence[str], options: Sequence[str]) -> list[str]:
    """The arguments without these options and their values."""
    arguments: list[str] = []
    is_option_value = False
    for argument in command:
        if not is_option_value and not _matches_option(argument, options):
            arguments.append(argument)
        is_option_value = argument in options
    return arguments


def _is_test_file(argument: str) -> bool:
    path = Path(argument.partition("::")[0])
    return path.suffix == ".py" and path.is_file()


def _matches_option(argument: str, options: Sequence[str]) -> bool:
    """Whether an argument is one of these options: `--resume`, `--resume=last`, `-n2`."""
    with_value_prefixes = tuple(f"{option}=" for option in options)
    if argument in options or argument.startswith(with_value_prefixes):
        return True
    short_options = [option for option in options if len(option) == 2]
    return any(re.match(rf"{option}\w", argument) for option in short_options)


def _join(program: list[str], arguments: tuple[str | Path, ...]) -> str:
    return shlex.join([*program, *map(str, arguments)])


def _find_program(here: Path) -> list[str]:
    """What `vlm-lab` is called as, typed in a folder."""
    if has_scripts():
        return [_shorten_path(PACKAGE_PARENT / "scripts" / "vlm-lab", here)]
    python = Path(sys.executable)
    installed = python.with_name("vlm-lab")
    if not installed.is_file():
        return [_shorten_path(python, here), "-m", "vlm_lab"]
    on_path = shutil.which("vlm-lab")
    is_on_path = on_path is not None and Path(on_path).samefile(installed)
    return ["vlm-lab"] if is_on_path else [_shorten_path(installed, here)]


def _shorten_path(path: Path, here: Path | None = None) -> str:
    """From where the user is, where that is in the checkout or above the path; else the whole."""
    here = here or Path.cwd()
    is_near = path.is_relative_to(here) or here.is_relative_to(PACKAGE_PARENT)
    return os.path.relpath(path, here) if is_near else str(path)
