"""What several test files need."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROJECT = Path(__file__).parents[1]
CHROMIUM = Path("/usr/bin/chromium")

XDIST_VARIABLES = (
    "PYTEST_XDIST_WORKER",
    "PYTEST_XDIST_WORKER_COUNT",
    "PYTEST_XDIST_TESTRUNUID",
)

pytest_plugins = ("pytester",)


def pytest_configure(config: pytest.Config) -> None:
    """pytester's runs get a process each: numpy and matplotlib cannot be imported twice in one."""
    config.option.runpytest = "subprocess"
    # What pytest-xdist tells its workers would turn pytest-benchmark off in the runs that a test
    # starts, and a width of the terminal, which it sets as well, would fold our tables.
    for name in (*XDIST_VARIABLES, "COLUMNS"):
        os.environ.pop(name, None)


@pytest.fixture
def kept_modules() -> Iterator[dict[str, ModuleType]]:
    """Puts back into `sys.modules` what was kept here: it is torn down after `pytester`."""
    modules: dict[str, ModuleType] = {}
    yield modules
    sys.modules.update(modules)


@pytest.fixture
def pytester(
    kept_modules: dict[str, ModuleType],
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[pytest.Pytester]:
    """pytest's own, but what a test imported stays.

    pytester forgets it at the test's end, and parts of numpy, scipy and torch cannot be imported
    twice in a process. Modules that the test wrote itself are forgotten. A run of a user's loads no
    hypothesis, which costs each of them 0.2 s.
    """
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    yield pytester
    for name, module in sys.modules.items():
        file = getattr(module, "__file__", None) or ""
        if not file.startswith(str(pytester.path)):
            kept_modules[name] = module


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real documents and published scores that lie beside the project on some machines."""
    folder = PROJECT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder.name}/ beside the project")
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`checkpoint("qwen2_vl")`: the folder of a tiny random checkpoint, built once a session."""
    from tests import checkpoints

    folder = tmp_path_factory.mktemp("checkpoints")
    return lambda family: checkpoints.build(family, folder / family)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, in which tests open pages of their own."""
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: apt-get install chromium")
    api = pytest.importorskip(
        "playwright.sync_api", reason="needs playwright: pip install playwright"
    )
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()
