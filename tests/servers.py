"""Servers on loopback that say what a test tells them to: one step a request, the last one for
ever."""

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Step:
    """One answer. `promised` is the Content-Length where it is not the body's; `pieces` are sent
    `gap` seconds apart, after `delay` seconds; without `status` the connection is closed without a
    word."""

    body: bytes = b""
    status: int | None = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int | None = None
    pieces: Sequence[bytes] = ()
    delay: float = 0.0
    gap: float = 0.0


@dataclass
class Server:
    """A running server: where it is, and what it was asked."""

    url: str
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    clients: set[tuple[str, int]] = field(default_factory=set)


def take_requests(server: Server) -> list[str]:
    """What the server was asked since this was last called, in an order of its own."""
    requests = sorted(map(json.dumps, server.asked))
    server.asked.clear()
    return requests


@contextlib.contextmanager
def serving(*steps: Step, models: int = 200, listing: bytes = b'{"data": []}') -> Iterator[Server]:
    """A server whose /v1/models answers `models` with `listing` and whose POSTs to /v1 answer the
    steps in their order; any other path is a 404."""
    server = Server("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            send(self, Step(listing, models) if self.path == "/v1/models" else Step(b"{}", 404))

        def do_POST(self) -> None:
            server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            server.headers.append(dict(self.headers))
            server.times.append(time.monotonic())
            server.clients.add(self.client_address)
            if not self.path.startswith("/v1/"):
                return send(self, Step(b"{}", 404))
            send(self, steps[min(len(server.asked), len(steps)) - 1])

        def log_message(self, *args: object) -> None:
            """Nothing between pytest's lines."""

    with running(Handler) as address:
        server.url = f"{address}/v1"
        yield server


def send(handler: BaseHTTPRequestHandler, step: Step) -> None:
    time.sleep(step.delay)
    handler.close_connection = step.status is None or step.promised is not None or bool(step.pieces)
    if step.status is None:
        return
    handler.send_response(step.status)
    for name, value in step.headers.items():
        handler.send_header(name, value)
    if not step.pieces:
        handler.send_header(
            "Content-Length", str(len(step.body) if step.promised is None else step.promised)
        )
    handler.end_headers()
    with contextlib.suppress(OSError):  # the client may have gone
        handler.wfile.write(step.body)
        for piece in step.pieces:
            time.sleep(step.gap)
            handler.wfile.write(piece)
            handler.wfile.flush()


@contextlib.contextmanager
def running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server with this handler, in a thread."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def completion(text: str | None = "{}", finish: str = "stop", **more: Any) -> bytes:
    """The body of a chat completion."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": finish,
        **more,
    }
    counts = {
        "prompt_tokens": 300,
        "completion_tokens": 7,
        "prompt_tokens_details": {"image_tokens": 256},
    }
    return json.dumps({"model": "served", "choices": [choice], "usage": counts}).encode()


def chunk(text: str = "", finish: str | None = None, **more: Any) -> bytes:
    """One event of a streamed completion."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish, **more}
    return (
        b"data: "
        + json.dumps({"model": "served", "choices": [choice]}, ensure_ascii=False).encode()
        + b"\n\n"
    )


@dataclass
class Hub:
    """A running imitation of the hub: what was asked of it, as (method, path, range)."""

    url: str
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)


@contextlib.contextmanager
def hub(
    files: Mapping[str, bytes],
    commit: str,
    cut_once: str = "",
    refuse: Mapping[str, str] | None = None,
) -> Iterator[Hub]:
    """One repository, acme/reader, with a branch main, a tag v1 and what huggingface_hub asks for.
    The first time that the file `cut_once` is sent, the connection ends in its middle. `refuse` are
    the headers of a 401 to everything."""
    server, cuts = Hub(""), [cut_once]
    siblings = [{"rfilename": name, "size": len(data)} for name, data in files.items()]
    about = {
        "id": "acme/reader",
        "sha": commit,
        "siblings": siblings,
        "cardData": {"license": "mit"},
    }
    tree = [
        {"type": "file", "path": name, "size": len(data), "oid": oid(data)}
        for name, data in files.items()
    ]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            path, wanted = self.path.partition("?")[0], self.headers.get("Range")
            server.asked.append((self.command, self.path, wanted))
            if refuse is not None:
                self.reply(b"", 401, refuse)
            elif path in [
                f"/api/models/acme/reader/revision/{name}" for name in ("main", "v1", commit)
            ]:
                self.reply(json.dumps(about).encode(), 200)
            elif path.startswith(f"/api/models/acme/reader/tree/{commit}"):
                self.reply(json.dumps(tree).encode(), 200)
            elif path.startswith("/acme/reader/resolve/") and path.split("/", 5)[5] in files:
                self.file(path.split("/", 5)[5], wanted)
            else:
                missing = (
                    "RevisionNotFound"
                    if "/revision/" in path and "acme/reader" in path
                    else "RepoNotFound"
                )
                self.reply(b"{}", 404, {"X-Error-Code": missing})

        def file(self, name: str, wanted: str | None) -> None:
            data, start = files[name], int(wanted[6:].rstrip("-")) if wanted else 0
            headers = {"ETag": f'"{oid(data)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            cut = self.command == "GET" and name in cuts
            if cut:
                cuts.clear()
            self.reply(data[start:], 206 if start else 200, headers, cut)

        def reply(
            self,
            body: bytes,
            status: int,
            headers: Mapping[str, str] | None = None,
            cut: bool = False,
        ) -> None:
            self.close_connection = cut
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[: len(body) // 2] if cut else body)

        def log_message(self, *args: object) -> None:
            """Nothing between pytest's lines."""

    with running(Handler) as server.url:
        yield server


def oid(data: bytes) -> str:
    """git's name for a file's contents."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
