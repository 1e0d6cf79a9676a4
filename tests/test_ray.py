"""pytest -m engines tests/test_ray.py: a run over three machines of a Ray cluster, one of which is
lost in the middle, or which is killed itself and gone on with: each document has one record, and
the report is that of a plain run."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.projects import read_figures, write_project
from tests.ray_cluster import Cluster, make_environment, start_cluster
from tests.suites import REFERENCE

pytestmark = [pytest.mark.engines, pytest.mark.slow]

DOCUMENTS = 1000
WAIT_SECONDS = 120
READ_KEYS = """
import json, sys
from pathlib import Path
from vlm_lab.records.run_folder import read_all_heads
print(json.dumps([head.document for head in read_all_heads(Path(sys.argv[1]))]))
"""


@pytest.fixture(scope="module")
def python() -> Path:
    return make_environment()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thousand documents with answers that were given before: right, wrong, or not there; one
    document is damaged."""
    folder = tmp_path_factory.mktemp("project")
    names = [f"inv_{number:04}" for number in range(DOCUMENTS)]
    references = {name: {**REFERENCE, "invoice_number": f"A-{name}"} for name in names}
    verified = "verified: true"
    models = "models:\n  - {name: today, backend: replay, model_id: answers}\n"
    write_project(folder, models, references, verified)
    (folder / "answers").mkdir()
    for number, (name, reference) in enumerate(references.items()):
        answer = reference if number % 7 else {**reference, "invoice_number": "B"}
        if number % 11:
            (folder / "answers" / f"{name}.json").write_text(json.dumps(answer))
    damaged = folder / "benchmarks" / "invoices" / "documents" / "inv_0003.png"
    damaged.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    return folder


@pytest.fixture(scope="module")
def plain_figures(python: Path, project: Path) -> dict[str, Any]:
    subprocess.run(make_command(python, "--output-dir=plain", "-q"), cwd=project, timeout=240)
    return read_figures(find_run(project / "plain"))


@pytest.fixture(scope="module")
def cluster(python: Path) -> Iterator[Cluster]:
    with start_cluster(python) as started:
        yield started


def make_command(python: Path, *options: str) -> list[str]:
    return [str(python), "-m", "vlm_lab", "run", *options]


def find_run(results: Path) -> Path:
    (run,) = results.glob("2*")
    return run


def list_documents(python: Path, run: Path) -> list[str]:
    """Of all rows of a run, also of those that later ones replaced."""
    listed = subprocess.run(
        [str(python), "-c", READ_KEYS, str(run)], capture_output=True, text=True, check=True
    )
    documents: list[str] = json.loads(listed.stdout)
    return documents


def wait_for_rows(results: Path, process: "subprocess.Popen[bytes]") -> list[Path]:
    """The files of a run that has written some of its rows, and is not done."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end and process.poll() is None:
        files = sorted(results.glob("2*/records/*.parquet"))
        if files:
            return files
        time.sleep(0.1)
    raise AssertionError("the run ended, or wrote nothing")


def test_a_machine_that_is_lost_costs_no_document(
    python: Path, project: Path, cluster: Cluster, plain_figures: dict[str, Any]
) -> None:
    results = project / "lost"
    options = ("--engine=ray", f"--ray-address={cluster.address}", f"--output-dir={results}")
    with subprocess.Popen(make_command(python, *options), cwd=project) as process:
        wait_for_rows(results, process)
        cluster.kill_node()
        assert process.wait(timeout=240) == 0
    run = find_run(results)
    assert sorted(list_documents(python, run)) == plain_figures["documents"]
    assert read_figures(run) == plain_figures


def test_a_run_that_is_killed_is_gone_on_with(
    python: Path, project: Path, cluster: Cluster, plain_figures: dict[str, Any]
) -> None:
    results = project / "killed"
    options = ("--engine=ray", f"--ray-address={cluster.address}", f"--output-dir={results}")
    with subprocess.Popen(make_command(python, *options), cwd=project) as process:
        files = wait_for_rows(results, process)
        os.kill(process.pid, signal.SIGKILL)
    before = {path: path.read_bytes() for path in files}
    answered = list_documents(python, find_run(results))
    assert 0 < len(answered) < DOCUMENTS
    resumed = subprocess.run(
        make_command(python, *options, "--resume=last"), cwd=project, timeout=240
    )
    assert resumed.returncode == 0
    run = find_run(results)
    assert {path: path.read_bytes() for path in before} == before
    documents = list_documents(python, run)
    figures = read_figures(run)
    # What was skipped or failed is asked again, as in a plain run; what was answered is not.
    statuses = {record["document"]: record["status"] for record in figures["records"]}
    asked_again = [name for name in answered if statuses[name] != "ok"]
    assert sorted(documents) == sorted([*plain_figures["documents"], *asked_again])
    assert figures == plain_figures


def test_without_ray_it_says_how_to_have_it(project: Path) -> None:
    command = make_command(Path(sys.executable), "--engine=ray")
    told = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert told.returncode == 2
    assert told.stdout == ""
    (line,) = told.stderr.splitlines()
    assert "pip install" in line
    assert "[ray]" in line
