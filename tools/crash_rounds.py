"""What a crash costs: a run is killed at a random moment and resumed, again and again, and compared
with a run that nothing broke.

    .venv/bin/python tools/crash_rounds.py [--rounds 200] [--seed 0] [--documents 20]
                                           [--folder PATH]

Each round starts a run over two candidates (answers replayed from a file, and a stand-in that notes
what it is asked), kills its process group with SIGKILL once or twice, at moments drawn from its
whole length, and resumes it to its end. Compared are report.json, records.jsonl and the cases'
files, without what a clock says. Counted are differences, documents that were asked twice beyond
those in hand when a kill came, `.part` files left in results and cache, and resumes that did not
end with 0. Exit status 1 when one of them is not 0; the first such round stays in the folder.

The processes are forked from one that has imported everything: most of a short run is imports.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))
from tests.projects import calls_of, echo, write_project  # noqa: E402

# What a clock, a folder's name or the command line decides.
VOLATILE_KEYS = {"id", "started", "command", "options", "elapsed_seconds", "rounds", "measured_at"}
VOLATILE_KEYS |= {"speed", "timing"}
RUN_OPTIONS = ("benchmarks", "-p", "no:cacheprovider", "-q")
LONGEST_RUN = 120.0  # seconds; a run that takes longer hangs


@dataclass
class Findings:
    """What went wrong in how many rounds."""

    rounds: int = 0
    kills: int = 0
    kills_too_late: int = 0
    killed_before_folder: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def format_lines(self) -> list[str]:
        """`differences 0`, and so on."""
        kinds = ("differences", "asked twice", "parts left", "failed resumes")
        lines = [f"{kind} {self.counts[kind]}" for kind in kinds]
        return [
            f"rounds {self.rounds}, kills {self.kills}, of them after the end"
            f" {self.kills_too_late}, before the run began {self.killed_before_folder}",
            *lines,
        ]


def make_project(folder: Path, document_count: int) -> None:
    """A project of two candidates; each document has values of its own."""
    folder.mkdir(parents=True)
    references = {
        f"inv_{number:03}": {"invoice_number": f"A-{number}", "totals": {"gross": f"{number}.50"}}
        for number in range(document_count)
    }
    models = "models:\n  - {name: replayed, backend: replay, model_id: answers.jsonl}\n"
    write_project(folder, models + echo("asked", ", isolate: false", seconds=0.01), references)
    rows = [
        {"document": name, "raw_response": json.dumps(reference)}
        for name, reference in references.items()
    ]
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def import_everything() -> None:
    """What a run imports, so that a fork has it."""
    import matplotlib.figure  # noqa: F401
    import pytest  # noqa: F401
    import pytest_benchmark.plugin  # noqa: F401

    import vlm_lab.analysis.evidence
    import vlm_lab.backends.replay
    import vlm_lab.decision.decide
    import vlm_lab.plugin
    import vlm_lab.report.formats
    import vlm_lab.report.html.page
    import vlm_lab.report.markdown
    import vlm_lab.run.finalize
    import vlm_lab.scoring  # noqa: F401


def start_run(folder: Path, *options: str) -> int:
    """A run in a process group of its own; its process id."""
    process_id = os.fork()
    if process_id:
        return process_id
    status = 70
    try:
        os.setsid()
        os.chdir(folder)
        output = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        import pytest

        status = int(pytest.main([*RUN_OPTIONS, *options]))
    finally:
        os._exit(status)


def wait_for_end(process_id: int, seconds: float) -> int | None:
    """The exit status of a run that ends within `seconds`; None where it does not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended_id, status = os.waitpid(process_id, os.WNOHANG)
        if ended_id:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    return None


def kill_group(process_id: int) -> None:
    """Ends a run as a crash does."""
    with suppress(ProcessLookupError):
        os.killpg(process_id, signal.SIGKILL)
    os.waitpid(process_id, 0)


def run_to_end(folder: Path, *options: str) -> int:
    """The exit status of a run that nothing breaks; -9 where it hangs."""
    process_id = start_run(folder, *options)
    status = wait_for_end(process_id, LONGEST_RUN)
    if status is None:
        kill_group(process_id)
    return -9 if status is None else status


def clear_project(folder: Path) -> None:
    """Takes away what runs left."""
    for name in ("results", "cache"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("calls.txt", "output.txt"):
        (folder / name).unlink(missing_ok=True)


def read_run(folder: Path) -> dict[str, Any]:
    """What the one run of a project left, without what a clock says."""
    runs = [path for path in (folder / "results").iterdir() if (path / "run.json").exists()]
    if len(runs) != 1:
        return {"runs": len(runs)}
    (run,) = runs
    records = {}
    for line in (run / "records.jsonl").read_text().splitlines():
        with suppress(ValueError):  # torn by the kill
            row = json.loads(line)
            records[f"{row['model']}/{row['document']}.json"] = row
    files = {
        path.relative_to(run).as_posix(): json.loads(path.read_text())
        for path in run.glob("*/*.json")
    }
    report = json.loads((run / "report.json").read_text())
    others = sorted(
        path.relative_to(run).as_posix()
        for path in run.rglob("*")
        if path.is_file() and path.suffix != ".json"
    )
    return {
        "report": drop_volatile(report),
        "records": drop_volatile(records),
        "files": drop_volatile(files),
        "files as records": files == records,
        "other files": others,
    }


def drop_volatile(value: Any) -> Any:
    """The value without what differs between two runs that say the same."""
    if isinstance(value, dict):
        return {
            key: drop_volatile(member)
            for key, member in sorted(value.items())
            if key not in VOLATILE_KEYS
        }
    if isinstance(value, list):
        return [drop_volatile(member) for member in value]
    return value


def find_differences(first: Any, second: Any, place: str = "") -> list[str]:
    """Where two values differ."""
    if isinstance(first, dict) and isinstance(second, dict):
        differences = []
        for key in sorted({*first, *second}):
            differences += find_differences(first.get(key), second.get(key), f"{place}/{key}")
        return differences
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        differences = []
        for index, (left, right) in enumerate(zip(first, second, strict=True)):
            differences += find_differences(left, right, f"{place}/{index}")
        return differences
    return [] if first == second else [f"{place}: {str(first)[:80]} | {str(second)[:80]}"]


def count_repeats(folder: Path) -> int:
    """How often the stand-in was asked what it had been asked before."""
    questions = Counter(line for line in calls_of(folder) if "inv_" in line)
    return sum(count - 1 for count in questions.values())


def run_round(
    folder: Path, unbroken: Any, seconds: float, generator: random.Random, findings: Findings
) -> list[str]:
    """Kills and resumes one run; what is wrong with what it left."""
    clear_project(folder)
    findings.rounds += 1
    kill_count = generator.choice((1, 1, 2))
    for _ in range(kill_count):
        process_id = start_run(folder, *choose_options(folder))
        if wait_for_end(process_id, generator.uniform(0, seconds)) is None:
            kill_group(process_id)
            findings.kills += 1
        else:
            findings.kills_too_late += 1
        findings.killed_before_folder += not has_begun(folder)
    status = run_to_end(folder, *choose_options(folder))
    problems = [f"failed resumes: exit status {status}"] if status else []
    differences = find_differences(unbroken, read_run(folder))
    problems += [f"differences: {difference}" for difference in differences]
    repeats = count_repeats(folder)
    if repeats > kill_count:
        problems.append(f"asked twice: {repeats} with {kill_count} kills")
    parts = [*(folder / "results").rglob("*.part"), *(folder / "cache").rglob("*.part")]
    problems += [f"parts left: {part}" for part in parts]
    findings.counts.update({problem.partition(":")[0] for problem in problems})
    return problems


def has_begun(folder: Path) -> bool:
    """Whether there is a run to resume."""
    return any((folder / "results").glob("*/run.json"))


def choose_options(folder: Path) -> Sequence[str]:
    """Those that go on with the project's run; none where it has not begun."""
    return ("--resume", "last") if has_begun(folder) else ()


def run_rounds(folder: Path, rounds: int, seed: int, document_count: int) -> Findings:
    """All rounds; stops nothing when one of them is wrong, and keeps the first such."""
    make_project(folder, document_count)
    import_everything()
    run_to_end(folder)  # later ones find what it left in caches of libraries
    clear_project(folder)
    started = time.monotonic()
    status = run_to_end(folder)
    seconds = time.monotonic() - started
    unbroken = read_run(folder)
    if status or count_repeats(folder):
        raise SystemExit(f"the unbroken run ended with {status}: {folder / 'output.txt'}")
    print(f"the unbroken run took {seconds:.1f} s", flush=True)
    generator, findings = random.Random(seed), Findings()  # noqa: S311 - reproducible
    for number in range(1, rounds + 1):
        problems = run_round(folder, unbroken, seconds, generator, findings)
        for problem in problems[:5]:
            print(f"round {number}: {problem}", flush=True)
        kept = folder.with_name(f"{folder.name}-round-{number}")
        if problems and findings.counts.total() == len(
            {each.partition(":")[0] for each in problems}
        ):
            shutil.copytree(folder, kept)
            print(f"round {number} is kept in {kept}", flush=True)
        if number % 20 == 0:
            print(f"{number} rounds, {findings.counts.total()} wrong", flush=True)
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--documents", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="a new folder (default: a temporary one)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crash-rounds-") as temporary:
        folder = args.folder or Path(temporary) / "project"
        findings = run_rounds(folder.absolute(), args.rounds, args.seed, args.documents)
    print("\n".join(findings.format_lines()))
    return int(findings.counts.total() > 0)


if __name__ == "__main__":
    raise SystemExit(main())
