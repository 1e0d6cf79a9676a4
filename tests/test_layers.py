"""pytest tests/test_layers.py: packages import from those below them, and no private names."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
LINT = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]


def private_imports(path: Path) -> Iterator[str]:
    """`from vlm_lab.x import _name` of another module, as text."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vlm_lab"):
            for alias in node.names:
                if alias.name.startswith("_"):
                    yield f"{path.name}: from {node.module} import {alias.name}"


def test_no_module_uses_anothers_private_names() -> None:
    modules = sorted((PROJECT / "vlm_lab").rglob("*.py"))
    assert [line for path in modules for line in private_imports(path)] == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("fields/amounts.py", "from vlm_lab.run import session"),
        ("analysis/power.py", "def late():\n    import vlm_lab.report.plots"),
        ("types/cases.py", "from vlm_lab.config import status"),
        ("run/options.py", "import training.nano"),
    ],
)
def test_one_arrow_back_is_found(tmp_path: Path, module: str, line: str) -> None:
    pytest.importorskip("importlinter")
    for package in ("vlm_lab", "training"):
        kept = shutil.ignore_patterns("__pycache__", "*.po", "templates")
        shutil.copytree(PROJECT / package, tmp_path / package, ignore=kept)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    sound = subprocess.run(LINT, cwd=tmp_path, capture_output=True, text=True)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    with (tmp_path / "vlm_lab" / module).open("a") as file:
        file.write(f"\n{line}\n")
    broken = subprocess.run(LINT, cwd=tmp_path, capture_output=True, text=True)
    assert broken.returncode == 1
    assert "BROKEN" in broken.stdout
