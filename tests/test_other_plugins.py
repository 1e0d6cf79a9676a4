"""pytest -m engines tests/test_other_plugins.py: plugins that people have beside ours, in an
environment of their own. A regression exits as without them, and no figure changes."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.processes import has_ended
from tests.projects import echo, read_figures, records_of, run_folder_of, write_project
from tests.suites import REFERENCE
from vlm_lab.cli.main import main

pytestmark = [pytest.mark.engines, pytest.mark.slow]

WRONG = {"invoice_number": "A-71", "totals": {"gross": "119,00"}}
PLUGINS = (
    "pytest-randomly",
    "pytest-random-order",
    "pytest-repeat",
    "pytest-flakefinder",
    "pytest-rerunfailures",
    "pytest-timeout",
    "pytest-cov",
    "pytest-html",
)
ALWAYS_ON = ("-p", "no:randomly")  # it draws an order wherever it is installed
USES = {
    "randomly": ["-p", "randomly"],
    "random-order": [*ALWAYS_ON, "--random-order"],
    "repeat": [*ALWAYS_ON, "--count=2"],
    "flakefinder": [*ALWAYS_ON, "--flake-finder", "--flake-runs=2"],
    "rerunfailures": [*ALWAYS_ON, "--reruns=1"],
    "timeout by signal": [*ALWAYS_ON, "--timeout=60", "--timeout-method=signal"],
    "timeout by thread": [*ALWAYS_ON, "--timeout=60", "--timeout-method=thread"],
    "cov": [*ALWAYS_ON, "--cov=benchmarks"],
    "html": [*ALWAYS_ON, "--html=page.html"],
    "all": ["-p", "randomly", "--count=2", "--reruns=1", "--timeout=60", "--cov=benchmarks"],
}
OWN = """
import os, time
from pathlib import Path
from vlm_lab.types import Generation

class Mine:
    def __init__(self, model, runtime):
        pass

    def generate(self, prompt):
        if prompt.document_id == "inv_2" and not Path("asked").exists():
            Path("asked").touch()
            ACTION
        return Generation(raw_response='ANSWER', finish_reason="stop")

    def close(self):
        pass
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the plugins, and all that this one has."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site / "here.pth").write_text("\n".join(here))
    own_python = folder / "bin" / "python"
    pip = [str(own_python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    installed = subprocess.run([*pip, *PLUGINS], capture_output=True, text=True)
    if installed.returncode:
        pytest.skip(f"no package index here: {installed.stderr.strip()[-200:]}")
    return own_python


def run_pytest(
    python: Path, folder: Path, options: Sequence[str]
) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "pytest", "benchmarks", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


GATE = ("--replies=refresh", "--baseline=results/baseline.json")
NAMES = [f"inv_{number:02}" for number in range(20)]
GOOD = "models:\n" + echo("a") + echo("b")
WORSE = "models:\n" + echo("a") + echo("b", answers=dict.fromkeys(NAMES[::2], WRONG))


@pytest.fixture(scope="module")
def project(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a baseline, and the run `plain` of a model that got worse."""
    folder = tmp_path_factory.mktemp("project")
    write_project(folder, GOOD, dict.fromkeys(NAMES, REFERENCE))
    assert run_pytest(python, folder, ALWAYS_ON).returncode == 0
    assert main(["accept", "last", "--output-dir", str(folder / "results")]) == 0
    (folder / "models.yaml").write_text(WORSE)
    plain = run_pytest(python, folder, [*ALWAYS_ON, *GATE, "--output-dir=plain"])
    assert plain.returncode == 1, plain.stdout
    return folder


@pytest.mark.parametrize("use", USES)
def test_a_regression_exits_as_without_it_and_no_figure_changes(
    python: Path, project: Path, use: str, tmp_path: Path
) -> None:
    (project / "models.yaml").write_text(GOOD)
    same = run_pytest(python, project, [*USES[use], *GATE, f"--output-dir={tmp_path / 'same'}"])
    assert same.returncode == 0, same.stdout + same.stderr
    (project / "models.yaml").write_text(WORSE)
    worse = run_pytest(python, project, [*USES[use], *GATE, f"--output-dir={tmp_path / 'worse'}"])
    assert worse.returncode == 1, worse.stdout + worse.stderr
    assert "regressed" in worse.stdout
    (plain_run,), (worse_run,) = (project / "plain").glob("2*"), (tmp_path / "worse").glob("2*")
    assert read_figures(worse_run) == read_figures(plain_run)
    comes_twice = "40 cases came more than once" in worse.stdout
    assert comes_twice == any("count=" in option or "flake" in option for option in USES[use])


def write_own_backend(folder: Path, action: str) -> None:
    """A project whose model does something once, over its second document."""
    write_project(folder, 'models:\n  - {name: mine, model_id: x, backend: "own:Mine"}\n')
    answer = '{"invoice_number": "A-17", "totals": {"gross": "119.00"}}'
    (folder / "own.py").write_text(OWN.replace("ACTION", action).replace("ANSWER", answer))


def test_a_case_that_is_tried_again_counts_as_its_answer(python: Path, tmp_path: Path) -> None:
    write_own_backend(tmp_path, "raise RuntimeError('not yet')")
    done = run_pytest(python, tmp_path, [*ALWAYS_ON, "--reruns=1"])
    assert done.returncode == 0, done.stdout
    figures = read_figures(run_folder_of(tmp_path))
    assert [row["status"] for row in figures["records"]] == ["ok"] * 3
    assert figures["summaries"][0]["documents"] == 3


def test_a_time_limit_by_signal_costs_its_case(python: Path, tmp_path: Path) -> None:
    write_own_backend(tmp_path, "time.sleep(600)")
    limit = [*ALWAYS_ON, "--timeout=10", "--timeout-method=signal"]
    done = run_pytest(python, tmp_path, limit)
    assert done.returncode == 1
    rows = read_figures(run_folder_of(tmp_path))["records"]
    assert [row["status"] for row in rows] == ["ok", "error", "ok"]
    assert "Timeout (>10.0s) from pytest-timeout" in rows[1]["error"]["message"]


def test_a_time_limit_by_thread_ends_the_run_and_its_processes(
    python: Path, tmp_path: Path
) -> None:
    write_own_backend(tmp_path, "Path('pid').write_text(str(os.getpid())); time.sleep(600)")
    limit = [*ALWAYS_ON, "--timeout=10", "--timeout-method=thread"]
    done = run_pytest(python, tmp_path, limit)
    assert done.returncode == 1
    assert [row["status"] for row in records_of(run_folder_of(tmp_path))] == ["ok"]
    assert has_ended(int((tmp_path / "pid").read_text()))
    resumed = run_pytest(python, tmp_path, [*ALWAYS_ON, "--resume=last"])
    assert resumed.returncode == 0
    assert len(read_figures(run_folder_of(tmp_path))["records"]) == 3
