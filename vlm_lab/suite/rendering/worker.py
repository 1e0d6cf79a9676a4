"""The process that opens strangers' files: one request at a time, until its parent is gone.

Its memory is limited and every request has its time: what a hostile file breaks is this process.
It ends when the pipe from its parent does, and by an alarm of the kernel's where a library holds
Python up. Requests and answers are frames (`frames`); pages go where other processes see them
(`vlm_lab.pixel_file`), or over the pipe.
"""

import os
import queue
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from vlm_lab.errors import DocumentError, HiddenDocument
from vlm_lab.messages import Message
from vlm_lab.pixel_file import write_pixels
from vlm_lab.sanitize import terminal_safe
from vlm_lab.suite.rendering import documents
from vlm_lab.suite.rendering.frames import encode_frame, read_frame
from vlm_lab.suite.rendering.page_images import RenderedPage, encode_picture, join_rows

ALARM_MARGIN = 5  # seconds after the parent should have ended us
MAX_NOTES = 3  # of a library's own warnings over one document
Answer = dict[str, Any]


def main() -> None:
    """Serves the parent at the other end of stdin and stdout."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print is no answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read_requests, args=(requests,), daemon=True).start()
    limit_memory(requests.get()["memory"])
    send(answers, {"ready": os.getpid()})
    while True:
        request = requests.get()
        signal.setitimer(signal.ITIMER_REAL, request["seconds"] + ALARM_MARGIN)
        answer_request(request, answers)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _read_requests(requests: "queue.Queue[dict[str, Any]]") -> None:
    """Reads on while a document is worked on: the end of the pipe is the end of the parent."""

    def read(size: int) -> bytearray:
        data = sys.stdin.buffer.read(size)
        if len(data) < size:
            os._exit(0)
        return bytearray(data)

    while True:
        requests.put(read_frame(read)[0])


def limit_memory(byte_count: int) -> None:
    """What more than this asks for fails, here, and not on the machine; where systems can."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (byte_count, byte_count))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        return


def answer_request(request: Mapping[str, Any], answers: BinaryIO) -> None:
    """Sends what was asked for, or why it cannot be had; the last frame has `done`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            closing = _answer(request, answers)
        except MemoryError:
            closing = {"error": ["MemoryError", None]}
        except Exception as error:
            closing = {"error": describe_error(error, Path(request["path"]))}
    said = dict.fromkeys(terminal_safe(str(warning.message)[:200]) for warning in caught)
    notes = [["library_note", {"said": text}] for text in list(said)[:MAX_NOTES]]
    send(answers, {"done": True, "notes": notes, **closing})


def _answer(request: Mapping[str, Any], answers: BinaryIO) -> Answer:
    path = Path(request["path"])
    match request["operation"]:
        case "count":
            return {"result": documents.count_pages(path)}
        case "count_each":
            return {"result": [*map(_count_guarded, map(Path, request["paths"]))]}
        case "render":
            with PageSender(answers, request["pixel_file"]) as sender:
                for page in documents.render_pages(path, request["indices"], request["dpi"]):
                    sender.send_page(page)
            return {}
        case "pictures":
            for page in documents.render_pages(path, request["indices"], request["dpi"]):
                picture = encode_picture(page, request["longest_side"], request["quality"])
                send(answers, {"picture": page.index}, picture)
            return {}
        case "texts":
            return {"result": documents.read_page_texts(path)}
        case "attachments":
            return {"result": documents.read_attachments(path, request["suffix"])}
        case "locate":
            return {"result": documents.locate_text(path, request["forms"], request["pages"])}
        case "places":
            forms_by_value, page_count = request["forms"], request["pages"]
            return {"result": documents.locate_values(path, forms_by_value, page_count)}
        case operation:
            raise ValueError(f"unknown operation {operation!r}")


def _count_guarded(path: Path) -> int | None:
    """None where they cannot be counted: a request for this file alone says why."""
    try:
        return documents.count_pages(path)
    except Exception:
        return None


class PageSender:
    """Passes on the pages of one document: pixels into the file that the parent made for them,
    unless there is none or it cannot be opened."""

    def __init__(self, answers: BinaryIO, path: str | None) -> None:
        self._answers = answers
        self._descriptor: int | None = None
        self._end = 0
        with suppress(OSError):
            self._descriptor = os.open(path, os.O_WRONLY) if path else None

    def send_page(self, page: RenderedPage) -> None:
        header = {
            "page": page.index,
            "size": page.size,
            "notes": list(_encode_notes(page.notes)),
        }
        pixels = join_rows(page)
        if self._descriptor is None:
            return send(self._answers, header, pixels)
        write_pixels(self._descriptor, pixels, self._end)
        send(self._answers, {**header, "start": self._end})
        self._end += len(pixels)

    def __enter__(self) -> "PageSender":
        return self

    def __exit__(self, *error: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def _encode_notes(notes: list[Message]) -> Iterator[list[Any]]:
    for note in notes:
        yield _encode_message(note)


def _encode_message(message: Message) -> list[Any]:
    return [message.kind, dict(message.figures)]


def describe_error(error: Exception, path: Path) -> list[Any]:
    """Whatever a library raises over one document is that document's error: none is foreseen."""
    if isinstance(error, DocumentError) and isinstance(error.message, Message):
        kind = "HiddenDocument" if isinstance(error, HiddenDocument) else "DocumentError"
        return [kind, _encode_message(error.message)]
    description = terminal_safe(f"{type(error).__name__}: {error}"[:200])
    figures = {"name": terminal_safe(path.name), "said": description}
    return ["DocumentError", _encode_message(Message("not_rendered", figures))]


def send(answers: BinaryIO, header: Mapping[str, Any], pixels: Any = b"") -> None:
    """Writes one frame, however little the pipe takes at once."""
    pixel_bytes = memoryview(pixels).cast("B")
    for part in (encode_frame(header, len(pixel_bytes)), pixel_bytes):
        view = memoryview(part)
        while view:
            view = view[answers.write(view) :]
