"""What the suite adds to a case beyond rendering and the model: milliseconds, memory, cached cases
a second.

.venv/bin/python tools/bench_harness.py [CASES]

Runs pytest on a suite of CASES small documents (1,000 unless said) in a temp folder: once with
`replay`, which has no model and looks at no page; then twice with an instant backend, the second
time from the reply cache. Also times `--collect-only` of 24 documents x 5 models against pytest
alone. Prints one JSON object at the end.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

PROJECT = Path(__file__).resolve().parents[1]
REFERENCE = {
    "invoice_number": "A-17",
    "issue_date": "2024-03-01",
    "currency": "EUR",
    "seller": {"name": "Muster GmbH", "tax_id": "DE123456789"},
    "totals": {"net": "100.00", "tax": "19.00", "gross": "119.00"},
    "line_items": [
        {"description": f"Part {n}", "quantity": "1", "amount": "10.00"} for n in range(10)
    ],
}
INSTANT = """
import json
from vlm_lab.types import Generation
class Instant:
    def __init__(self, model, runtime): pass
    @classmethod
    def identity(cls, model, runtime): return {}
    def generate(self, prompt):
        return Generation(raw_response=json.dumps({'invoice_number': 'A-17'}))
    def close(self): pass
"""
PROBE = """
import json, time
times, memory, started = [], {}, {}
def rss():
    with open('/proc/self/statm') as file: return int(file.read().split()[1]) * 4096
def pytest_runtest_logstart(nodeid): started[0] = time.perf_counter()
def pytest_runtest_logfinish(nodeid):
    times.append(time.perf_counter() - started[0])
    if len(times) in (100, 1000): memory[len(times)] = rss()
def pytest_unconfigure():
    with open('probe.json', 'w') as file: json.dump({'times': times, 'memory': memory}, file)
"""


def write(folder: Path, models: str, documents: int) -> None:
    """A project beside nothing: the suite that ships, with small documents of its own."""
    suite = folder / "benchmarks" / "invoices"
    for part in ("documents", "references"):
        (suite / part).mkdir(parents=True)
    for name in ("schema.json", "prompt.md"):
        (suite / name).write_text((PROJECT / "benchmarks/invoices" / name).read_text())
    (suite / "suite.yaml").write_text("")
    test = (PROJECT / "benchmarks/test_invoices.py").read_text()
    (folder / "benchmarks/test_invoices.py").write_text(test)
    for number in range(documents):
        Image.new("RGB", (64, 64), (number % 256, number // 256, 0)).save(
            suite / f"documents/d{number:04}.png"
        )
        (suite / f"references/d{number:04}.json").write_text(json.dumps(REFERENCE))
    lines = [
        json.dumps({"id": f"d{n:04}", "prediction": REFERENCE | {"currency": "USD"}})
        for n in range(documents)
    ]
    (folder / "answers.jsonl").write_text("\n".join(lines))
    (folder / "instant.py").write_text(INSTANT)
    (folder / "conftest.py").write_text(PROBE)
    (folder / "models.yaml").write_text(f"models:\n{models}")
    ini = (PROJECT / "pytest.ini").read_text()
    (folder / "pytest.ini").write_text(ini.replace("pythonpath = .", f"pythonpath = {PROJECT} ."))


def pytest(folder: Path, *arguments: str) -> float:
    """Wall seconds of one pytest process."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode not in (0, 5):
        sys.exit(done.stdout[-3000:] + done.stderr)
    return time.perf_counter() - started


def probe(folder: Path) -> tuple[float, dict[str, int], float]:
    """Median milliseconds a case, resident bytes after case 100 and 1,000, cases a second."""
    seen = json.loads((folder / "probe.json").read_text())
    return (
        statistics.median(seen["times"]) * 1000,
        seen["memory"],
        len(seen["times"]) / sum(seen["times"]),
    )


def main() -> None:
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    result: dict[str, object] = {
        "cases": cases,
        "cpu_count": os.cpu_count(),
        "python": sys.version.split()[0],
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "replay"
        folder.mkdir()
        write(folder, "  - {name: r, backend: replay, model_id: answers.jsonl}\n", cases)
        pytest(folder, "benchmarks")
        milliseconds, memory, _ = probe(folder)
        result["replay_ms_per_case_median"] = round(milliseconds, 2)
        if "1000" in memory:
            result["memory_growth_100_to_1000"] = round(memory["1000"] / memory["100"] - 1, 4)
        folder = Path(name) / "cached"
        folder.mkdir()
        write(folder, "  - {name: i, backend: 'instant:Instant', model_id: x}\n", cases)
        pytest(folder, "benchmarks")
        result["cached_rerun_wall_s"] = round(pytest(folder, "benchmarks"), 2)
        result["cached_cases_per_second"] = round(probe(folder)[2])
        folder = Path(name) / "collect"
        folder.mkdir()
        models = "".join(
            f"  - {{name: m{n}, backend: replay, model_id: answers.jsonl}}\n" for n in range(5)
        )
        write(folder, models, 24)
        (folder / "empty").mkdir()
        (folder / "empty/test_nothing.py").write_text("def test_nothing(): pass\n")
        alone = ["empty", "--collect-only", "-c", "/dev/null", "-p", "no:anyio"]
        result["collect_only_s"] = [
            round(pytest(folder, "benchmarks", "--collect-only"), 2) for _ in range(3)
        ]
        result["pytest_alone_s"] = [round(pytest(folder, *alone), 2) for _ in range(3)]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
