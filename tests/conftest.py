"""What several test files need."""

from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]

pytest_plugins = ("pytester",)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real documents and published scores that lie beside the project on some machines."""
    folder = PROJECT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder.name}/ beside the project")
    return folder
