"""pytest -m engines tests/test_installed.py: an installed wheel works from an empty folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scaffold.test_project import write_pipeline
from tests.test_wheel import wheel  # noqa: F401 - a fixture

PROJECT = Path(__file__).parents[1]
pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """`vlm-lab` of a fresh environment that has the wheel and what it needs, nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    pins = ["--quiet", "--constraint", str(PROJECT / "constraints.txt")]
    installed = subprocess.run([*pip, *pins, str(wheel)], capture_output=True, text=True)
    if installed.returncode:
        pytest.skip(f"no package index here: {installed.stderr.strip()[-200:]}")
    return folder / "bin" / "vlm-lab"


def test_init_run_and_report_work_in_an_empty_folder(command: Path, tmp_path: Path) -> None:
    write_pipeline(tmp_path / "pipeline")
    work = tmp_path / "work"
    work.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def vlm_lab(*arguments: str) -> str:
        done = subprocess.run(
            [str(command), *arguments], cwd=work, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "models.yaml" in vlm_lab(
        "init", "benchmarks/own", "--documents=../pipeline/docs", "--references=../pipeline/json"
    )
    assert "each scores 1.0 against itself" in vlm_lab("init", "--check", "benchmarks/own")
    assert "report.html" in vlm_lab("run", "-k", "today")
    assert "today" in vlm_lab("report")
    (report,) = (work / "results").glob("*/report.json")
    statuses = [record["status"] for record in json.loads(report.read_text())["records"]]
    assert statuses == ["ok"] * 3
    assert (report.parent / "report.html").exists()
