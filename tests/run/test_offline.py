"""pytest tests/run/test_offline.py: many requests at once; each test takes its own reply."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.projects import calls_of, echo, read_figures, records_of, run_folder_of, write_project
from tests.servers import Step, completion, serving
from tests.suites import REFERENCE
from vlm_lab.errors import GenerationError
from vlm_lab.run import offline
from vlm_lab.run.batching import (
    GPU_PROMPTS,
    BatchLimits,
    WaitingPrompt,
    choose_batch,
    is_batch_full,
)
from vlm_lab.run.offline import RequestWindow
from vlm_lab.types import Case, Generation, Model, Page, Prompt, Timing

DOCUMENTS = [f"inv_{number:02}" for number in range(12)]
BATCHES = """
import os, signal, time
from echo import Echo
from vlm_lab.errors import GenerationError

class Batches(Echo):
    def generate_batch(self, prompts):
        names = [prompt.document_id for prompt in prompts]
        self.note("batch " + " ".join(names))
        time.sleep(self.settings.get("seconds", 0))
        if len(prompts) > self.settings.get("room", 99):
            raise GenerationError("OutOfMemory", "needs 9 GB, has 8 GB")
        if set(names) & set(self.settings.get("fails", ())):
            raise GenerationError("ContextOverflow", "one of them is too long")
        if self.settings.get("dies_in") in names:
            os.kill(os.getppid() if self.settings.get("parent") else os.getpid(), signal.SIGKILL)
            time.sleep(9)
        return [super(Batches, self).generate(prompt) for prompt in prompts]
"""


def batches(**settings: Any) -> str:
    return echo(**settings).replace("echo:Echo", "batches:Batches")


def make_project(folder: Path, models: str) -> None:
    write_project(folder, models, dict.fromkeys(DOCUMENTS, REFERENCE))
    (folder / "batches.py").write_text(BATCHES)


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    options = ("--scenario=offline", "-p", "no:cacheprovider", *options)
    return pytester.runpytest_subprocess("benchmarks", *options)


def report_of(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((run_folder_of(folder) / "report.json").read_text())
    return report


def wait_for_prompts(tokens: Sequence[int]) -> list[WaitingPrompt]:
    case: Any = SimpleNamespace(key="k")
    prompt: Any = SimpleNamespace(pages=[])
    return [WaitingPrompt(case, prompt, count) for count in tokens]


@given(
    st.lists(st.integers(1, 5000), min_size=1, max_size=30),
    st.integers(1, 20_000),
    st.integers(1, 12),
)
def test_a_batch_has_the_first_and_keeps_to_its_limits(
    tokens: list[int], budget: int, prompts: int
) -> None:
    waiting, limits = wait_for_prompts(tokens), BatchLimits(budget, prompts)
    batch = choose_batch(waiting, limits)
    assert batch[0] is waiting[0]
    assert len({id(prompt) for prompt in batch}) == len(batch) <= prompts
    padded = max(prompt.tokens for prompt in batch) * len(batch)
    assert len(batch) == 1 or padded <= budget
    assert is_batch_full(waiting, limits) == (len(batch) < len(waiting) or len(batch) >= prompts)


def test_a_batch_is_of_similar_length() -> None:
    waiting = wait_for_prompts([100, 4000, 110, 90, 5000, 120])
    batch = choose_batch(waiting, BatchLimits(100_000, 4))
    assert sorted(prompt.tokens for prompt in batch) == [90, 100, 110, 120]


class Stand:
    """A candidate whose answers are a test's."""

    supports_batches = True
    device = "cpu"

    def __init__(self, answer: Callable[[list[str]], None], parallel_requests: int = 1) -> None:
        self.model = Model(name="m", model_id="x")
        self.parallel_requests = parallel_requests
        self.answer = answer
        self.asked: list[list[str]] = []
        self.announced: list[list[str]] = []

    def identity(self) -> dict[str, str]:
        return {"device": self.device}

    def predict_visual_tokens(self, sizes: Any) -> int:
        return 100

    def load(self) -> None: ...

    def generate(self, prompt: Prompt) -> Generation:
        return self.generate_batch([prompt])[0]

    def announce_batch(self, prompts: Sequence[Prompt]) -> None:
        self.announced.append([prompt.document_id for prompt in prompts])

    def generate_batch(self, prompts: Sequence[Prompt]) -> list[Generation]:
        names = [prompt.document_id for prompt in prompts]
        self.asked.append(names)
        self.answer(names)
        return [Generation(raw_response=name, timing=Timing(0, 1, 2)) for name in names]


def open_window(
    stand: Stand,
    count: int,
    prepared: list[str] | None = None,
    store: Callable[[Generation], None] | None = None,
    preparing_threads: int = 1,
    slow: Sequence[str] = (),
) -> tuple[RequestWindow, list[Case], list[Generation]]:
    cases: list[Any] = [
        SimpleNamespace(key=f"d{number}", id=f"d{number}") for number in range(count)
    ]
    stored: list[Generation] = []
    page = Page.from_image(0, Image.new("RGB", (100, 100)))

    def prepare(case: Case) -> tuple[Prompt, str]:
        if prepared is not None:
            prepared.append(case.id)
        name = case.id
        if name in slow:
            time.sleep(0.1)
        prompt = Prompt(id="p", text="", pages=[page], document_id=name, document_name=name)
        return prompt, f"key of {name}"

    candidate: Any = stand
    window = RequestWindow(candidate, cases, prepare, store or stored.append, preparing_threads)
    return window, cases, stored


def test_each_test_takes_its_own_reply_and_the_cache_has_it_before() -> None:
    window, cases, stored = open_window(Stand(lambda names: None), 40)
    for case in cases:
        reply = window.take(case)
        assert (reply.raw_response, reply.reply_key) == (case.id, f"key of {case.id}")
        assert reply in stored
        assert reply.timing == Timing()
        assert reply.elapsed_seconds is None
        assert reply.batch
        assert reply.batch.model_seconds == 3
    window.close()
    assert any(reply.batch and reply.batch.size > 1 for reply in stored)


def test_no_more_than_the_window_is_prepared_ahead() -> None:
    prepared: list[str] = []
    window, cases, _ = open_window(Stand(lambda names: None), 500, prepared)
    window.take(cases[0])
    time.sleep(0.3)
    assert len(prepared) == offline.CASES_AHEAD
    window.take(cases[10])
    time.sleep(0.3)
    assert len(prepared) == offline.CASES_AHEAD + 10
    window.close()


def test_cases_that_tests_pass_by_do_not_stop_it_and_one_may_come_again() -> None:
    window, cases, _ = open_window(Stand(lambda names: None), 300)
    for index in (0, 5, 200, 200, 3, 299):
        assert window.take(cases[index]).raw_response == cases[index].id
    window.close()


def test_without_room_batches_are_halved_and_stay_so() -> None:
    def answer(names: list[str]) -> None:
        if len(names) > 5:
            raise GenerationError("OutOfMemory", "no room")

    stand = Stand(answer)
    window, cases, _ = open_window(stand, 64)
    assert [window.take(case).raw_response for case in cases] == [case.id for case in cases]
    window.close()
    sizes = [len(names) for names in stand.asked]
    assert sizes[0] > 5
    assert max(sizes[3:]) <= sizes[0] // 2


def test_both_halves_of_a_batch_without_room_count_once() -> None:
    def answer(names: list[str]) -> None:
        if len(names) > 6:
            raise GenerationError("OutOfMemory", "no room")

    stand = Stand(answer)
    window, cases, _ = open_window(stand, 64)
    for case in cases:
        window.take(case)
    window.close()
    sizes = [len(names) for names in stand.asked]
    assert sizes[:7] == [14, 7, 3, 4, 7, 3, 4]
    assert set(sizes[8:-1]) == {3}


def test_on_a_gpu_two_batches_are_prepared_ahead() -> None:
    prepared: list[str] = []
    stand = Stand(lambda names: None)
    stand.device = "cuda:1"
    window, cases, _ = open_window(stand, 500, prepared)
    window.take(cases[0])
    time.sleep(0.3)
    assert len(prepared) == 2 * GPU_PROMPTS
    window.close()


def test_several_threads_prepare_and_no_batch_is_asked_before_it_is_full() -> None:
    """The batches are those of one thread, whichever prompt is ready first."""
    stand = Stand(lambda names: None)
    window, cases, _ = open_window(stand, 56, preparing_threads=4, slow=("d0", "d9", "d30"))
    assert [window.take(case).raw_response for case in cases] == [case.id for case in cases]
    window.close()
    assert [len(names) for names in stand.asked] == [14] * 4


def test_the_next_batch_is_announced_while_the_model_works() -> None:
    stand = Stand(lambda names: time.sleep(0.1))
    window, cases, _ = open_window(stand, 64)
    for case in cases:
        window.take(case)
    window.close()
    assert stand.announced == stand.asked[1:]


def test_what_one_prompt_does_is_its_own_error() -> None:
    def answer(names: list[str]) -> None:
        if "d3" in names:
            raise GenerationError("WorkerDied", "over d3")

    window, cases, _ = open_window(Stand(answer), 20)
    for case in cases:
        if case.id == "d3":
            with pytest.raises(GenerationError, match="over d3"):
                window.take(case)
        else:
            assert window.take(case).raw_response == case.id
    window.close()


def find_errors(window: RequestWindow, cases: Sequence[Case]) -> list[BaseException | None]:
    """What each case raises; TimeoutError where its test would wait for ever."""
    with ThreadPoolExecutor(1) as executor:
        try:
            return [executor.submit(window.take, case).exception(timeout=5) for case in cases]
        finally:
            window.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), ValueError("odd")], ids=repr)
def test_whatever_ends_a_batch_no_test_waits_for_ever(error: BaseException) -> None:
    def answer(names: list[str]) -> None:
        raise error

    window, cases, _ = open_window(Stand(answer), 20)
    assert {*find_errors(window, cases)} == {error}


def test_a_reply_that_cannot_be_stored_is_its_own_error() -> None:
    def store(reply: Generation) -> None:
        if reply.raw_response == "d3":
            raise TypeError("keys must be str")

    window, cases, _ = open_window(Stand(lambda names: None), 20, store=store)
    errors = find_errors(window, cases)
    assert [case.id for case, error in zip(cases, errors, strict=True) if error] == ["d3"]


def test_a_server_gets_as_many_requests_as_it_takes() -> None:
    together = threading.Barrier(4, timeout=5)  # breaks unless four wait at the same time
    stand = Stand(lambda names: bool(together.wait()) and None, parallel_requests=4)
    window, cases, _ = open_window(stand, 16)
    assert [window.take(case).raw_response for case in cases] == [case.id for case in cases]
    window.close()
    assert {len(names) for names in stand.asked} == {1}
    window.join()


def test_the_end_of_a_run_asks_nothing_more() -> None:
    def answer(names: list[str]) -> None:
        time.sleep(0.05)

    stand = Stand(answer)
    window, cases, _ = open_window(stand, 400)
    window.take(cases[0])
    window.close()
    window.join()
    asked = len(stand.asked)
    time.sleep(0.2)
    assert len(stand.asked) == asked < 20


def test_the_end_waits_for_no_request_that_takes_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "JOIN_SECONDS", 0.3)
    is_over = threading.Event()
    stand = Stand(lambda names: bool(is_over.wait(60)) and None, parallel_requests=16)
    window, _, _ = open_window(stand, 40)
    deadline = time.monotonic() + 10
    while len(stand.asked) < 16 and time.monotonic() < deadline:
        time.sleep(0.01)
    window.close()
    started = time.monotonic()
    window.join()
    assert time.monotonic() - started < 2
    is_over.set()


def test_a_run_scores_the_same_and_tells_what_it_got_done(pytester: pytest.Pytester) -> None:
    make_project(pytester.path, "models:\n" + batches())
    result = run(pytester)
    assert result.ret == 0
    records = records_of(run_folder_of(pytester.path))
    assert [record["document"] for record in records] == DOCUMENTS
    assert all(record["elapsed_seconds"] is None for record in records)
    assert all(record["batch"]["size"] > 1 for record in records)
    (summary,) = report_of(pytester.path)["summaries"]
    assert summary["speed"]["timed"] == 0
    assert summary["speed"]["throughput"]["documents"] == len(DOCUMENTS)
    assert summary["scores"]["field_f1"]["value"] == 1
    result.stdout.fnmatch_lines(["*Scenario offline: many requests at once*", "*docs/s*"])
    result.stdout.no_fnmatch_line("*benchmark: * tests*")
    calls = [call for call in calls_of(pytester.path) if "batch" in call]
    assert 0 < len(calls) < len(DOCUMENTS)


def test_a_single_stream_run_takes_no_reply_without_seconds(pytester: pytest.Pytester) -> None:
    make_project(pytester.path, "models:\n" + batches())
    run(pytester)
    run(pytester, "--scenario=single-stream", "--output-dir=alone")
    records = records_of(run_folder_of_output(pytester.path / "alone"))
    assert not any(record["cached"] for record in records)
    assert all(record["elapsed_seconds"] for record in records)


def run_folder_of_output(folder: Path) -> Path:
    (run_folder,) = [path for path in folder.iterdir() if path.is_dir()]
    return run_folder


def test_the_price_of_an_hour_is_shared_by_what_was_read_in_it(pytester: pytest.Pytester) -> None:
    make_project(pytester.path, "models:\n" + batches(extra=", price: {per_hour: 3.6}"))
    run(pytester)
    (summary,) = report_of(pytester.path)["summaries"]
    per_second = summary["speed"]["throughput"]["documents_per_second"]
    assert summary["speed"]["cost_per_1000"] == pytest.approx(1 / per_second)


@pytest.mark.parametrize("fault", [{"room": 3}, {"fails": ["inv_04"]}], ids=["room", "one fails"])
def test_the_report_is_that_of_single_requests(
    pytester: pytest.Pytester, fault: dict[str, Any]
) -> None:
    make_project(pytester.path, "models:\n" + batches(**fault))
    run(pytester)
    figures = read_figures(run_folder_of(pytester.path))
    run(pytester, "--scenario=single-stream", "--output-dir=alone")
    assert figures == read_figures(run_folder_of_output(pytester.path / "alone"))


def test_x_cancels_the_rest(pytester: pytest.Pytester) -> None:
    models = "models:\n" + batches(fails=["inv_00"], seconds=0.2, extra=", pages: first")
    make_project(pytester.path, models)
    run(pytester, "-x")
    asked = [call for call in calls_of(pytester.path) if "pages" in call]
    assert len(asked) < len(DOCUMENTS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rounds=3"], "leave it out, or --scenario offline"),
        (["--replies=off"], "type --replies refresh"),
    ],
)
def test_what_contradicts_it_is_said(
    pytester: pytest.Pytester, options: list[str], words: str
) -> None:
    make_project(pytester.path, "models:\n" + batches())
    result = run(pytester, *options)
    assert result.ret == 4
    result.stdout.fnmatch_lines([f"*{words}*"])


def test_a_crash_loses_what_was_in_flight_and_no_more(tmp_path: Path) -> None:
    """Killed while the second batch is being answered: the first one's replies are not asked
    again, whether their tests had them or not."""
    make_project(tmp_path, "models:\n" + batches(seconds=0.7))
    command = [sys.executable, "-m", "pytest", "benchmarks", "-q", "--scenario=offline"]
    process = subprocess.Popen(
        command, cwd=tmp_path, start_new_session=True, stdout=subprocess.PIPE
    )
    while not any("inv_00 1 pages" in call for call in calls_of(tmp_path)):
        time.sleep(0.05)
    while not list((tmp_path / "cache" / "replies").rglob("*.json")):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    stored = len(list((tmp_path / "cache" / "replies").rglob("*.json")))
    (tmp_path / "calls.txt").unlink()
    subprocess.run([*command, "--resume=last"], cwd=tmp_path, check=True, stdout=subprocess.PIPE)
    asked = [call for call in calls_of(tmp_path) if "pages" in call]
    assert len(asked) <= len(DOCUMENTS) - stored
    records = records_of(run_folder_of(tmp_path))
    assert sorted(record["document"] for record in records) == DOCUMENTS
    assert not any(record["cached"] for record in records)


def test_a_served_model_answers_many_at_once(pytester: pytest.Pytester) -> None:
    with serving(Step(completion(json.dumps(REFERENCE)), delay=0.5)) as server:
        settings = f"backend: openai, backend_kwargs: {{base_url: '{server.url}'}}"
        make_project(pytester.path, f"models:\n  - {{name: s, model_id: x, {settings}}}\n")
        result = run(pytester)
    assert result.ret == 0
    assert len(server.asked) == len(DOCUMENTS)
    assert max(server.times) - min(server.times) < 0.5 * len(DOCUMENTS) / 2
    (summary,) = report_of(pytester.path)["summaries"]
    assert summary["scores"]["field_f1"]["value"] == 1
    assert summary["speed"]["throughput"]["busy_share"] > 0.9
