"""pytest -m engines tests/test_ray.py: a run over three machines of a Ray cluster, one of which is
lost in the middle, or which is killed itself at half and gone on with: each document has one
record, and the report is that of a plain run.

Of replayed answers that is so to the last digit. A model is asked in padded batches, and which
documents are in one is another matter in each run (also in two plain ones): the sums are added up
in another order. Its answers and their scores are the same here, since it computes in float32; its
confidences are the same to four digits.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.projects import format_served_models, read_figures, write_project
from tests.ray_cluster import Cluster, make_environment, start_cluster
from tests.servers import Step, completion, serving, take_requests
from tests.slips import write_slip_project
from tests.suites import REFERENCE

pytestmark = [pytest.mark.engines, pytest.mark.slow]

DOCUMENTS = 1000
SLIPS = 48  # for the actors of two machines
SAME_CONFIDENCE = 1e-4
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


def cluster_options(cluster: Cluster, results: str) -> tuple[str, ...]:
    return ("--engine=ray", f"--ray-address={cluster.address}", f"--output-dir={results}")


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


def start_run(command: list[str], project: Path) -> "subprocess.Popen[str]":
    """A run whose progress can be read."""
    return subprocess.Popen(
        command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for_rows(process: "subprocess.Popen[str]", count: int) -> str:
    """What the run said until so many rows are on the disk, as it says after each file."""
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        written = re.search(r": (\d+) of \d+ documents$", line)
        if written and int(written[1]) >= count:
            return "".join(lines)
    raise AssertionError("the run ended without so many rows:\n" + "".join(lines))


def kill_at(count: int, command: list[str], project: Path) -> None:
    """Runs until so many rows are written, and ends as by a power failure."""
    with start_run(command, project) as process:
        wait_for_rows(process, count)
        os.kill(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def slips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slips")
    write_slip_project(folder, SLIPS)
    return folder


@pytest.fixture(scope="module")
def slip_figures(python: Path, slips: Path) -> dict[str, Any]:
    plain = make_command(
        python, "--output-dir=plain", "--scenario=offline", "--replies=refresh", "-q"
    )
    subprocess.run(plain, cwd=slips, timeout=240)
    figures = read_figures(find_run(slips / "plain"))
    assert len(figures["documents"]) == SLIPS
    return figures


def test_a_model_on_three_machines_answers_as_on_one(
    python: Path, slips: Path, cluster: Cluster, slip_figures: dict[str, Any]
) -> None:
    command = make_command(python, *cluster_options(cluster, "nano"))
    subprocess.run(command, cwd=slips, timeout=240, check=True)
    check_slips(python, find_run(slips / "nano"), slip_figures)


def test_a_model_that_is_killed_at_half_is_gone_on_with(
    python: Path, slips: Path, cluster: Cluster, slip_figures: dict[str, Any]
) -> None:
    command = make_command(python, *cluster_options(cluster, "killed"))
    kill_at(SLIPS // 2, command, slips)
    run = find_run(slips / "killed")
    assert SLIPS // 2 <= len(list_documents(python, run)) < SLIPS
    subprocess.run([*command, "--resume=last"], cwd=slips, timeout=240, check=True)
    check_slips(python, run, slip_figures)


def check_slips(python: Path, run: Path, plain_figures: dict[str, Any]) -> None:
    """Each document once, and the report of the plain run."""
    assert sorted(list_documents(python, run)) == plain_figures["documents"]
    figures, expected = read_figures(run), deepcopy(plain_figures)
    confidences = take_confidences(figures)
    assert confidences == pytest.approx(take_confidences(expected), abs=SAME_CONFIDENCE)
    assert figures == expected


def take_confidences(figures: dict[str, Any]) -> list[float | None]:
    """Of all values, which then stand no more in the figures."""
    values = [value for record in figures["records"] for value in record["fields"]]
    return [value.pop("confidence") for value in values]


def test_a_server_is_sent_what_a_plain_run_sends_it(
    python: Path, tmp_path: Path, cluster: Cluster
) -> None:
    names = [f"inv_{number:02}" for number in range(SLIPS)]
    with serving(Step(completion(json.dumps(REFERENCE)))) as server:
        models = format_served_models(server.url)
        write_project(tmp_path, models, dict.fromkeys(names, REFERENCE), "verified: true")
        plain = make_command(python, "--output-dir=plain", "--scenario=offline", "-k=served", "-q")
        subprocess.run(plain, cwd=tmp_path, timeout=240)
        sent = take_requests(server)
        command = make_command(python, *cluster_options(cluster, "served"), "-k=served")
        subprocess.run(command, cwd=tmp_path, timeout=240, check=True)
        assert take_requests(server) == sent
    assert sum("Total 119.00" in request for request in sent) == SLIPS
    assert read_figures(find_run(tmp_path / "served")) == read_figures(find_run(tmp_path / "plain"))


def test_a_machine_that_is_lost_costs_no_document(
    python: Path, project: Path, cluster: Cluster, plain_figures: dict[str, Any]
) -> None:
    command = make_command(python, *cluster_options(cluster, "lost"))
    with start_run(command, project) as process:
        said = wait_for_rows(process, 1)
        cluster.kill_node()
        said += process.communicate(timeout=240)[0]
    assert process.returncode == 0, said
    assert "Deprecat" not in said
    assert "MapBatches(render_documents)->" not in said  # rendering is not the actors' work
    run = find_run(project / "lost")
    assert sorted(list_documents(python, run)) == plain_figures["documents"]
    assert read_figures(run) == plain_figures


def test_a_run_that_is_killed_at_half_is_gone_on_with(
    python: Path, project: Path, cluster: Cluster, plain_figures: dict[str, Any]
) -> None:
    command = make_command(python, *cluster_options(cluster, "killed"))
    kill_at(DOCUMENTS // 2, command, project)
    run = find_run(project / "killed")
    before = {path: path.read_bytes() for path in run.glob("records/*.parquet")}
    answered = list_documents(python, run)
    assert DOCUMENTS // 2 <= len(answered) < DOCUMENTS
    subprocess.run([*command, "--resume=last"], cwd=project, timeout=240, check=True)
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
