"""pytest tests/test_crash_rounds.py: a run that was killed and resumed is the run that nothing
broke."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "crash_rounds.py"


@pytest.mark.parametrize(
    ("scenario", "rounds"),
    [
        pytest.param("single-stream", 4, marks=pytest.mark.slow),
        pytest.param("offline", 2, marks=pytest.mark.slow),
        pytest.param("single-stream", 200, marks=pytest.mark.soak),
        pytest.param("offline", 100, marks=pytest.mark.soak),
    ],
)
def test_killed_and_resumed_it_is_the_unbroken_run(
    tmp_path: Path, scenario: str, rounds: int
) -> None:
    command = [sys.executable, str(TOOL), "--rounds", str(rounds), "--documents", "8"]
    command += ["--scenario", scenario]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path / "project")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    expected = ["differences 0", "asked twice 0", "parts left 0", "failed resumes 0"]
    assert done.stdout.splitlines()[-4:] == expected
