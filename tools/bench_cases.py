"""What many cases cost: whole `pytest` processes, in turns with as many empty cases of its own.

    .venv/bin/python tools/bench_cases.py [collection] [replay] [--documents 10000]
                                          [--candidates 10] [--rounds 1]

`collection`: `--collect-only` of each candidate on each document, once the suite is known; the
first time, which also checks all references, has a line of its own. `replay`: one candidate answers
from a file; pytest's own cases use pytest-benchmark's fixture and one that returns. The suite lies
in a temporary folder: PDF files of one page, references of 14 values of which one is misread.

Printed are seconds and CPU seconds of whole processes, with their memory at its most; of `replay`
milliseconds a case, megabytes after a tenth of the cases and after the last, and the seconds from
there to the end, report included. A ratio is the median over the rounds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.bench_speed import PROJECT, TEST_PLUGINS_OFF

REFERENCE = {
    "invoice_number": "A-17",
    "issue_date": "2024-03-01",
    "currency": "EUR",
    "seller": {"name": "Muster GmbH", "tax_id": "DE123456789"},
    "totals": {"net": "100.00", "tax": "19.00", "gross": "119.00"},
    "line_items": [
        {"description": "Part 1", "quantity": "1", "amount": "40.00"},
        {"description": "Part 2", "quantity": "2", "amount": "60.00"},
    ],
}
MISREAD = {"currency": "USD"}
EMPTY_CASES = """
import pytest

NAMES = [f"case-{{number:06}}" for number in range({count})]

@pytest.fixture
def record():
    return print

@pytest.mark.parametrize("number", range({count}), ids=NAMES)
def test_nothing(number, record, benchmark):
    benchmark.pedantic(bool)
"""
# What a process notes of itself: when its first case began and each one ended, and bytes in memory.
PROBE = """
import json, os, time
notes = {{"times": [], "memory": []}}

def pytest_runtest_logstart():
    if not notes["times"]:
        notes["times"].append(time.time())

def pytest_runtest_logfinish():
    notes["times"].append(time.time())
    if len(notes["times"]) - 1 in ({count} // 10, {count}):
        with open("/proc/self/statm") as file:
            notes["memory"].append(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))

def pytest_unconfigure():
    with open("probe.json", "w") as file:
        json.dump(notes, file)
"""


@dataclass(frozen=True)
class Costs:
    """What one process took, in seconds, and its own memory at its most, in bytes; of a run also
    when cases ended, and the memory after a tenth of them and after all."""

    whole: float
    cpu: float
    peak: int
    end: float
    times: Sequence[float]
    memory: Sequence[int]

    @property
    def milliseconds_a_case(self) -> float:
        return 1000 * (self.times[-1] - self.times[0]) / (len(self.times) - 1)

    @property
    def seconds_after_last(self) -> float:
        return self.end - self.times[-1]


Measure = tuple[str, Callable[[Costs], float]]
WHOLE: Sequence[Measure] = (
    ("whole process, s", lambda costs: costs.whole),
    ("CPU, whole process, s", lambda costs: costs.cpu),
    ("memory at its most, MB", lambda costs: costs.peak / 1e6),
)
RUN: Sequence[Measure] = (
    ("a case, ms", lambda costs: costs.milliseconds_a_case),
    ("memory after a tenth, MB", lambda costs: costs.memory[0] / 1e6),
    ("memory after the last, MB", lambda costs: costs.memory[-1] / 1e6),
    ("end after the last, s", lambda costs: costs.seconds_after_last),
    *WHOLE,
)


def write_project(folder: Path, documents: int, candidates: int) -> None:
    """What a user has: pytest.ini, models.yaml, the test file, a suite and answers to it."""
    suite = folder / "benchmarks" / "invoices"
    for part in ("documents", "references"):
        (suite / part).mkdir(parents=True)
    page = draw_page()
    answers = []
    for number in range(documents):
        name = f"{number:05}"
        (suite / "documents" / f"{name}.pdf").write_bytes(page.replace(b"00000", name.encode()))
        reference = REFERENCE | {"invoice_number": f"A-{name}"}
        (suite / "references" / f"{name}.json").write_text(json.dumps(reference))
        answers.append(json.dumps({"document": name, "prediction": reference | MISREAD}))
    (folder / "answers.jsonl").write_text("\n".join(answers))
    for part in ("schema.json", "prompt.md"):
        (suite / part).write_text((PROJECT / "benchmarks" / "invoices" / part).read_text())
    test = (PROJECT / "benchmarks" / "test_invoices.py").read_text()
    (folder / "benchmarks" / "test_invoices.py").write_text(test)
    ini = (PROJECT / "pytest.ini").read_text()
    (folder / "pytest.ini").write_text(ini.replace("pythonpath = .", f"pythonpath = {PROJECT}"))
    models = [
        f"  - {{name: m{number}, backend: replay, model_id: answers.jsonl}}"
        for number in range(candidates)
    ]
    (folder / "models.yaml").write_text("\n".join(["models:", *models]))


def draw_page() -> bytes:
    """A PDF file of one page, on which a document's number may be put in the place of 00000."""
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas("page.pdf", pagesize=(595, 842), pageCompression=0)
    canvas.drawString(45, 800, "Invoice A-00000, 119.00 EUR")
    data: bytes = canvas.getpdfdata()
    return data


def write_empty_cases(folder: Path, count: int) -> None:
    """As many cases of pytest's own, in a project of theirs."""
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:anyio\n")
    (folder / "test_nothing.py").write_text(EMPTY_CASES.format(count=count))


def run_pytest(folder: Path, count: int, *arguments: str) -> Costs:
    """One process from its start to its end, which must be a good one."""
    (folder / "probe.py").write_text(PROBE.format(count=count))
    command = [sys.executable, "-m", "pytest", "-p", "probe", "-qq", *TEST_PLUGINS_OFF, *arguments]
    started = time.time()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        ended = time.time()
        if status:
            output.seek(0)
            sys.exit(output.read()[-3000:])
    notes = json.loads((folder / "probe.json").read_text())
    cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
    return Costs(ended - started, cpu, peak, ended, **notes)


def measure_collection(folder: Path, documents: int, candidates: int, rounds: int) -> None:
    """Each candidate on each document is collected, and as many empty cases."""
    count = documents * candidates
    write_project(folder / "suite", documents, candidates)
    write_empty_cases(folder / "empty", count)
    first = run_pytest(folder / "suite", count, "--collect-only")
    pairs = [
        (
            run_pytest(folder / "empty", count, "--collect-only"),
            run_pytest(folder / "suite", count, "--collect-only"),
        )
        for _ in range(rounds)
    ]
    print_measures(f"{count} cases collected", WHOLE, pairs)
    print(f"  the first time, with checks of {documents} references: {first.whole:.1f} s")


def measure_replay(folder: Path, documents: int, rounds: int) -> None:
    """One candidate answers each document, beside as many empty cases."""
    write_project(folder / "suite", documents, 1)
    write_empty_cases(folder / "empty", documents)
    run_pytest(folder / "suite", documents, "--collect-only")
    pairs = [
        (run_pytest(folder / "empty", documents), run_pytest(folder / "suite", documents))
        for _ in range(rounds)
    ]
    print_measures(f"{documents} cases replayed", RUN, pairs)


def print_measures(
    title: str, measures: Sequence[Measure], pairs: Sequence[tuple[Costs, Costs]]
) -> None:
    """A line a measure: pytest's own, ours, the ratio."""
    now, load = datetime.now(UTC).date(), os.getloadavg()[1]
    print(
        f"{title}, {len(pairs)} rounds; {now}, {os.cpu_count()} cores, load {load:.1f}\n"
        f"  {'':<28}{'pytest':>10}{'suite':>10}{'ratio':>8}"
    )
    for name, read in measures:
        rows = [(read(of_pytest), read(of_suite)) for of_pytest, of_suite in pairs]
        of_pytest, of_suite = (statistics.median(column) for column in zip(*rows, strict=True))
        ratio = statistics.median(row[1] / row[0] for row in rows)
        print(f"  {name:<28}{of_pytest:10.2f}{of_suite:10.2f}{ratio:8.2f}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", default=["collection", "replay"])
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--candidates", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args(arguments)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # Python keeps what it compiled, as at a user's
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if "collection" in options.parts:
            (root / "collection").mkdir()
            measure_collection(
                root / "collection", options.documents, options.candidates, options.rounds
            )
        if "replay" in options.parts:
            (root / "replay").mkdir()
            measure_replay(root / "replay", options.documents, options.rounds)


if __name__ == "__main__":
    main()
