"""pytest tests/run/test_offline_options.py: `--scenario offline` beside options that decide who
asks what: several processes, a sweep, a run that is gone on with."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.projects import calls_of, echo, read_figures, records_of, write_project
from tests.suites import REFERENCE

DOCUMENTS = [f"inv_{number:02}" for number in range(12)]
WRONG = {"invoice_number": "A-71", "totals": {"gross": "119,00"}}
BY_MODEL = ("-n", "2", "--dist", "loadgroup")
OFFLINE = "--scenario=offline"
# Asked together, each takes as long as all of them; fewer dots per inch take longer here.
BATCHES = """
import time
from echo import Echo

class Batches(Echo):
    def generate_batch(self, prompts):
        self.note("batch " + " ".join(prompt.document_id for prompt in prompts))
        time.sleep(30 / (self.model.dpi or 150))
        self.settings["seconds"] = 0
        return [super(Batches, self).generate(prompt) for prompt in prompts]
"""


def batches(name: str = "m", extra: str = "", **settings: Any) -> str:
    return echo(name, extra, **settings).replace("echo:Echo", "batches:Batches")


def make_project(folder: Path, models: str, suite_yaml: str = "") -> None:
    write_project(folder, "models:\n" + models, dict.fromkeys(DOCUMENTS, REFERENCE), suite_yaml)
    (folder / "batches.py").write_text(BATCHES)


def run(pytester: pytest.Pytester, name: str, *options: str) -> pytest.RunResult:
    """A run in a folder of that name; plugins of the developer's own are left out."""
    options = (f"--output-dir={name}", "-p", "no:cacheprovider", *options)
    return pytester.runpytest_subprocess("benchmarks", *options)


def run_of(folder: Path, name: str) -> Path:
    (only_run,) = (folder / name).glob("2*")
    return only_run


def report_of(folder: Path, name: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((run_of(folder, name) / "report.json").read_text())
    return report


def asked_by(folder: Path) -> list[str]:
    return sorted(call for call in calls_of(folder) if " pages " in call)


@pytest.mark.parametrize("options", [[], ["-x"], ["-k", "inv_02 or inv_03"]])
def test_several_processes_ask_as_one_does(
    pytester: pytest.Pytester, options: Sequence[str]
) -> None:
    pytest.importorskip("xdist")
    make_project(pytester.path, batches("a") + batches("b", answer=WRONG) + echo("c"))
    alone = run(pytester, "alone", OFFLINE, "--replies=refresh", *options)
    asked_alone = asked_by(pytester.path)
    (pytester.path / "calls.txt").unlink()
    shared = run(pytester, "shared", OFFLINE, "--replies=refresh", *options, *BY_MODEL)
    assert alone.ret == shared.ret == 0
    assert asked_by(pytester.path) == asked_alone, "each once, by whichever process"
    first, second = (run_of(pytester.path, name) for name in ("alone", "shared"))
    assert read_figures(first) == read_figures(second)
    for name in ("alone", "shared"):
        summaries = report_of(pytester.path, name)["summaries"]
        counts = [summary["speed"]["throughput"]["documents"] for summary in summaries]
        assert counts == [summary["documents"] for summary in summaries]
    assert all(record["batch"]["size"] > 1 for record in records_of(second)[:2])


def test_a_kept_part_is_the_same_for_every_process(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    make_project(pytester.path, echo("a") + echo("b"), "holdout: 0.5\n")
    for name, options in (("alone", ()), ("shared", BY_MODEL)):
        assert run(pytester, name, "--holdout", "--replies=off", *options).ret == 0
        (look,) = (pytester.path / name / "looks.jsonl").read_text().splitlines()
        assert json.loads(look)["holdout"]
    alone, shared = (report_of(pytester.path, name)["run"] for name in ("alone", "shared"))
    assert len(shared["holdout"]["invoices"]["opened"]) == 1
    assert alone["looks"] == shared["looks"]
    figures = [read_figures(run_of(pytester.path, name)) for name in ("alone", "shared")]
    assert figures[0] == figures[1]
    assert 0 < len(figures[0]["documents"]) < len(DOCUMENTS)


def test_a_sweep_of_batches_is_ranked_by_what_it_gets_done(pytester: pytest.Pytester) -> None:
    make_project(pytester.path, batches())
    result = run(pytester, "swept", OFFLINE, "--sweep", "dpi=150,50")
    result.assert_outcomes(passed=24)
    (curve,) = report_of(pytester.path, "swept")["sweeps"]
    assert [point["median_seconds"] for point in curve["points"]] == [None, None]
    slow, fast = (point["documents_per_second"] for point in curve["points"])
    assert slow < fast
    assert (curve["points"][0]["value"], curve["cheapest"]) == (50, 150)
    markdown = (run_of(pytester.path, "swept") / "report.md").read_text()
    assert re.search(r"\| 150 \|.*\| 64 \| - \|.*\| to take \|", markdown)


@pytest.mark.parametrize(
    ("began", "other"), [("offline", "single-stream"), ("single-stream", "offline")]
)
def test_a_run_is_gone_on_with_in_its_own_scenario(
    pytester: pytest.Pytester, began: str, other: str
) -> None:
    make_project(pytester.path, batches())
    run(pytester, "out", f"--scenario={began}", "--maxfail=1")
    path = run_of(pytester.path, "out") / "records.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:5]))
    refused = run(pytester, "out", "--resume=last", f"--scenario={other}")
    said = refused.stdout.str() + refused.stderr.str()
    assert refused.ret == 4
    assert re.search(f"--scenario {other}: .* began with {began}; leave --scenario away", said)
    assert run(pytester, "out", "--resume=last").ret == 0
    records = records_of(run_of(pytester.path, "out"))
    assert len(records) == len(DOCUMENTS)
    assert {record["batch"] is None for record in records} == {began == "single-stream"}
