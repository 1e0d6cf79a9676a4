"""What several test files need."""

from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]

pytest_plugins = ("pytester",)


def pytest_configure(config: pytest.Config) -> None:
    """pytester's runs get a process each: numpy and matplotlib cannot be imported twice in one."""
    config.option.runpytest = "subprocess"


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
