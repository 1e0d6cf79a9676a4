"""python tools/bench_ray.py --documents 1000 10000: a run over three machines of a Ray cluster on
this one, replayed answers to small documents, or with `--nano` slips that the model that ships
reads: seconds a document, and what the process that plans and writes takes of memory while
documents are asked.

Needs psutil; Ray's environment is made in cache/engines/ray.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.projects import write_project
from tests.ray_cluster import make_environment, start_cluster
from tests.slips import write_slip_project
from tests.suites import REFERENCE

SAMPLE_SECONDS = 1.0
MODELS = "models:\n  - {name: today, backend: replay, model_id: answers}\n"
Sample = tuple[float, float, int, float]  # seconds, MB, documents written, CPU seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--nano", action="store_true", help="the model that ships reads slips")
    args = parser.parse_args()
    python = make_environment()
    for count in args.documents:
        with tempfile.TemporaryDirectory() as folder, start_cluster(python) as cluster:
            project = Path(folder)
            write = write_slip_project if args.nano else write_documents
            write(project, count)
            samples = run(python, project, cluster.address)
        report(count, samples)


def write_documents(project: Path, count: int) -> None:
    """Small pictures, and an answer to each."""
    names = [f"inv_{number:06}" for number in range(count)]
    write_project(project, MODELS, dict.fromkeys(names, REFERENCE), "verified: true")
    (project / "answers").mkdir()
    for name in names:
        (project / "answers" / f"{name}.json").write_text(json.dumps(REFERENCE))


def run(python: Path, project: Path, address: str) -> list[Sample]:
    """Memory of the driver, second by second; the last sample is its end."""
    command = [str(python), "-m", "vlm_lab", "run", "--engine", "ray", "--ray-address", address]
    started, samples = time.monotonic(), []
    with subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL) as process:
        driver = psutil.Process(process.pid)
        while process.poll() is None:
            written = count_rows(python, project)
            used = driver.memory_info().rss / 1e6
            times = driver.cpu_times()
            busy = times.user + times.system
            samples.append((time.monotonic() - started, used, written, busy))
            time.sleep(SAMPLE_SECONDS)
        if process.returncode:
            raise SystemExit(f"the run ended with {process.returncode}")
    return samples


def count_rows(python: Path, project: Path) -> int:
    """Rows that are on the disk, as far as whole files say it."""
    script = (
        "import sys, pyarrow.parquet as p;"
        "print(sum(p.ParquetFile(f).metadata.num_rows for f in sys.argv[1:]))"
    )
    files = map(str, project.glob("results/2*/records/*.parquet"))
    counted = subprocess.run(
        [str(python), "-c", script, *files], capture_output=True, text=True, check=True
    )
    return int(counted.stdout)


def report(count: int, samples: list[Sample]) -> None:
    """Seconds a document between the first and the last rows, and the slope of memory there."""
    asked = [sample for sample in samples if 0 < sample[2] < count]
    seconds = samples[-1][0]
    print(f"{count} documents: {seconds:.0f} s, {seconds / count * 1000:.1f} ms a document")
    peak = max(used for _, used, *_ in samples)
    if len(asked) > 2:
        (_, first, low, begun), (_, last, high, ended) = asked[0], asked[-1]
        slope = (last - first) / max(1, high - low) * 1000
        print(
            f"  driver: {first:.0f} MB at {low} rows, {last:.0f} MB at {high}: {slope:.2f} KB each"
        )
        cpu = (ended - begun) / max(1, high - low) * 1000
        print(f"  driver: {cpu:.1f} ms of CPU a document")
    print(f"  driver at most {peak:.0f} MB, the report included")


if __name__ == "__main__":
    main()
