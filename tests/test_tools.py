"""What maintainers measure and make with: each script names only what there is."""

import runpy
from pathlib import Path

import pytest

TOOLS = sorted((Path(__file__).parents[1] / "tools").glob("*.py"))


@pytest.mark.parametrize("path", TOOLS, ids=[path.stem for path in TOOLS])
def test_each_script_imports_what_it_uses(path: Path) -> None:
    assert runpy.run_path(str(path), run_name="imported")["__doc__"]
