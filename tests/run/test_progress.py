"""pytest tests/run/test_progress.py: what somebody sees who watches a run."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.suites import REFERENCE, write_suite
from vlm_lab.run import progress
from vlm_lab.run.progress import Progress, format_duration
from vlm_lab.run.record import build_base_record
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.types import Case, Model


def test_the_line_says_where_how_well_and_how_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents, _ = load_documents(
        load_suite(write_suite(tmp_path, {f"d{n}": REFERENCE for n in range(4)}))
    )
    plan = [Case(Model(name="m", model_id="x"), "default", "x", document) for document in documents]
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    watched = Progress(plan)
    assert watched.start_case(plan[0]) == "m (default): document 1 of 4, d0"
    clock[0] += 60
    counts = {"exact": 2, "normalized": 1, "wrong": 1, "missing": 1, "spurious": 0}
    watched.add_record(replace(build_base_record(plan[0], "ok"), scores=counts))
    assert (
        watched.start_case(plan[1])
        == "m (default): document 2 of 4, d1; F1 0.67 so far; 3 min left"
    )
    watched.add_record(build_base_record(plan[1], "error"))
    assert (
        watched.start_case(plan[2])
        == "m (default): document 3 of 4, d2; F1 0.67 so far; 1 error; 60 s left"
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(5, "5 s"), (89.4, "89 s"), (91, "2 min"), (5399, "90 min"), (9000, "2.5 h")],
)
def test_duration(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said
