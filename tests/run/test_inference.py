"""pytest tests/run/test_inference.py: pages are rendered while the model works."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.suites import REFERENCE, write_suite
from vlm_lab.backends import Backend
from vlm_lab.backends.candidate import Candidate
from vlm_lab.errors import GenerationError, Skip
from vlm_lab.run.inference import InferenceRunner
from vlm_lab.run.options import Options
from vlm_lab.run.plan import Plan
from vlm_lab.run.record import build_base_record
from vlm_lab.run.reply_cache import CacheMode
from vlm_lab.suite import pages
from vlm_lab.suite.pages import compute_sha256
from vlm_lab.types import Generation, Model, Prompt, Runtime


class Slow:
    """A model that works for a while and notes which pages were ready when it was asked."""

    ready: list[bool]

    def __init__(self, model: Model, runtime: Runtime) -> None:
        Slow.ready = []

    def generate(self, prompt: Prompt) -> Generation:
        Slow.ready.append(prompt.pages._rendered_pages is not None)  # type: ignore[attr-defined]
        time.sleep(0.3)
        return Generation(raw_response="{}")

    def close(self) -> None:
        pass


class HearsOfPages(Backend):
    """Notes which pages it was told of and asked about, by document."""

    events: ClassVar[list[str]] = []

    def announce_pages(self, prompt: Prompt) -> None:
        HearsOfPages.events.append(f"told of {prompt.document_id}, {len(prompt.pages)}")

    def generate(self, prompt: Prompt) -> Generation:
        HearsOfPages.events.append(f"asked about {prompt.document_id}")
        return Generation(raw_response="{}")

    def close(self) -> None:
        pass


class ChoosesWhenLoaded:
    """Stands for a model whose device is known on this machine only after it was loaded once."""

    chosen: str | None = None
    identities_read = 0

    def __init__(self, model: Model, runtime: Runtime) -> None:
        ChoosesWhenLoaded.chosen = "cpu"

    @classmethod
    def identity(cls, model: Model, runtime: Runtime) -> dict[str, str | None]:
        cls.identities_read += 1
        return {"device": cls.chosen}

    def generate(self, prompt: Prompt) -> Generation:
        return Generation(raw_response="{}")

    def close(self) -> None:
        pass


class LoadsBeside(Backend):
    """Stands for a model that loads in a process of its own; notes what is asked of it."""

    events: ClassVar[list[str]] = []
    fails = False

    def __init__(self, model: Model, runtime: Runtime) -> None:
        LoadsBeside.events.append("begun")

    @classmethod
    def begin_loading(cls, model: Model, runtime: Runtime) -> Backend:
        return cls(model, runtime)

    def prepare(self) -> None:
        LoadsBeside.events.append("waited for")
        if self.fails:
            raise GenerationError("WorkerDied", "it died")

    def generate(self, prompt: Prompt) -> Generation:
        LoadsBeside.events.append("asked")
        return Generation(raw_response="{}")

    def close(self) -> None:
        LoadsBeside.events.append("closed")


@pytest.fixture
def runner(tmp_path: Path) -> InferenceRunner:
    return make_runner(tmp_path, Slow, "off")


def make_runner(
    tmp_path: Path, backend: type, replies: CacheMode, **settings: Any
) -> InferenceRunner:
    write_suite(tmp_path / "suite", {f"d{n}": REFERENCE for n in range(5)})
    backend_name = f"{__name__}:{backend.__name__}"
    models = f"models: [{{name: m, model_id: x, backend: '{backend_name}', isolate: false}}]"
    (tmp_path / "models.yaml").write_text(models)
    plan = make_plan(tmp_path, tmp_path / "suite", replies=replies, **settings)
    return InferenceRunner(plan.options, plan)


def make_plan(tmp_path: Path, suite: Path, replies: CacheMode = "off", **settings: Any) -> Plan:
    """All cases of one suite."""
    options = Options(
        models_files=(tmp_path / "models.yaml",),
        output_dir=tmp_path,
        cache=tmp_path,
        replies=replies,
        **settings,
    )
    plan = Plan(options)
    plan.schedule_cases(plan.build_cases(suite))
    return plan


@cache
def candidate_of(runner: InferenceRunner) -> Candidate:
    """The only one there is, opened once."""
    return runner.make_candidate(runner.plan.cases[0].model)


def ask(runner: InferenceRunner, number: int) -> Generation:
    case, candidate = runner.plan.cases[number], candidate_of(runner)
    return runner.generate_reply(case, candidate, runner.build_prompt(case), lambda call: call())


def test_the_next_pages_are_ready_when_the_model_is(
    runner: InferenceRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[tuple[str, float]] = []
    request = pages.PAGE_WORKER.request

    def slow_request(path: Path, operation: str, **arguments: object) -> object:
        if operation == "render":
            time.sleep(0.2)
            rendered.append((path.stem, time.perf_counter()))
        return request(path, operation, **arguments)

    monkeypatch.setattr(pages.PAGE_WORKER, "request", slow_request)
    first = ask(runner, 0)
    ended = time.perf_counter()
    ask(runner, 1)
    second_ended = time.perf_counter()
    assert [name for name, _ in rendered[:3]] == ["d0", "d1", "d2"], (
        "each rendered once, the second before it was asked for"
    )
    assert rendered[1][1] < ended, "while the model worked on the first"
    assert rendered[2][1] < second_ended, "and so on"
    assert Slow.ready == [True, True]
    assert first.elapsed_seconds is not None
    assert 0.3 <= first.elapsed_seconds < 0.45, "rendering is no part of a case's seconds"


def test_what_decides_a_reply_is_read_once_a_run_and_once_more_when_loaded(tmp_path: Path) -> None:
    ChoosesWhenLoaded.identities_read = 0
    runner = make_runner(tmp_path, ChoosesWhenLoaded, "use")
    for number in range(3):
        ask(runner, number)
    assert ChoosesWhenLoaded.identities_read == 2


def test_the_first_reply_of_a_machine_is_found_by_the_next_run(tmp_path: Path) -> None:
    ChoosesWhenLoaded.chosen = None
    first_run = make_runner(tmp_path, ChoosesWhenLoaded, "use")
    assert [ask(first_run, number).cached for number in range(3)] == [False] * 3
    next_run = make_runner(tmp_path, ChoosesWhenLoaded, "use")
    assert [ask(next_run, number).cached for number in range(3)] == [True] * 3


def test_a_reply_knows_what_it_is_stored_under_once_the_device_is_known(tmp_path: Path) -> None:
    ChoosesWhenLoaded.chosen = None
    first_run = make_runner(tmp_path, ChoosesWhenLoaded, "use")
    stored = [ask(first_run, number).reply_key for number in range(3)]
    first_run.close()
    names = {path.stem for path in (tmp_path / "replies").glob("*/*.json")}
    assert len(names) == 3
    assert names == set(stored)
    next_run = make_runner(tmp_path, ChoosesWhenLoaded, "use")
    assert [ask(next_run, number).reply_key for number in range(3)] == stored


def test_the_cache_is_asked_again_when_the_device_is_known(tmp_path: Path) -> None:
    ChoosesWhenLoaded.chosen = "cpu"
    ask(make_runner(tmp_path, ChoosesWhenLoaded, "use"), 0)
    ChoosesWhenLoaded.chosen = None
    forgetful = make_runner(tmp_path, ChoosesWhenLoaded, "use")
    assert ask(forgetful, 0).cached
    assert not ask(forgetful, 1).cached


def test_a_document_that_comes_twice_is_asked_once_however_slow_the_disk_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = make_runner(tmp_path, Slow, "use")
    first, second = (runner.plan.cases[number].document.path for number in range(2))
    second.write_bytes(first.read_bytes())
    put = runner.reply_cache.put

    def put_late(generation: Generation) -> None:
        time.sleep(0.3)
        put(generation)

    monkeypatch.setattr(runner.reply_cache, "put", put_late)
    assert [ask(runner, number).cached for number in range(2)] == [False, True]


def test_a_model_is_told_of_the_next_pages_where_they_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, drawing = pages.PAGE_WORKER.request, threading.Event()

    def wait_and_request(path: Path, operation: str, **arguments: object) -> object:
        if path.stem == "d1" and operation == "render":
            drawing.wait(30)
        return request(path, operation, **arguments)

    monkeypatch.setattr(pages.PAGE_WORKER, "request", wait_and_request)
    HearsOfPages.events.clear()
    runner = make_runner(tmp_path, HearsOfPages, "off")
    ask(runner, 0)
    assert HearsOfPages.events == ["asked about d0"]
    drawing.set()
    assert runner.build_prompt(runner.plan.cases[2]).pages[0]
    for number in (1, 2):
        ask(runner, number)
    assert HearsOfPages.events[1:4] == ["asked about d1", "told of d2, 1", "asked about d2"]


def test_what_a_record_says_of_its_files_is_read_ahead(runner: InferenceRunner) -> None:
    compute_sha256.cache_clear()
    ask(runner, 0)
    runner._ahead_executor.shutdown()
    before = compute_sha256.cache_info().misses
    record = build_base_record(runner.plan.cases[1], "ok")
    assert record.document_sha256
    assert record.reference_sha256
    assert compute_sha256.cache_info().misses == before


def test_pages_of_a_model_that_is_sent_text_alone_are_not_announced(tmp_path: Path) -> None:
    HearsOfPages.events.clear()
    runner = make_runner(tmp_path, HearsOfPages, "off")
    model = replace(runner.plan.cases[0].model, image=False)
    candidate = runner.make_candidate(model)
    candidate.load()
    candidate.announce_pages(runner.build_prompt(runner.plan.cases[0]))
    assert HearsOfPages.events == []


def test_memory_holds_this_document_and_the_next_alone(runner: InferenceRunner) -> None:
    for number in range(5):
        ask(runner, number)
        assert len(runner._recent_pages) <= 2


def test_a_backend_that_cannot_be_built_says_why_to_every_case_and_is_tried_once(
    tmp_path: Path,
) -> None:
    model = Model(name="r", model_id=str(tmp_path / "nowhere"), backend="replay")
    candidate = Candidate(model, Runtime(tmp_path))
    reasons = []
    for _ in range(2):
        with pytest.raises(Skip) as reason:
            candidate.load()
        reasons.append(reason.value)
    assert reasons[0] is reasons[1]


def test_pages_one_by_one_become_one_reply(tmp_path: Path) -> None:
    from vlm_lab.backends.candidate import merge_page_replies
    from vlm_lab.parsing import parse
    from vlm_lab.types import Usage

    replies = [
        Generation(
            raw_response='{"number": "1", "rows": [{"a": 1}]}',
            finish_reason="stop",
            usage=Usage(10, 5, 2),
        ),
        Generation(
            raw_response='{"number": "2", "total": "9", "rows": [{"a": 2}]}',
            finish_reason="length",
            usage=Usage(11, 5, 3),
        ),
    ]
    reply = merge_page_replies(replies)
    assert (reply.usage, reply.finish_reason) == (Usage(21, 10, 5), "length")
    value = parse(reply).value
    assert value == {"number": "1", "total": "9", "rows": [{"a": 1}, {"a": 2}]}, (
        "first value wins, rows are appended"
    )


def test_the_header_says_which_decimal_mark_a_suite_has(tmp_path: Path) -> None:
    folder = write_suite(tmp_path / "schet", {"slip": REFERENCE}, 'decimal_mark: ","')
    (tmp_path / "models.yaml").write_text("models: [{name: m, model_id: x, backend: replay}]")
    plan = make_plan(tmp_path, folder)
    said = "decimal mark of schet: , (1.234 is more than a thousand)"
    assert said in plan.format_header_lines("cpu")


def test_a_model_is_not_asked_about_documents_it_is_not_meant_for(tmp_path: Path) -> None:
    folder = write_suite(
        tmp_path / "suite", {"slip": REFERENCE, "letter": REFERENCE}, "tags: {file: tags.csv}"
    )
    (folder / "tags.csv").write_text("document,kind\nslip.png,slip\nletter.png,letter\n")
    model = f"{{name: m, model_id: x, backend: '{__name__}:Slow', "
    model += "isolate: false, only: {kind: [slip, receipt]}}"
    (tmp_path / "models.yaml").write_text(f"models: [{model}]")
    plan = make_plan(tmp_path, folder)
    runner = InferenceRunner(plan.options, plan)
    texts_by_document = {}
    for number, case in enumerate(plan.cases):
        try:
            texts_by_document[case.document.id] = ask(runner, number).raw_response
        except Skip as reason:
            texts_by_document[case.document.id] = str(reason)
    assert texts_by_document == {
        "slip": "{}",
        "letter": "m: meant for other documents (`only` in models.yaml: kind slip or receipt)",
    }


@pytest.fixture
def make_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., InferenceRunner]:
    """Makes a runner of LoadsBeside, which is taken for no user's own class, and begins to load
    the first case's model where that is to be done."""
    LoadsBeside.events.clear()
    has_own_backend = Model.has_own_backend

    def make(replies: CacheMode, **settings: Any) -> InferenceRunner:
        monkeypatch.setattr(Model, "has_own_backend", has_own_backend)
        runner = make_runner(tmp_path, LoadsBeside, replies, **settings)
        monkeypatch.setattr(Model, "has_own_backend", False)
        runner.begin_loading(runner.plan.cases[0])
        return runner

    return make


def ask_first(runner: InferenceRunner) -> Generation:
    case = runner.plan.cases[0]
    candidate = runner.open_candidate(case.model)
    try:
        prompt = runner.build_prompt(case)
        return runner.generate_reply(case, candidate, prompt, lambda call: call())
    finally:
        runner.close_candidate(candidate)


def test_the_first_model_loads_beside_what_comes_before_its_first_case(
    make_beside: Callable[..., InferenceRunner],
) -> None:
    runner = make_beside("refresh")
    assert LoadsBeside.events == ["begun"], "and nothing waits"
    ask_first(runner)
    steps = list(dict.fromkeys(LoadsBeside.events))
    assert steps == ["begun", "waited for", "asked", "closed"]
    assert LoadsBeside.events.count("begun") == 1


@pytest.mark.parametrize(
    ("replies", "settings"),
    [
        ("use", {"dry_run": True}),
        ("only", {}),
        ("use", {"resume": Path("results/20260101T000000Z")}),
    ],
)
def test_where_no_model_may_be_asked_none_is_begun(
    make_beside: Callable[..., InferenceRunner], replies: CacheMode, settings: dict[str, Any]
) -> None:
    make_beside(replies, **settings)
    assert LoadsBeside.events == []


def test_a_model_whose_first_reply_is_cached_is_not_begun(
    make_beside: Callable[..., InferenceRunner],
) -> None:
    ask_first(make_beside("use"))
    LoadsBeside.events.clear()
    assert ask_first(make_beside("use")).cached
    assert LoadsBeside.events == []


def test_a_model_that_was_begun_and_never_asked_is_ended(
    make_beside: Callable[..., InferenceRunner],
) -> None:
    make_beside("refresh").close()
    assert LoadsBeside.events == ["begun", "closed"]


def test_a_model_that_was_begun_is_ended_before_another_one_is_opened(
    make_beside: Callable[..., InferenceRunner],
) -> None:
    make_beside("refresh").open_candidate(Model(name="other", model_id="y", backend="replay"))
    assert LoadsBeside.events == ["begun", "closed"]


def test_a_model_that_was_begun_and_cannot_be_loaded_is_tried_once(
    make_beside: Callable[..., InferenceRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = make_beside("refresh")
    monkeypatch.setattr(LoadsBeside, "fails", True)
    candidate = runner.open_candidate(runner.plan.cases[0].model)
    for _ in range(2):
        with pytest.raises(GenerationError, match="it died"):
            candidate.load()
    runner.close_candidate(candidate)
    assert LoadsBeside.events == ["begun", "waited for", "closed"]


def test_a_users_own_class_is_not_run_before_its_first_case(tmp_path: Path) -> None:
    ChoosesWhenLoaded.identities_read = 0
    runner = make_runner(tmp_path, ChoosesWhenLoaded, "use")
    runner.begin_loading(runner.plan.cases[0])
    assert ChoosesWhenLoaded.identities_read == 0
