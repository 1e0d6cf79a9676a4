"""What a crash costs: a run is killed at a random moment and resumed, again and again, and compared
with a run that nothing broke.

    .venv/bin/python tools/crash_rounds.py [--rounds 200] [--seed 0] [--documents 20]
                                           [--scenario offline] [--folder PATH]

Each round starts a run over three candidates (answers replayed from a file, and two stand-ins that
note what they are asked, one of which takes batches), kills its process group with SIGKILL once or
twice, at moments drawn from its whole length, and resumes it to its end. Compared are report.json,
records.jsonl and the cases' files, without what a clock says. Counted are differences, documents
that were asked again though they were not in hand when a kill came, `.part` files left in results
and cache, and resumes that did not end with 0. Exit status 1 when one of them is not 0; the first
such round stays in the folder.

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
VOLATILE_KEYS |= {"speed", "timing", "batch"}
RUN_OPTIONS = ("benchmarks", "-p", "no:cacheprovider", "-q")
LONGEST_RUN = 120.0  # seconds; a run that takes longer hangs
BATCHES = """
from echo import Echo

class Batches(Echo):
    def generate_batch(self, prompts):
        self.note("batch " + " ".join(prompt.document_id for prompt in prompts))
        return [self.generate(prompt) for prompt in prompts]
"""
SCENARIOS = ("single-stream", "offline")
Question = tuple[str, str]  # model, document


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
    """A project of three candidates; each document has values of its own."""
    folder.mkdir(parents=True)
    references = {
        f"inv_{number:03}": {"invoice_number": f"A-{number}", "totals": {"gross": f"{number}.50"}}
        for number in range(document_count)
    }
    models = "models:\n  - {name: replayed, backend: replay, model_id: answers.jsonl}\n"
    models += echo("asked", ", isolate: false", seconds=0.01)
    # One answer is right: of two that read equally well the clock would say which is better.
    answers = {"inv_000": references["inv_000"]}
    batched = echo("batched", ", isolate: false", seconds=0.01, answers=answers)
    models += batched.replace("echo:Echo", "batches:Batches")
    write_project(folder, models, references)
    (folder / "batches.py").write_text(BATCHES)
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


def read_questions(calls: Sequence[str]) -> tuple[Counter[Question], set[Question]]:
    """What the stand-ins were asked, how often each, and what was asked together last: what is in
    hand where these calls break off."""
    asked: Counter[Question] = Counter()
    in_hand: set[Question] = set()
    for call in calls:
        model, _, words = call.partition(": ")
        if words.startswith("batch "):
            in_hand = {(model, document) for document in words.split()[1:]}
        elif " pages " in words:
            question = (model, words.split()[1])
            asked[question] += 1
            in_hand = in_hand if question in in_hand else {question}
    return asked, in_hand


def count_repeats(folder: Path, lost: Counter[Question]) -> int:
    """How often a stand-in was asked again what was not lost as often."""
    asked, _ = read_questions(calls_of(folder))
    return sum(max(0, count - 1 - lost[question]) for question, count in asked.items())


def run_round(
    folder: Path,
    scenario: str,
    unbroken: Any,
    seconds: float,
    generator: random.Random,
    findings: Findings,
) -> list[str]:
    """Kills and resumes one run; what is wrong with what it left."""
    clear_project(folder)
    findings.rounds += 1
    lost: Counter[Question] = Counter()
    for _ in range(generator.choice((1, 1, 2))):
        calls_before = len(calls_of(folder))
        process_id = start_run(folder, *choose_options(folder, scenario))
        if wait_for_end(process_id, generator.uniform(0, seconds)) is None:
            kill_group(process_id)
            findings.kills += 1
            lost.update(read_questions(calls_of(folder)[calls_before:])[1])
        else:
            findings.kills_too_late += 1
        findings.killed_before_folder += not has_begun(folder)
    status = run_to_end(folder, *choose_options(folder, scenario))
    problems = [f"failed resumes: exit status {status}"] if status else []
    differences = find_differences(unbroken, read_run(folder))
    problems += [f"differences: {difference}" for difference in differences]
    if repeats := count_repeats(folder, lost):
        problems.append(f"asked twice: {repeats} that were not in hand")
    parts = [*(folder / "results").rglob("*.part"), *(folder / "cache").rglob("*.part")]
    problems += [f"parts left: {part}" for part in parts]
    findings.counts.update({problem.partition(":")[0] for problem in problems})
    return problems


def has_begun(folder: Path) -> bool:
    """Whether there is a run to resume."""
    return any((folder / "results").glob("*/run.json"))


def choose_options(folder: Path, scenario: str) -> Sequence[str]:
    """Those that go on with the project's run; where it has not begun, those that begin it."""
    return ("--resume", "last") if has_begun(folder) else ("--scenario", scenario)


def run_rounds(
    folder: Path, scenario: str, rounds: int, seed: int, document_count: int
) -> Findings:
    """All rounds; stops nothing when one of them is wrong, and keeps the first such."""
    make_project(folder, document_count)
    import_everything()
    options = choose_options(folder, scenario)
    run_to_end(folder, *options)  # later ones find what it left in caches of libraries
    clear_project(folder)
    started = time.monotonic()
    status = run_to_end(folder, *options)
    seconds = time.monotonic() - started
    unbroken = read_run(folder)
    if status or count_repeats(folder, Counter()):
        raise SystemExit(f"the unbroken run ended with {status}: {folder / 'output.txt'}")
    print(f"the unbroken run took {seconds:.1f} s", flush=True)
    generator, findings = random.Random(seed), Findings()  # noqa: S311 - reproducible
    for number in range(1, rounds + 1):
        problems = run_round(folder, scenario, unbroken, seconds, generator, findings)
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
    parser.add_argument("--scenario", choices=SCENARIOS, default=SCENARIOS[0])
    parser.add_argument("--folder", type=Path, help="a new folder (default: a temporary one)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crash-rounds-") as temporary:
        folder = args.folder or Path(temporary) / "project"
        findings = run_rounds(
            folder.absolute(), args.scenario, args.rounds, args.seed, args.documents
        )
    print("\n".join(findings.format_lines()))
    return int(findings.counts.total() > 0)


if __name__ == "__main__":
    raise SystemExit(main())
