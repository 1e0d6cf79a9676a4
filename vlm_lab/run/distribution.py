"""pytest-xdist and a run of models: a model's documents stay with one process (`--dist loadgroup`);
what is distributed otherwise is refused before a worker starts, with the command that works.

In: pytest's configuration. Out: UserError where benchmarks would be handed out test by test.
The project's own tests may be distributed, so files are looked into.
"""

import ast
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

import pytest

from vlm_lab.commands import rebuild_command, remove_options
from vlm_lab.errors import UserError

XDIST_OPTIONS = ("-n", "--numprocesses", "--dist", "--tx", "--maxprocesses")
STARTS_WORKERS = re.compile(r"--(numprocesses|dist|tx)|-[a-zA-Z]*n")
BY_MODEL = "loadgroup"
BENCHMARK_FIXTURES = {"model", "prompt", "document"}


def refuse_distribution(config: pytest.Config) -> None:
    """UserError where pytest-xdist would distribute benchmarks otherwise than by model."""
    by_model = config.getoption("dist", "no") == BY_MODEL
    if (
        is_distributing(config)
        and not by_model
        and any(map(has_benchmark, find_test_files(config)))
    ):
        raise make_distribution_error(config, config.invocation_params.args)


def is_distributing(config: pytest.Config) -> bool:
    """Whether this process would hand out tests: as pytest-xdist decides it."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return False
    return config.getoption("dist", "no") != "no" and bool(config.getoption("tx", None))


def find_test_files(config: pytest.Config) -> Iterator[Path]:
    """The files that pytest would look for tests in."""
    for argument in config.args:
        path = config.invocation_params.dir / re.split(r"::|\[", argument)[0]
        if path.is_file():
            yield path
        for folder, subfolders, names in os.walk(path):
            skipped = config.getini("norecursedirs")
            subfolders[:] = [name for name in subfolders if not _matches(name, skipped)]
            for name in names:
                if _matches(name, config.getini("python_files")):
                    yield Path(folder, name)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def has_benchmark(path: Path) -> bool:
    """Whether a test in this file asks for a model, a prompt and a document."""
    try:
        source = path.read_text("utf-8")
        if not all(fixture in source for fixture in BENCHMARK_FIXTURES):
            return False
        functions = ast.walk(ast.parse(source))
    except (OSError, ValueError, SyntaxError):
        return False  # pytest says what is wrong with it
    return any(
        isinstance(function, ast.FunctionDef)
        and function.name.startswith("test")
        and {argument.arg for argument in function.args.args} >= BENCHMARK_FIXTURES
        for function in functions
    )


def make_distribution_error(config: pytest.Config, typed_arguments: Sequence[str]) -> UserError:
    """What is wanted instead, as a command: what was typed, in one process."""
    environment_options = shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
    remaining = remove_options(typed_arguments, XDIST_OPTIONS)
    other_options = [*config.getini("addopts"), *environment_options, *remaining]
    are_distributing = any(map(STARTS_WORKERS.match, other_options))
    added = ("-n", "0") if are_distributing else ()  # the last one counts
    command = rebuild_command(typed_arguments, config.rootpath, XDIST_OPTIONS, *added)
    return UserError(
        f"--dist {BY_MODEL} beside -n gives each model to one process; otherwise models are loaded"
        f" once and timed one by one, so -n is not for them; type: {command}"
    )
