"""Nothing leaves the machine: a real run of the OCR baseline, by what the kernel saw of it and what
it left at home."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import write_project

pytest.importorskip("onnxruntime")
COMMAND = [sys.executable, "-m", "pytest", "benchmarks", "-q", "-p", "no:cacheprovider"]
# The library reports some ten seconds after its first page: a run that ends earlier proves nothing.
WAIT = "import time\ndef pytest_sessionfinish(): time.sleep(12)\n"
LOOPBACK = re.compile(r'inet_addr\("127\.|inet_pton\(AF_INET6, "::1"')


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own; without the variables by which a library knows that it is only tested."""
    silencers = (
        "CI",
        "ORT_DISABLE_TELEMETRY",
        "ORT_RUNNING_UNIT_TESTS",
        "XDG_CACHE_HOME",
        "DO_NOT_TRACK",
    )
    kept = {name: value for name, value in os.environ.items() if name not in silencers}
    return {**kept, "HOME": str(tmp_path / "home"), "MPLCONFIGDIR": str(tmp_path / "matplotlib")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A suite of three tiny documents that the OCR baseline reads."""
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "home").mkdir()
    write_project(folder, "models:\n  - {name: ocr, model_id: rapidocr, backend: ocr}\n")
    return folder


@pytest.mark.slow
def test_a_run_of_the_ocr_leaves_no_identity_at_home(
    project: Path, environment: dict[str, str]
) -> None:
    done = subprocess.run(COMMAND, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    home = Path(environment["HOME"])
    assert [path for path in home.rglob("*") if "onnxruntime" in path.name] == []


@pytest.mark.slow
def test_a_run_of_the_ocr_asks_no_address_outside_loopback(
    project: Path, environment: dict[str, str]
) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: apt-get install strace")
    log = project / "strace.log"
    (project / "conftest.py").write_text(WAIT)
    watched = [
        strace,
        "-f",
        "-e",
        "trace=connect,sendto,sendmsg,sendmmsg",
        "-o",
        str(log),
        *COMMAND,
    ]
    done = subprocess.run(watched, cwd=project, env=environment, capture_output=True, text=True)
    if "ptrace" in done.stderr:
        pytest.skip(f"strace may not watch here: {done.stderr.strip()[:100]}")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = log.read_text("utf-8", "replace").splitlines()
    assert any("exited with 0" in line for line in lines), "strace watched the run to its end"
    assert [line for line in lines if "AF_INET" in line and not LOOPBACK.search(line)] == []
