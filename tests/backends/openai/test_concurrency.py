"""Several threads ask one server: as many at once as it takes, none is lost, one alone is as it
was."""

import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from PIL import Image

from tests.servers import Step, completion, running, send, serving
from vlm_lab.backends.openai import client
from vlm_lab.backends.openai.backend import OpenAI
from vlm_lab.backends.openai.concurrency import AdaptiveLimit
from vlm_lab.errors import GenerationError
from vlm_lab.types import Model, Page, Prompt, Runtime

# Where threads race for a connection, the client library may leave one to the collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PROMPT = Prompt(
    id="default",
    text="read",
    pages=[Page.from_image(0, Image.new("RGB", (8, 9)))],
    document_id="inv_1",
    document_name="inv_1.png",
)


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_WAIT", 0.01)


def make_backend(url: str, retries: int = 4) -> OpenAI:
    kwargs = {"base_url": url, "retries": retries}
    model = Model(name="m", model_id="served", backend="openai", backend_kwargs=kwargs)
    return OpenAI(model, Runtime(Path("cache")))


class CrowdedServer:
    """Answers `capacity` requests at a time and 429 to each one more."""

    def __init__(self, capacity: int) -> None:
        self.capacity, self.now, self.peak, self.refusals, self.clients = capacity, 0, 0, 0, set()
        self.lock = threading.Lock()

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers["Content-Length"]))
        with self.lock:
            self.clients.add(handler.client_address)
            has_room = self.now < self.capacity
            self.now += has_room
            self.peak = max(self.peak, self.now)
            self.refusals += not has_room
        if not has_room:
            return send(handler, Step(b'{"error": "busy"}', 429, {"Retry-After": "0.02"}))
        time.sleep(0.03)
        with self.lock:
            self.now -= 1
        send(handler, Step(completion()))


@pytest.fixture(autouse=True)
def collect_connections() -> Iterator[None]:
    """What is left is collected here, and not in another test's time."""
    yield
    gc.collect()


@pytest.fixture
def crowded(request: pytest.FixtureRequest) -> Iterator[tuple[CrowdedServer, str]]:
    server = CrowdedServer(request.param)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            send(self, Step(b'{"data": []}'))

        def do_POST(self) -> None:
            server.handle(self)

        def log_message(self, *args: object) -> None:
            """Nothing between pytest's lines."""

    with running(Handler) as address:
        yield server, f"{address}/v1"


def ask_at_once(backend: OpenAI, threads: int, requests: int) -> list[str]:
    with ThreadPoolExecutor(threads) as pool:
        replies = pool.map(lambda _: backend.generate(PROMPT), range(requests))
        return [reply.raw_response for reply in replies]


@pytest.mark.parametrize("crowded", [1, 2], indirect=True)
def test_a_server_that_takes_few_loses_none_of_many(crowded: tuple[CrowdedServer, str]) -> None:
    """Being one too many is no failed attempt, of which none is left."""
    server, url = crowded
    backend = make_backend(url, retries=0)
    # No more than the stand-in's queue of connections takes.
    assert ask_at_once(backend, 6, 36) == ["{}"] * 36
    assert server.refusals > 0
    assert server.peak == server.capacity
    assert backend.client.limit.size is not None
    assert backend.client.limit.size <= 2 * server.capacity + 1
    # What it has learnt holds for the next ones: fewer are refused.
    server.refusals = 0
    ask_at_once(backend, 6, 36)
    assert server.refusals < 36
    backend.close()


@pytest.mark.parametrize("crowded", [6], indirect=True)
def test_one_that_takes_all_is_asked_by_all_each_with_its_connection(
    crowded: tuple[CrowdedServer, str],
) -> None:
    server, url = crowded
    backend = make_backend(url)
    ask_at_once(backend, 6, 36)
    assert (server.refusals, backend.client.limit.size) == (0, None)
    assert 1 < len(server.clients) <= 7
    backend.close()


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [(429, {"Retry-After": "0"}, "RateLimited"), (503, {"Retry-After": "0"}, "ServerError")],
)
def test_one_alone_is_tried_again_as_often_as_ever(
    status: int, headers: dict[str, str], kind: str
) -> None:
    with serving(Step(b"{}", status, headers)) as server:
        backend = make_backend(server.url, retries=2)
        with pytest.raises(GenerationError, match=r"\(3 attempts\)") as caught:
            backend.generate(PROMPT)
        assert caught.value.kind == kind
        assert len(server.asked) == 3
        assert backend.client.limit.size is None


@pytest.mark.parametrize(
    ("step", "narrows"),
    [
        (Step(b"{}", 429), True),
        (Step(b"{}", 503, {"Retry-After": "0"}), True),
        (Step(b"{}", 503), False),
        (Step(b"{}", 500), False),
    ],
)
def test_what_speaks_of_too_many_narrows_the_window(step: Step, narrows: bool) -> None:
    with serving(step, Step(completion(), delay=0.05)) as server:
        backend = make_backend(server.url)
        backend.client.limit.enter()  # another one is in flight, for a while
        threading.Timer(0.2, backend.client.limit.leave).start()
        backend.generate(PROMPT)
        assert (backend.client.limit.size is not None) is narrows
        backend.close()


def test_a_window_halves_once_a_round_and_widens_by_one_when_it_was_answered_whole() -> None:
    limit = AdaptiveLimit()
    tickets = [limit.enter() for _ in range(8)]
    assert [limit.note_overload(ticket) for ticket in tickets] == [True] * 8
    assert limit.size == 4
    for _ in range(4):
        limit.leave()
    for _ in range(4):
        limit.note_success()
    assert limit.size == 5
    limit.leave()
    limit.note_success()  # 3 of 5 are in flight: more room would not be used
    assert limit.size == 5


def test_a_refusal_that_comes_when_the_others_are_gone_is_still_of_a_crowd() -> None:
    limit = AdaptiveLimit()
    limit.enter()
    ticket = limit.enter()
    limit.leave()
    assert limit.note_overload(ticket)
    assert limit.size == 1
    limit.leave()
    assert not limit.note_overload(limit.enter())


def test_a_refusal_is_of_a_crowd_where_one_that_came_later_is_gone_already() -> None:
    limit = AdaptiveLimit()
    ticket = limit.enter()
    limit.enter()
    limit.leave()
    assert limit.note_overload(ticket)


def test_who_waits_is_let_go_when_it_is_closed() -> None:
    limit = AdaptiveLimit()
    tickets = [limit.enter() for _ in range(2)]
    limit.note_overload(tickets[0])
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(limit.enter), pool.submit(limit.pause, 60)]
        time.sleep(0.05)
        limit.close()
        for future in waiting:
            with pytest.raises(GenerationError, match="the run ended") as caught:
                future.result(timeout=5)
            assert caught.value.kind == "Cancelled"


def test_requests_in_flight_end_when_the_backend_is_closed() -> None:
    """-x and Ctrl-C wait for nobody."""
    with serving(Step(completion(), delay=3)) as server:
        backend = make_backend(server.url)
        with ThreadPoolExecutor(2) as pool:
            replies = [pool.submit(backend.generate, PROMPT) for _ in range(2)]
            time.sleep(0.3)
            backend.close()
            kinds = []
            for reply in replies:
                error = reply.exception(timeout=10)
                kinds.append(getattr(error, "kind", repr(error)))
        assert set(kinds) <= {"Cancelled", "ConnectionLost", "None"}, kinds
