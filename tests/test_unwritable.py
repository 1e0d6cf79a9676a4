"""pytest tests/test_unwritable.py: folders that truly take no more, for root too: a file system
that is read-only or full, mounted in a namespace of the run's own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import calls_of, echo, records_of, run_folder_of, write_project

# Root mounts as it is, anybody else as the root of a namespace of users.
NAMESPACES = (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"])
READ_ONLY = "mount --bind {0} {0} && mount -o remount,bind,ro {0}"
SMALL = "mount -t tmpfs -o size={1} tmpfs {0}"
FILLED = "dd if=/dev/zero of={0}/filler bs=4k 2>/dev/null"
# A stand-in that takes the disk away before its second reply.
BREAKER = """
import subprocess
from echo import Echo

class Breaker(Echo):
    def generate(self, prompt):
        if prompt.document_id == "inv_2":
            subprocess.run(["sh", "-c", self.settings["breaks"]])
        return super().generate(prompt)
"""
CACHE_LINE = "cache/replies: cannot be written ({said}); every answer is in this run"


@pytest.fixture(scope="module")
def namespace() -> list[str]:
    """The command after which a shell may mount what nobody else sees."""
    if shutil.which("unshare"):
        for command in NAMESPACES:
            trial = [*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
            if subprocess.run(trial, capture_output=True).returncode == 0:
                return command
    pytest.skip("no file system can be mounted here, not even in a namespace of one's own")


def make_project(folder: Path, breaks: str = "") -> None:
    model = echo(breaks=breaks).replace("echo:Echo", "breaker:Breaker")
    write_project(folder, "models:\n" + model)
    (folder / "breaker.py").write_text(BREAKER)
    for name in ("results", "cache"):
        (folder / name).mkdir()


def run(
    folder: Path, namespace: list[str], before: str = "true", *options: str, after: str = "true"
) -> tuple[int, str]:
    """The exit status and the output of a run behind what a shell mounts `before` it; what it does
    `after` it still sees what was mounted."""
    pytest_line = f'"{sys.executable}" -m pytest benchmarks -q -p no:cacheprovider "$@"'
    script = f"{before} && {{ {pytest_line}; status=$?; {after}; exit $status; }}"
    command = [*namespace, "sh", "-c", script, "sh", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    output = done.stdout + done.stderr
    assert "Traceback" not in output, output
    assert "INTERNALERROR" not in output, output
    return done.returncode, output


def asked_by(folder: Path) -> list[str]:
    return [call.split()[2] for call in calls_of(folder) if " pages " in call]


@pytest.mark.parametrize(
    ("scenario", "before", "breaks", "said"),
    [
        ("single-stream", READ_ONLY.format("cache"), "", "Read-only file system"),
        (
            "offline",
            SMALL.format("cache", "64k"),
            FILLED.format("cache"),
            "No space left on device",
        ),
    ],
    ids=["read-only", "full"],
)
def test_a_cache_that_takes_nothing_costs_no_answer(
    tmp_path: Path, namespace: list[str], scenario: str, before: str, breaks: str, said: str
) -> None:
    make_project(tmp_path, breaks)
    status, output = run(tmp_path, namespace, before, f"--scenario={scenario}")
    assert status == 0, output
    assert output.count(CACHE_LINE.format(said=said)) == 1
    assert [row["status"] for row in records_of(run_folder_of(tmp_path))] == ["ok"] * 3


def test_results_that_are_read_only_are_refused_before_a_model_is_asked(
    tmp_path: Path, namespace: list[str]
) -> None:
    make_project(tmp_path)
    status, output = run(tmp_path, namespace, READ_ONLY.format("results"))
    assert status == 4, output
    assert output.count("cannot be made (Read-only file system); give another place") == 1
    assert not calls_of(tmp_path)


def test_results_that_become_read_only_end_the_run_and_no_reply_is_asked_again(
    tmp_path: Path, namespace: list[str]
) -> None:
    make_project(tmp_path, READ_ONLY.format("results"))
    status, output = run(tmp_path, namespace, "true", "--scenario=offline")
    assert status == 1, output
    assert output.count("records.jsonl: cannot be written (Read-only file system)") == 1, output
    status, output = run(tmp_path, namespace, "true", "--resume=last")
    assert status == 0, output
    assert sorted(asked_by(tmp_path)) == ["inv_1", "inv_2", "inv_3"]
    report = json.loads((run_folder_of(tmp_path) / "report.json").read_text())
    assert [(row["status"], row["cached"]) for row in report["records"]] == [("ok", False)] * 3


def test_full_results_have_the_answer_in_hand(tmp_path: Path, namespace: list[str]) -> None:
    make_project(tmp_path, FILLED.format("results"))
    small = SMALL.format("results", "2m")
    keep = "rm results/filler; cp -r results kept"
    status, output = run(tmp_path, namespace, small, "--replies=off", after=keep)
    assert status == 1, output
    assert output.count("cannot be written (No space left on device)") == 1, output
    assert "what was written before is safe, this answer too" in output
    (tmp_path / "results").rmdir()
    (tmp_path / "kept").rename(tmp_path / "results")
    rows = records_of(run_folder_of(tmp_path))
    assert [(row["document"], row["status"]) for row in rows] == [("inv_1", "ok"), ("inv_2", "ok")]
    status, output = run(tmp_path, namespace, "true", "--resume=last")
    assert status == 0, output
    assert asked_by(tmp_path) == ["inv_1", "inv_2", "inv_3"]
    assert not list((tmp_path / "results").rglob("*.part"))
