"""pytest tests/run/test_cluster_run.py: a run over many machines, its stages called one after the
other in this process instead of by Ray: what is planned, written, reported, and read by commands.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.projects import format_served_models, read_figures, run_folder_of, write_project
from tests.servers import Step, completion, serving, take_requests
from tests.suites import REFERENCE
from vlm_lab.cli.main import main
from vlm_lab.records.report_json import read_report, read_report_records
from vlm_lab.records.run_folder import read_all_heads, read_heads
from vlm_lab.run.cluster import report, session, workers
from vlm_lab.run.cluster.documents import LINE, PLAN_FILE, count_groups, read_group, read_plan
from vlm_lab.run.cluster.items import Job, pack_items, unpack_items
from vlm_lab.run.cluster.model_actor import ModelActor
from vlm_lab.run.cluster.options import read_cluster_options
from vlm_lab.run.cluster.rendering import render_documents
from vlm_lab.run.cluster.scoring import score_replies
from vlm_lab.run.cluster.session import ClusterSession
from vlm_lab.suite.pages import stop_rendering
from vlm_lab.types import Report

pytest.importorskip("pyarrow", reason="the extra `dev` brings it, and is not installed here")

MODELS = "models:\n  - {name: today, backend: replay, model_id: answers}\n"
NAMES = [f"inv_{number:02}" for number in range(40)]
DAMAGED, WRONG, UNANSWERED = NAMES[3], NAMES[5], NAMES[8:20]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Forty documents with answers that were given before; Ray's place is taken by a loop."""
    folder = pytester.path
    write_project(folder, MODELS, dict.fromkeys(NAMES, REFERENCE), "verified: true")
    documents = folder / "benchmarks" / "invoices" / "documents"
    (documents / f"{DAMAGED}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (folder / "answers").mkdir()
    for name in NAMES:
        answer = {**REFERENCE, "invoice_number": "A-71"} if name == WRONG else REFERENCE
        if name not in UNANSWERED:
            write_answer(folder, name, answer)
    monkeypatch.syspath_prepend(folder)
    ray = SimpleNamespace(put=lambda value: value, get=lambda value: value)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(session, "import_ray", lambda: ray)
    monkeypatch.setattr(session, "connect", lambda _: nullcontext(ray))
    monkeypatch.setattr(session, "stream_records", stream_here)
    yield folder
    workers.close_workers()
    stop_rendering()


def write_answer(project: Path, name: str, answer: dict[str, Any]) -> None:
    (project / "answers" / f"{name}.json").write_text(json.dumps(answer))


def stream_here(_ray: Any, job: Job, plan: Path, _options: Any) -> Iterator[Any]:
    """As `pipeline.stream_records`, on one machine and in one process."""
    actor = ModelActor(job)
    for number in range(count_groups(plan)):
        lines = read_group(plan, number).column(LINE).to_pylist()
        rendered = render_documents({LINE: lines}, job)
        items = [item for batch in rendered for item in unpack_items(batch)]
        yield score_replies(actor(pack_items(items)), job)


def run(project: Path, *options: str) -> tuple[Path, Report]:
    typed = read_cluster_options(["--engine", "ray", "--output-dir=cluster", *options], project)
    return ClusterSession(*typed).run()


def test_its_report_is_that_of_a_plain_run(project: Path, pytester: pytest.Pytester) -> None:
    pytester.runpytest("benchmarks")
    folder, _ = run(project)
    assert read_figures(folder) == read_figures(run_folder_of(project))


def test_a_server_is_sent_what_a_plain_run_sends_it(
    project: Path, pytester: pytest.Pytester
) -> None:
    with serving(Step(completion(json.dumps(REFERENCE)))) as server:
        (project / "models.yaml").write_text(format_served_models(server.url))
        pytester.runpytest("benchmarks", "--scenario=offline", "-k", "served")
        plain = take_requests(server)
        folder, _ = run(project, "-k", "served")
        assert take_requests(server) == plain
    assert len(plain) == 2 * (len(NAMES) - 1)
    assert sum("Total 119.00" in request for request in plain) == len(NAMES) - 1
    assert read_figures(folder) == read_figures(run_folder_of(project))


def test_gone_on_with_it_asks_what_has_no_answer(project: Path) -> None:
    folder, _ = run(project)
    for name in UNANSWERED:
        write_answer(project, name, REFERENCE)
    resumed, told = run(project, "--resume=last")
    assert resumed == folder
    asked = [head.document for head in read_all_heads(folder)]
    assert sorted(asked) == sorted([*NAMES, DAMAGED, *UNANSWERED])
    (summary,) = told.summaries
    assert [*summary.unanswered] == [DAMAGED]


def test_a_report_of_very_many_documents_counts_all_and_names_a_sample(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = run(project)
    monkeypatch.setattr(report, "MAX_DOCUMENTS", len(NAMES) - 1)
    monkeypatch.setattr(report, "SAMPLED", 5)
    monkeypatch.setattr(report, "FAILED", 3)
    folder, _ = run(project)
    told = read_report(folder)
    ((full,), (summary,)) = whole.summaries, told.summaries
    assert (summary.documents, summary.statuses) == (len(NAMES), full.statuses)
    assert (summary.scores, summary.fields) == (full.scores, full.fields)
    named = [document["id"] for document in told.documents]
    sampled, failed = NAMES[:: len(NAMES) // 5], [DAMAGED, *UNANSWERED[:2]]
    assert named == sorted({*sampled, *failed, WRONG})
    assert [*summary.unanswered] == failed
    assert [record.document for record in read_report_records(folder)] == named
    note = f"{len(NAMES)} documents were read, and all are counted"
    assert note in (folder / "report.md").read_text()
    assert UNANSWERED[-1] not in (folder / "report.html").read_text()


def test_commands_read_it_as_a_plain_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, _ = run(project)
    second, _ = run(project)
    capsys.readouterr()
    assert main(["report", str(first), "--format", "csv"]) == 0
    tables = Path(capsys.readouterr().out.strip())
    assert WRONG in "".join(path.read_text() for path in tables.glob("*.csv"))
    assert main(["compare", str(first), str(second)]) == 0
    assert "27 documents compared with the baseline" in capsys.readouterr().out
    assert main(["decide", str(second)]) == 0
    assert "12 of 40 cells were skipped" in capsys.readouterr().out


def test_a_forgotten_document_is_in_no_file_of_it(project: Path) -> None:
    folder, _ = run(project)
    assert main(["forget", WRONG, "--yes", "--output-dir=cluster"]) == 0
    kept = [name for name in NAMES if name != WRONG]
    assert [document.id for document in read_plan(folder / PLAN_FILE)] == kept
    assert [head.document for head in read_heads(folder)] == kept
    (summary,) = read_report(folder).summaries
    assert summary.documents == len(kept)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in files if WRONG.encode() in path.read_bytes()]
