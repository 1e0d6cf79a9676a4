"""pytest tests/cli/test_main.py: what a user sees of the commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import echo, write_project
from vlm_lab.cli.main import COMMANDS, main
from vlm_lab.exit_status import EXIT_STATUS_MEANINGS


def test_every_command_has_help_that_shows_how_it_is_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in COMMANDS:
        with pytest.raises(SystemExit) as done:
            main([name, "--help"])
        assert done.value.code == 0
        assert f"vlm-lab {name}" in capsys.readouterr().out


def test_the_overview_lists_them_and_a_typo_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    overview = capsys.readouterr().out
    assert all(f"  {name} " in overview and text in overview for name, text in COMMANDS.items())
    for status, (_, meaning) in EXIT_STATUS_MEANINGS.items():
        assert not meaning or f"  {status.value}            {meaning}" in overview
    assert main(["decied"]) == 2
    assert "no command 'decied'" in capsys.readouterr().err


def test_a_users_mistake_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(tmp_path / "none.jsonl")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("vlm-lab score: ")
    assert "none.jsonl" in error
    assert "Traceback" not in error


def test_run_is_pytest_over_the_project_it_stands_in(tmp_path: Path) -> None:
    write_project(tmp_path, "models:\n" + echo("a") + echo("b"))
    command = [
        sys.executable,
        "-m",
        "vlm_lab",
        "run",
        "-k",
        "b-default-inv_2",
        "-p",
        "no:cacheprovider",
    ]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, cwd=tmp_path / "benchmarks", capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 5 deselected" in done.stdout
    assert (tmp_path / "results").is_dir()


def test_a_reader_that_has_gone_is_no_traceback(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"id": "a", "reference": {"no": "1"}, "prediction": {"no": "1"}}\n')
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "vlm_lab", "score", str(pairs)]
    project, buffered = Path(__file__).parents[2], {**os.environ, "PYTHONUNBUFFERED": ""}
    try:
        done = subprocess.run(
            command, stdout=write, stderr=subprocess.PIPE, text=True, cwd=project, env=buffered
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (141, "")
