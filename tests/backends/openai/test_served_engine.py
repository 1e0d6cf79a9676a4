"""A server that a run starts: how it comes up, what is said where it does not, and that nothing of
it is left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.processes import has_ended, wait_for_file
from tests.projects import PROJECT, records_of, run_folder_of, write_project
from tests.suites import REFERENCE
from vlm_lab.backends.openai import served_engine
from vlm_lab.backends.openai.backend import OpenAI
from vlm_lab.backends.openai.client import HttpClient
from vlm_lab.backends.openai.served_engine import find_free_port
from vlm_lab.backends.openai.settings import ServerSettings
from vlm_lab.errors import GenerationError, Skip
from vlm_lab.messages import Message
from vlm_lab.types import Model, Page, Prompt, Runtime

ENGINE = PROJECT / "tests" / "data" / "stand_in_engine.py"
PROMPT = Prompt(
    id="default",
    text="read",
    pages=[Page.from_image(0, Image.new("RGB", (8, 9)))],
    document_id="inv_1",
    document_name="inv_1.png",
)


def build_model(behaviour: str = "", **settings: Any) -> Model:
    """One candidate with the stand-in as its engine."""
    command = (sys.executable, str(ENGINE), "{model_id}", "{port}", behaviour)
    return Model(
        name="m",
        model_id="org/reader",
        backend="openai",
        serve=command,
        backend_kwargs={"retries": 0, **settings},
    )


def read_starts(folder: Path) -> list[dict[str, Any]]:
    """What each start of the engine noted."""
    path = folder / "engines.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., OpenAI]]:
    made: list[OpenAI] = []

    def make(behaviour: str = "", online: bool = False, **settings: Any) -> OpenAI:
        runtime = Runtime(tmp_path / "cache", online=online)
        made.append(OpenAI(build_model(behaviour, **settings), runtime))
        return made[-1]

    yield make
    for backend in made:
        backend.close()
    for facts in read_starts(tmp_path):
        assert all(has_ended(pid) for pid in facts["pids"])


def test_it_answers_once_it_is_ready_and_ends_with_its_children(
    start: Callable[..., OpenAI], tmp_path: Path
) -> None:
    backend = start()
    reply = backend.generate(PROMPT)
    assert reply.raw_response == '{"invoice_number": "1"}'
    served = reply.environment["served"]
    assert (served["engine"], served["engine_version"]) == (Path(sys.executable).name, None)
    assert served["arguments"][1:3] == ["{model_id}", "{port}"]
    assert "started for this run" in reply.environment["device"]["reason"]
    (facts,) = read_starts(tmp_path)
    assert facts["command"][1] == "org/reader"
    assert facts["folder"] == str(tmp_path)
    pids = facts["pids"]
    assert os.getpgid(pids[0]) == os.getpgid(pids[1]) == pids[0] != os.getpgid(0)
    backend.close()
    assert all(has_ended(pid) for pid in pids)


@pytest.mark.parametrize("online", [False, True])
def test_its_environment_is_silent_and_offline_unless_it_is_told(
    start: Callable[..., OpenAI], tmp_path: Path, online: bool
) -> None:
    start(online=online)
    (facts,) = read_starts(tmp_path)
    variables = facts["variables"]
    assert [variables[name] for name in ("VLLM_NO_USAGE_STATS", "DO_NOT_TRACK")] == ["1", "1"]
    assert variables.get("HF_HUB_OFFLINE") == (None if online else "1")
    assert variables["VLLM_API_KEY"] == variables["LLAMA_API_KEY"]
    assert len(variables["VLLM_API_KEY"]) > 30
    assert variables["VLLM_API_KEY"] not in " ".join(facts["command"])


def test_a_death_at_start_is_one_sentence_with_the_end_of_its_log(
    start: Callable[..., OpenAI],
) -> None:
    with pytest.raises(GenerationError) as caught:
        start("dies at start")
    assert caught.value.kind == "WorkerDied"
    message = str(caught.value)
    assert message.startswith("m: while starting: python")
    assert "exited with status 1" in message
    assert message.endswith("ValueError: no room for the cache; give it less")


def test_what_an_engine_died_of_is_found_above_its_last_words(start: Callable[..., OpenAI]) -> None:
    with pytest.raises(GenerationError) as caught:
        start("dies after a traceback")
    cause = "the last it said: ValueError: 9 tokens do not fit and what stands below it (server)"
    assert cause in str(caught.value)


def test_one_that_never_answers_is_given_up(start: Callable[..., OpenAI], tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="did not answer within 1.5 s") as caught:
        start("is never ready", load_timeout=1.5)
    assert caught.value.kind == "Timeout"
    assert "load_timeout" in str(caught.value)
    assert "loading org/reader; key ***" in str(caught.value)
    assert all(has_ended(pid) for pid in read_starts(tmp_path)[0]["pids"])


def test_a_failed_request_quotes_the_log_without_the_key(start: Callable[..., OpenAI]) -> None:
    backend = start("fails at requests")
    with pytest.raises(GenerationError, match="Traceback: no more room; key [*]{3}") as caught:
        backend.generate(PROMPT)
    assert caught.value.kind == "ServerError"
    assert backend.engine is not None
    assert backend.engine.key not in str(caught.value)


def test_one_that_dies_over_a_case_is_started_again_but_not_for_ever(
    start: Callable[..., OpenAI], tmp_path: Path
) -> None:
    backend = start("dies at requests")
    for _ in range(2):
        backend.prepare()
        with pytest.raises(GenerationError, match="status 7.*the engine's last words") as caught:
            backend.generate(PROMPT)
        assert caught.value.kind == "WorkerDied"
    with pytest.raises(GenerationError, match="not started again after 2 deaths"):
        backend.prepare()
    starts = read_starts(tmp_path)
    assert len(starts) == 2
    assert all(has_ended(pid) for facts in starts for pid in facts["pids"])


def test_a_program_that_is_not_there_skips_and_says_where_it_was_looked_for(
    tmp_path: Path,
) -> None:
    model = Model(
        name="m", model_id="x", backend="openai", serve=("no-such-engine", "--port", "{port}")
    )
    with pytest.raises(Skip, match="m: no program no-such-engine on PATH; .*`python:`"):
        OpenAI(model, Runtime(tmp_path / "cache"))


@pytest.fixture
def port_of_others() -> Iterator[int]:
    """Where a process of another user listens; what it is sent it never answers."""
    if os.getuid() != 0:
        pytest.skip("only root can start a process of another user")
    port = find_free_port()
    script = (
        "import os, socket, time\n"
        "os.setuid(65534)\n"
        f"listening = socket.create_server(('127.0.0.1', {port}))\n"
        "print('listens', flush=True)\n"
        "print(len(listening.accept()[0].recv(1)), flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"listens\n"
        try:
            yield port
        finally:
            other.kill()
        assert other.stdout.read() in (b"", b"0\n"), "it was sent something"


def test_a_port_that_another_user_took_is_sent_nothing(
    start: Callable[..., OpenAI], port_of_others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_engine, "find_free_port", lambda: port_of_others)
    with pytest.raises(GenerationError, match="Address already in use"):
        start()


def test_one_that_takes_the_place_of_a_server_that_died_is_sent_nothing(
    port_of_others: int,
) -> None:
    settings = ServerSettings(base_url=f"http://127.0.0.1:{port_of_others}/v1", retries=0)
    client = HttpClient(settings, "secret", private=True, is_ours=True)
    assert not client.is_ready()
    with pytest.raises(GenerationError, match=f"another user listens on port {port_of_others}"):
        client.post("chat/completions", {})
    with pytest.raises(Skip, match="nothing was sent"):
        client.check_server(Message("said_nothing"))
    client.close()


def write_served_project(folder: Path, behaviour: str = "") -> None:
    command = [sys.executable, str(ENGINE), "{model_id}", "{port}", behaviour]
    entry = f"{{name: served, model_id: org/reader, backend: openai, serve: {json.dumps(command)}}}"
    references = dict.fromkeys(("inv_1", "inv_2"), REFERENCE)
    write_project(folder, f"models:\n  - {entry}\n", references)


def test_a_run_starts_it_once_and_its_key_is_in_no_file(pytester: pytest.Pytester) -> None:
    write_served_project(pytester.path)
    result = pytester.runpytest_subprocess("benchmarks", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*served: python* is started for it when its first case comes*"])
    (facts,) = read_starts(pytester.path)
    assert all(has_ended(pid) for pid in facts["pids"])
    key = facts["variables"]["VLLM_API_KEY"]
    (pytester.path / "engines.jsonl").unlink()
    files = [path for path in pytester.path.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert not [path for path in files if key.encode() in path.read_bytes()]
    assert key not in result.stdout.str() + result.stderr.str()
    asked = [json.loads(line) for line in (pytester.path / "asked.jsonl").read_text().splitlines()]
    assert [body["temperature"] for body in asked] == [0.0, 0.0]


def test_a_second_run_takes_its_replies_from_the_cache(pytester: pytest.Pytester) -> None:
    """Port and key are others each time: they are no part of what a reply is known by."""
    write_served_project(pytester.path)
    for _ in range(2):
        pytester.runpytest_subprocess("benchmarks", "-p", "no:cacheprovider")
    assert len(read_starts(pytester.path)) == 1
    runs = [path for path in (pytester.path / "results").iterdir() if path.is_dir()]
    cached = [[row["cached"] for row in records_of(run)] for run in runs]
    assert sorted(cached) == [[False, False], [True, True]]


def test_a_failure_is_a_record_with_the_log_and_the_rest_fails_at_once(
    pytester: pytest.Pytester,
) -> None:
    write_served_project(pytester.path, "dies at start")
    result = pytester.runpytest_subprocess("benchmarks", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=2)
    rows = records_of(run_folder_of(pytester.path))
    assert {row["status"] for row in rows} == {"error"}
    assert all("no room for the cache" in row["error"]["message"] for row in rows)
    assert len(read_starts(pytester.path)) == 1


@pytest.mark.parametrize("behaviour", ["", "is never ready"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_of_it_outlives_the_run(
    tmp_path: Path, end: signal.Signals, behaviour: str
) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from tests.backends.openai.test_served_engine import *\n"
        "from vlm_lab.run.signals import interrupt_on_signals\n"
        "interrupt_on_signals()\n"
        f"backend = OpenAI(build_model({behaviour!r}), Runtime(Path('cache')))\n"
        "try:\n"
        "    Path('ready').touch(); time.sleep(600)\n"
        "finally:\n"
        "    backend.close()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    ) as parent:
        awaited = tmp_path / ("engines.jsonl" if behaviour else "ready")
        wait_for_file(awaited)
        time.sleep(0.2)
        parent.send_signal(end)
        (facts,) = read_starts(tmp_path)
        assert all(has_ended(pid, 5) for pid in facts["pids"])
