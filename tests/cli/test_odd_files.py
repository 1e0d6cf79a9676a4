"""Files of a run that are none, or hold what nobody wrote there: every command that reads them says
so in a line, in bounded time and memory, or does without."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.test_joined_runs import MODELS_FILE, OLD, answers, write
from tools.fuzz_inputs import MAX_SENTENCE
from vlm_lab.cli.main import main
from vlm_lab.files import MAX_DATA_BYTES, read_bounded_lines
from vlm_lab.records.looks import Look, add_look, read_looks

MAX_SECONDS = 20.0  # the work is milliseconds; a pipe is waited for without an end
LARGE = MAX_DATA_BYTES + 2


def make_large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(LARGE)


ODD_FILES: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "one long line": make_large,
    "deep JSON": lambda path: path.write_text('{"a":' * 3000 + "1" + "}" * 3000),
    "a number of 6000 digits": lambda path: path.write_text('{"a": ' + "7" * 6000 + "}"),
    "no text": lambda path: path.write_bytes(b"\0\xff\n\0"),
}
FILES = ("records.jsonl", "report.json", "run.json", "../looks.jsonl", "../baseline.json")
COMMANDS = {
    "report": [OLD],
    "decide": [OLD],
    "corrections": [OLD, "--write", "corrections.json"],
    "forget": ["d7", "--yes"],
    "clean": ["results/" + OLD, "--yes"],
    "accept": [OLD],
    "compare": ["results/baseline.json", OLD],
}


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    """Ends a test that waits: pytest has no limit of its own."""

    def give_up(*_: object) -> None:
        raise KeyError("waited")  # nothing of ours catches it

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, MAX_SECONDS)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("models.yaml").write_text(MODELS_FILE)
    folder = write(tmp_path / "results", OLD, answers("good", "exact", 8))
    shutil.copy(folder / "report.json", folder / "run.json")
    assert main(["accept", OLD]) == 0
    return folder


@pytest.mark.parametrize("odd", ODD_FILES)
@pytest.mark.parametrize("file", FILES)
def test_a_file_of_a_run(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, odd: str
) -> None:
    for command, typed in COMMANDS.items():
        project = tmp_path / command
        shutil.copytree(run.parent, project / "results")
        shutil.copy("models.yaml", project)
        path = project / "results" / OLD / file
        path.unlink(missing_ok=True)
        ODD_FILES[odd](path)
        os.chdir(project)
        status = main([command, *typed])
        os.chdir(tmp_path)
        printed = capsys.readouterr()
        assert status in (0, 1, 2, 6), (command, printed)
        assert len(printed.err) < MAX_SENTENCE, command
        assert status == 0 or printed.err, command


def test_the_pipe_and_its_reason_are_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "records.jsonl").unlink()
    os.mkfifo(run / "records.jsonl")
    assert main(["decide", OLD]) == 2
    said = capsys.readouterr().err
    assert f"results/{OLD}/records.jsonl: cannot be read (is a pipe or a device, no file)" in said


def test_a_line_of_any_length_is_never_held(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"ab\ncd\n" + b"e" * 9)
    with path.open("rb") as file:
        lines = read_bounded_lines(file, 8)
        assert [next(lines), next(lines)] == [b"ab\n", b"cd\n"]
        with pytest.raises(OSError, match="a line of more than 8 bytes"):
            next(lines)


def test_a_look_is_not_written_into_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "looks.jsonl")
    look = Look("s", "r", "2026-01-02", 3, "0")
    assert read_looks(tmp_path) == []
    assert add_look(tmp_path, look) == [look]


def test_an_error_of_the_disk_is_a_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run.parent / "baseline.json").unlink()
    (run.parent / "baseline.json").mkdir()
    assert main(["accept", OLD]) == 2
    assert "results/baseline.json: Is a directory" in capsys.readouterr().err


def test_half_a_character_in_a_report_is_an_escape_in_the_baseline(run: Path) -> None:
    report = run / "report.json"
    report.write_text(report.read_text().replace(json.dumps(OLD), json.dumps("\ud800")))
    assert main(["accept", OLD]) == 0
    assert '"\\ud800"' in (run.parent / "baseline.json").read_text()
