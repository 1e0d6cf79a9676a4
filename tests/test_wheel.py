"""What `pip install` brings: the package whole, and nothing that lies beside it."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from vlm_lab import __version__

PROJECT = Path(__file__).parents[1]
LARGEST = 1_000_000
NOT_SOURCES = (".*", "__pycache__", "*.egg-info", "build", "cache", "results")
"""Earlier builds above all: setuptools would take modules from them that are gone."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the checkout, without a network."""
    pytest.importorskip(
        "setuptools", minversion="77", reason="no build: pip install 'setuptools>=77'"
    )
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    shutil.copytree(PROJECT, sources, ignore=shutil.ignore_patterns(*NOT_SOURCES))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    built = subprocess.run([*pip, *options, str(sources)], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (made,) = folder.glob("*.whl")
    return made


def test_it_holds_the_whole_package_and_nothing_else(wheel: Path) -> None:
    files = [path for path in (PROJECT / "vlm_lab").rglob("*") if path.is_file()]
    sources = {path.relative_to(PROJECT).as_posix() for path in files if path.suffix != ".pyc"}
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    notes = {name for name in packed if name.startswith(f"vlm_lab-{__version__}.dist-info/")}
    assert packed - notes == sources


def test_it_is_small(wheel: Path) -> None:
    """No weights: those of the nano are eight times as large."""
    assert wheel.stat().st_size < LARGEST
