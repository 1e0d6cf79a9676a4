"""Nothing leaves the machine: a run of the shipped suite with every kind of backend, by what Python
(in all its processes) and the kernel saw of it, and by what it left at home.

The audit in Python sees every interpreter, and no library that asks the network by itself; strace,
where it is there, sees all of them.
"""

import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.projects import ECHO, PROJECT, records_of, run_folder_of, write_project
from tests.servers import Step, completion, serving

COMMAND = [sys.executable, "-m", "pytest", "benchmarks", "-q", "-p", "no:cacheprovider"]
ENGINE = PROJECT / "tests" / "data" / "stand_in_engine.py"
SUITE = PROJECT / "benchmarks" / "invoices"
# A telemetry library reports some ten seconds after its first page: a run that ends earlier proves
# nothing.
WAIT = "import time\ndef pytest_sessionfinish(): time.sleep(12)\n"
# By these a library knows that it is only tested, or was told before to be silent.
SILENCERS = (
    *("CI", "DO_NOT_TRACK", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME"),
    *("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"),
    *("VLLM_NO_USAGE_STATS", "RAY_USAGE_STATS_ENABLED"),
)
MODELS = f"""
models:
  - {{name: ocr, model_id: rapidocr, backend: ocr}}
  - {{name: nano, model_id: {PROJECT}/checkpoints/qwen2-vl-nano, dtype: float32,
      generation_kwargs: {{max_new_tokens: 4}}}}
  - {{name: today, model_id: {SUITE}/references, backend: replay}}
  - {{name: served, model_id: x, backend: openai, backend_kwargs: {{base_url: "URL"}}}}
  - {{name: started, model_id: x, backend: openai,
      serve: [{sys.executable}, {ENGINE}, "{{model_id}}", "{{port}}"]}}
  - {{name: own, model_id: x, backend: "echo:Echo", backend_kwargs: {{answer: "{{}}"}}}}
"""
ASK_OUTSIDE = """
import socket, contextlib
with contextlib.suppress(OSError), socket.socket() as connection:
    connection.settimeout(0.2)
    connection.connect(("192.0.2.1", 80))  # TEST-NET-1, which no machine has
with contextlib.suppress(OSError):
    socket.getaddrinfo("telemetry.invalid", 443)
with socket.create_server(("0.0.0.0", 0)):
    pass
"""
MANY_AT_ONCE = ("--scenario=offline", "-n", "2", "--dist", "loadgroup")


@dataclass(frozen=True)
class WatchedRun:
    """What was seen of a run."""

    project: Path
    home: Path
    audit: list[dict[str, Any]]
    system_calls: list[str] | None  # None where strace is not there or may not watch


def watch(command: list[str], folder: Path, environment: Mapping[str, str]) -> WatchedRun:
    """Runs a command in a folder under both audits."""
    home, audit, calls = (folder / name for name in ("home", "audit.jsonl", "strace.log"))
    home.mkdir()
    kept = {name: value for name, value in environment.items() if name not in SILENCERS}
    variables = {
        "HOME": str(home),
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        "PYTHONPATH": str(PROJECT / "tests" / "socket_audit"),
        "SOCKET_AUDIT": str(audit),
    }
    strace = find_strace()
    watched = [strace, "-f", "-e", "trace=bind,connect,sendto,sendmsg,sendmmsg", "-o", str(calls)]
    done = subprocess.run(
        [*watched, *command] if strace else command,  # type: ignore[list-item]
        cwd=folder,
        env={**kept, **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in audit.read_text().splitlines()]
    system_calls = calls.read_text("utf-8", "replace").splitlines() if strace else None
    return WatchedRun(folder, home, lines, system_calls)


def find_strace() -> str | None:
    """strace, where it is installed and may watch."""
    strace = shutil.which("strace")
    if strace and subprocess.run([strace, "-f", "true"], capture_output=True).returncode == 0:
        return strace
    return None


def find_outside(audit: list[dict[str, Any]]) -> Iterator[str]:
    """What Python was asked for that is not loopback: addresses, also those to listen at, and names
    to be looked up."""
    for entry in audit:
        told = entry["told"]
        is_socket = entry["event"] in ("socket.bind", "socket.connect")
        if entry["event"] == "start" or (is_socket and is_local(told)):
            continue
        host = told[0] if isinstance(told, list) else told
        if not is_loopback(str(host)):
            yield f"{entry['event']} {told}"


def is_local(told: object) -> bool:
    """A socket of this machine's own, which has a path and no address."""
    return isinstance(told, str)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def find_outside_calls(system_calls: list[str]) -> list[str]:
    """The system calls with an address that is not loopback, or with a name server's port: one may
    sit on loopback."""
    loopback = re.compile(r'inet_addr\("127\.|inet_pton\(AF_INET6, "(::1|::ffff:127\.)')
    asked = [line for line in system_calls if "AF_INET" in line]
    return [line for line in asked if not loopback.search(line) or "htons(53)" in line]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((), id="one process"),
        pytest.param(MANY_AT_ONCE, id="many at once", marks=pytest.mark.soak),
    ],
)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> WatchedRun:
    """Two documents of the shipped suite, with every kind of backend."""
    for module in ("onnxruntime", "torch", "transformers", "httpx2", "xdist"):
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("project")
    with serving(Step(completion("{}"))) as server:
        write_project(folder, MODELS.replace("URL", server.url))
        (folder / "echo.py").write_text(ECHO)
        (folder / "conftest.py").write_text(WAIT)
        options = [f"--suite={SUITE}", "--sample=2", "--device=cpu", *request.param]
        return watch([*COMMAND, *options], folder, os.environ)


@pytest.mark.slow
def test_every_backend_answered_and_every_process_was_watched(run: WatchedRun) -> None:
    answered = {
        row["model"] for row in records_of(run_folder_of(run.project)) if row["error"] is None
    }
    assert answered >= {"ocr", "nano", "today", "served", "started", "own"}
    commands = [" ".join(entry["told"]) for entry in run.audit if entry["event"] == "start"]
    for part, count in (("-m pytest", 1), ("suite.rendering.worker", 1), ("import sys;exec", 2)):
        assert sum(part in command for command in commands) >= count, (part, commands)


@pytest.mark.slow
def test_python_asks_no_address_outside_loopback_and_no_name(run: WatchedRun) -> None:
    assert list(find_outside(run.audit)) == []
    assert any(entry["event"] == "socket.connect" for entry in run.audit), "the served model"


@pytest.mark.slow
def test_the_kernel_is_asked_for_no_address_outside_loopback(run: WatchedRun) -> None:
    if run.system_calls is None:
        pytest.skip("strace is not installed or may not watch: apt-get install strace")
    assert any("exited with 0" in line for line in run.system_calls), "watched to the end"
    assert find_outside_calls(run.system_calls) == []


@pytest.mark.slow
def test_no_library_leaves_an_identity_at_home(run: WatchedRun) -> None:
    left = [path.relative_to(run.home).as_posix() for path in run.home.rglob("*")]
    assert [name for name in left if "onnxruntime" in name or "usage_stats" in name] == []


def test_both_audits_see_who_asks_outside(tmp_path: Path) -> None:
    seen = watch([sys.executable, "-c", ASK_OUTSIDE], tmp_path, os.environ)
    assert list(find_outside(seen.audit)) == [
        "socket.connect ['192.0.2.1', 80]",
        "socket.getaddrinfo telemetry.invalid",
        "socket.bind ['0.0.0.0', 0]",
    ]
    if seen.system_calls is not None:
        for address in ("192.0.2.1", "0.0.0.0"):  # noqa: S104 - looked for, not listened at
            assert any(address in line for line in find_outside_calls(seen.system_calls))


@pytest.mark.engines
def test_vllm_does_not_report_its_use_where_we_start_it(tmp_path: Path) -> None:
    from tests.vllm_server import make_environment
    from vlm_lab.telemetry import NO_TELEMETRY

    code = "from vllm.usage.usage_lib import is_usage_stats_enabled as on; print(on())"
    silent = {name: value for name, value in os.environ.items() if name not in SILENCERS}
    for variables, expected in (({}, "True"), (NO_TELEMETRY, "False")):
        done = subprocess.run(
            [str(make_environment()), "-c", code],
            env={**silent, "HOME": str(tmp_path), **variables},
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip().endswith(expected), done.stdout + done.stderr
