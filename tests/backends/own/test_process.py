"""A user's class in a process of its own: whatever it does costs one case, and what it says keeps
its meaning."""

import ast
import os
import signal
import threading
import time  # noqa: F401 - for what `obey` runs
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from vlm_lab.backends.candidate import Candidate
from vlm_lab.errors import DiskError, DocumentError, GenerationError, Skip, UserError
from vlm_lab.types import Generation, Model, Page, Prompt, Runtime, Timing, Usage

FULL = Generation(
    raw_response='{"total": "1.00"} \ud83d \x1b[31m',
    finish_reason="stop",
    usage=Usage(9, 4, 3),
    timing=Timing(0.1, 0.2, 0.3),
    mean_logprob=float("-inf"),
    tokens=(("{", -0.25), ("}", float("-inf"))),
    image_sizes=((20, 30),),
    peak_memory_bytes=1 << 40,
    environment={"device": "cpu", "sizes": [1, 2]},
)


def obey(code: str, **names: Any) -> dict[str, Any]:
    """Runs what a test asks a user's class to do; the names that it has then."""
    names = {**globals(), **names}
    exec(code, names)  # noqa: S102 - it is written below
    return names


class Obeys:
    """Does what a prompt's text says: Python that may set `reply`."""

    def __init__(self, model: Model, runtime: Runtime) -> None:
        obey(model.backend_kwargs.get("in_init", ""))
        self.model = model

    @classmethod
    def identity(cls, model: Model, runtime: Runtime) -> Mapping[str, Any] | None:
        return {"sizes": (1, 2), "path": Path("x"), "pid": os.getpid()}

    @classmethod
    def cache_inputs(cls, model: Model, prompt: Prompt) -> Mapping[str, Any]:
        return {"languages": prompt.languages}

    def generate(self, prompt: Prompt) -> Generation:
        pid_reply = Generation(raw_response=str(os.getpid()))
        reply: Generation = obey(prompt.text, prompt=prompt, reply=pid_reply)["reply"]
        return reply

    def generate_batch(self, prompts: Sequence[Prompt]) -> list[Generation]:
        return [self.generate(prompt) for prompt in prompts]

    def close(self) -> None:
        obey(self.model.backend_kwargs.get("in_close", ""))


class Recorded(Obeys):
    recorded = True


class NotOurs(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")
        self.lock = threading.Lock()


def candidate(name: str = "Obeys", **settings: Any) -> Candidate:
    own = Model(name="m", model_id="x", backend=f"{__name__}:{name}", backend_kwargs=settings)
    return Candidate(own, Runtime(Path("cache")))


def prompt(text: str = "pass", pages: Sequence[Page] = (), **fields: Any) -> Prompt:
    return Prompt(id="p", text=text, pages=pages, document_id="d", document_name="d", **fields)


@pytest.fixture(scope="module")
def obeys() -> Iterator[Candidate]:
    own = candidate(reply_timeout=1)
    own.load()
    yield own
    own.close()


def pid_of(own: Candidate) -> int:
    return int(own.generate(prompt()).raw_response)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("time.sleep(600)", "Timeout", "no answer within 1 s"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "WorkerDied", "killed by SIGSEGV"),
        ("os._exit(0)", "WorkerDied", "exited with status 0"),
        ("os._exit(3)", "WorkerDied", "exited with status 3"),
        ("import ctypes; ctypes.string_at(0)", "WorkerDied", "killed by SIG"),
        ("while True: print('printed without end')", "Timeout", "no answer within 1 s"),
        ("while True: pass", "Timeout", "no answer within 1 s"),
        ("1 / 0", "ZeroDivisionError", "division by zero"),
        ("raise SystemExit(3)", "SystemExit", "3"),
        ("raise NotOurs('one', 'two')", "NotOurs", "one and two"),
        ("raise RuntimeError('half \\ud83d')", "RuntimeError", "half \ud83d"),
        ("raise MemoryError", "OutOfMemory", "MemoryError"),
        ("raise GenerationError('ContextOverflow', 'too long')", "ContextOverflow", "too long"),
        ("raise Skip('no licence here')", "Skip", "no licence here"),
        ("raise DocumentError('page 3 is empty')", "DocumentError", "page 3 is empty"),
        ("reply = 'a text'", "BadReply", "must return a vlm_lab.types.Generation (got str)"),
        (
            "reply = Generation(raw_response='', environment={'lock': threading.Lock()})",
            "BadReply",
            "holds an object that is no data",
        ),
        ("reply = Generation(raw_response=7)", "BadReply", "raw_response: Input should be"),
    ],
)
def test_what_goes_wrong_costs_one_case_and_says_why(
    obeys: Candidate, text: str, kind: str, said: str
) -> None:
    with pytest.raises(UserError) as caught:
        obeys.generate(prompt(text))
    assert caught.value.kind == kind
    assert said in str(caught.value)
    assert isinstance(
        caught.value, {"Skip": Skip, "DocumentError": DocumentError}.get(kind, GenerationError)
    )
    obeys.load()
    assert obeys.generate(prompt("reply = FULL")).finish_reason == "stop"


def test_a_reply_comes_back_as_it_was_said(obeys: Candidate) -> None:
    assert obeys.generate(prompt("reply = FULL")) == FULL
    assert obeys.generate_batch([prompt("reply = FULL")] * 2) == [FULL, FULL]


def test_pages_go_as_pixels_and_the_prompt_with_all_that_it_says(obeys: Candidate) -> None:
    images = [Image.new("L", (7, 5), 30), Image.new("RGB", (600, 900), (1, 2, 3))]
    pages = [Page.from_image(index, image) for index, image in zip((2, 4), images, strict=True)]
    told = (
        "told = [(page.index, page.image.mode, page.image.size, page.image.getpixel((4, 4)))"
        " for page in prompt.pages]\n"
        "reply = Generation(raw_response=repr((told, prompt.languages, prompt.schema)))"
    )
    expected = [(2, "RGB", (7, 5), (30, 30, 30)), (4, "RGB", (600, 900), (1, 2, 3))]
    asked = prompt(told, pages, languages=("de",), schema={"type": "object"})
    for reply in (obeys.generate(asked), *obeys.generate_batch([asked, asked])):
        assert ast.literal_eval(reply.raw_response) == (expected, ("de",), {"type": "object"})


def test_pages_that_a_class_keeps_stay_what_they_are(obeys: Candidate) -> None:
    keep = "import builtins; builtins.kept = prompt.pages"
    colours = "[page.image.getpixel((0, 0)) for page in builtins.kept]"
    tell = f"import builtins; reply = Generation(raw_response=repr({colours}))"
    first, second = (Page.from_image(0, Image.new("RGB", (9, 9), (n, n, n))) for n in (10, 20))
    obeys.generate(prompt(keep, [first]))
    assert obeys.generate(prompt(tell, [second])).raw_response == "[(10, 10, 10)]"


def test_class_methods_are_asked_in_the_process(obeys: Candidate) -> None:
    identity = obeys.identity() or {}
    assert {**identity, "pid": 0} == {"sizes": [1, 2], "path": "x", "pid": 0}
    assert identity["pid"] != os.getpid()
    assert obeys.cache_inputs(prompt(languages=("ru",))) == {"languages": ["ru"]}
    assert (obeys.recorded, obeys.supports_batches) == (False, True)


def test_nothing_is_rendered_for_answers_that_were_given_before() -> None:
    class Unrendered(list[Page]):
        def __iter__(self) -> Iterator[Page]:
            raise AssertionError("rendered")

    own = candidate("Recorded")
    own.load()
    assert own.recorded
    assert own.generate(prompt(pages=Unrendered())).raw_response
    own.close()


def test_what_cannot_be_pickled_does_not_cross(obeys: Candidate) -> None:
    pid = pid_of(obeys)
    with pytest.raises(UserError, match="must be data that can be pickled"):
        obeys.generate(prompt(schema={"lock": threading.Lock()}))
    assert pid_of(obeys) == pid


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({"in_init": "os._exit(0)"}, "WorkerDied", "m: in load: the worker exited with status 0"),
        ({"in_init": "time.sleep(600)"}, "Timeout", "m: in load: no answer within 1 s"),
        ({"in_init": "raise Skip('no weights')"}, "Skip", "no weights"),
        ({"in_init": "1 / 0"}, "ZeroDivisionError", "division by zero"),
        ({"reply_timeout": "1 min"}, "UserError", "reply_timeout must be seconds above 0"),
        ({"reply_timeout": float("nan")}, "UserError", "reply_timeout must be seconds above 0"),
    ],
)
def test_what_goes_wrong_while_loading_is_said_to_every_case(
    settings: Mapping[str, Any], kind: str, said: str
) -> None:
    own = candidate(load_timeout=1, **settings)
    for _ in range(2):
        with pytest.raises(UserError) as caught:
            own.generate(prompt())
        assert (caught.value.kind, said in str(caught.value)) == (kind, True)
    own.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("own_crashes:Mine", "m: in identity: the worker exited with status 0"),
        ("own_missing:Mine", "cannot be imported: No module named"),
        (f"{__name__}:Missing", "has no Missing"),
    ],
)
def test_a_module_is_imported_in_the_process_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "own_crashes.py").write_text("import os\nos._exit(0)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    own = Candidate(Model(name="m", model_id="x", backend=name), Runtime(Path("cache")))
    with pytest.raises(UserError) as caught:
        own.identity()
    assert said in str(caught.value)
    own.close()


def test_one_that_only_dies_is_not_asked_for_ever() -> None:
    own = candidate()
    own.load()
    reasons: list[str] = []
    for _ in range(10):
        with pytest.raises(GenerationError) as caught:
            own.generate(prompt("os._exit(1)"))
        reasons.append(str(caught.value))
    assert [text for text in reasons if "not started again" not in text] == reasons[:8]
    assert "m: not started again after 8 deaths: the worker exited" in reasons[-1]
    own.close()


@pytest.mark.parametrize("in_close", ["pass", "os._exit(1)"])
def test_close_ends_the_process(in_close: str) -> None:
    own = candidate(in_close=in_close)
    own.load()
    pid = pid_of(own)
    own.close()
    assert not psutil.pid_exists(pid)


def test_an_error_of_close_is_raised_and_the_process_ends() -> None:
    own = candidate(in_close="1 / 0")
    own.load()
    pid = pid_of(own)
    with pytest.raises(GenerationError, match="division by zero"):
        own.close()
    assert not psutil.pid_exists(pid)


def test_what_interrupts_a_reply_ends_it_and_the_next_is_the_next(obeys: Candidate) -> None:
    """Ctrl-C, and the signal of a plugin that limits time."""
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            obeys.generate(prompt("time.sleep(0.8)"))
    finally:
        signal.signal(signal.SIGALRM, previous)
    obeys.load()
    assert obeys.generate(prompt("reply = FULL")) == FULL


@pytest.mark.parametrize(
    ("text", "error"),
    [("raise KeyboardInterrupt", KeyboardInterrupt), ("raise DiskError('full')", DiskError)],
)
def test_what_ends_a_run_ends_it_from_there_too(
    obeys: Candidate, text: str, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        obeys.generate(prompt(text))


def test_a_traceback_is_shown_beside_the_case(
    obeys: Candidate, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(GenerationError):
        obeys.generate(prompt("1 / 0"))
    assert "in generate\n" in capfd.readouterr().err
