"""The parent's end of the page worker: asks it about one document at a time, within limits.

One worker serves the whole process, unless many pages are wanted at once (pool.py). It starts when
a document must first be opened, and a document that ends it, or outlasts its time, is not tried
again: the next one gets a new worker.
"""

import atexit
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from vlm_lab.errors import DocumentError, HiddenDocument
from vlm_lab.messages import Message
from vlm_lab.pixel_file import PixelFile, create_pixel_file
from vlm_lab.sanitize import terminal_safe
from vlm_lab.suite.rendering.frames import Buffer, encode_frame, read_frame
from vlm_lab.types import Page

DOCUMENT_SECONDS = 20.0  # for one request: A4 takes a tenth of a second
MEMORY_BYTES = 2 * 2**30
START_SECONDS = 60.0
PIPE_BYTES = 2**20
MAX_KEPT_BYTES = 32 * 2**20
# The packages of ours around the worker are not run: they bring what only a parent needs.
BOOT_SCRIPT = """
import importlib, json, sys, types
sys.path[:], packages = json.loads(sys.argv[1])
for name, folder in packages:
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = [folder]
importlib.import_module("vlm_lab.suite.rendering.worker").main()
"""
BARE_PACKAGES = ("vlm_lab", "vlm_lab.suite")


class Answer(NamedTuple):
    """All that came of one request; the notes are on its pages and on the file, the pictures are
    JPEG files."""

    result: Any
    pages: list[Page]
    notes: list[Message]
    pictures: list[bytes]


FileKey = tuple[str, int, int]  # a path, and the size and time of what lies there


class PageWorker:
    """A worker process, started when it is needed. `failures` says of documents why none is asked
    about them again."""

    def __init__(self, failures: dict[FileKey, Message] | None = None) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr_file: Any = None
        self._served_count = 0
        self._is_interrupted = False
        self.failures = {} if failures is None else failures
        self._buffer = bytearray()  # kept: fresh memory for each page takes as long as the pipe

    @property
    def pid(self) -> int | None:
        """The worker's, None where there is none."""
        return self._process.pid if self._process else None

    def request(self, path: Path, operation: str, **arguments: Any) -> Answer:
        """What the worker says. DocumentError where it cannot: broken, too slow, too large."""
        key = _identify_file(path)
        if key in self.failures:
            raise DocumentError(self.failures[key])
        try:
            with self._lock:
                self._is_interrupted = False
                return self._request_guarded(path, key, operation, arguments)
        except KeyboardInterrupt:
            self.interrupt()  # also while another thread waits for a document that never ends
            raise

    def _request_guarded(
        self, path: Path, key: FileKey, operation: str, arguments: dict[str, Any]
    ) -> Answer:
        """Asked twice where an earlier document may have filled the worker's memory."""
        name = terminal_safe(path.name)
        while True:
            self._ensure_started()
            is_first, place = self._served_count == 0, _Place()
            self._served_count += 1
            try:
                return self._exchange(path, operation, arguments, place)
            except TimeoutError:
                self.kill()
                figures = {"name": name, "place": place.describe(), "seconds": DOCUMENT_SECONDS}
                reason = Message("page_too_late", figures)
            except MemoryError:
                self.kill()
                figures = {"name": name, "place": place.describe(), "limit": MEMORY_BYTES / 2**30}
                reason = Message("page_needs_memory", figures)
                if not is_first:
                    continue
            except (EOFError, OSError):
                figures = {
                    "name": name,
                    "place": place.describe(),
                    "said": self._describe_exit(),
                }
                reason = Message("page_ended_process", figures)
                if self._is_interrupted:
                    reason = Message("page_interrupted", {"name": name})
                elif not is_first:
                    continue
            except KeyboardInterrupt:  # in the middle of an answer: the rest of it is nobody's
                self.kill()
                self.failures[key] = Message("page_interrupted", {"name": name})
                raise
            self.failures[key] = reason
            raise DocumentError(reason)

    def _exchange(
        self, path: Path, operation: str, arguments: dict[str, Any], place: "_Place"
    ) -> Answer:
        deadline = time.monotonic() + DOCUMENT_SECONDS
        request = {"path": str(path), "operation": operation, "seconds": DOCUMENT_SECONDS}
        pixel_file = create_pixel_file() if operation == "render" else None
        pixel_path = pixel_file.path if pixel_file else None
        self._send({**request, **arguments, "pixel_file": pixel_path})
        indices: Sequence[int] = arguments.get("indices", ())
        drawn_pages: list[tuple[dict[str, Any], bytes]] = []
        pictures: list[bytes] = []
        notes: list[Message] = []
        while True:
            received_count = len(drawn_pages) + len(pictures)
            if received_count < len(indices):
                place.page = indices[received_count]
            header, pixels = self._receive(deadline)
            notes += [Message(kind, figures) for kind, figures in header.get("notes", ())]
            if "page" in header:
                drawn_pages.append((header, bytes(pixels)))
            elif "picture" in header:
                pictures.append(bytes(pixels))
            else:
                break
        if len(self._buffer) > MAX_KEPT_BYTES:
            self._buffer = bytearray()
        _raise_error(header)
        if pixel_file:
            pixel_file.seal()
        pages = [_make_page(*drawn_page, pixel_file) for drawn_page in drawn_pages]
        return Answer(header.get("result"), pages, notes, pictures)

    def _ensure_started(self) -> None:
        if self._process and self._process.poll() is None:
            return
        self.kill()
        # Open as long as the worker; nobody else can read it.
        self._stderr_file = tempfile.TemporaryFile()  # noqa: SIM115
        packages = [(name, _find_package_folder(name)) for name in BARE_PACKAGES]
        setup = json.dumps([sys.path, packages])
        self._process = subprocess.Popen(
            [sys.executable, "-c", BOOT_SCRIPT, setup],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr_file,
            bufsize=0,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # each takes of the memory's limit
        )
        self._served_count = 0
        _enlarge_pipe(self._process)
        self._send({"memory": MEMORY_BYTES})
        self._receive(time.monotonic() + START_SECONDS)

    def _send(self, request: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise EOFError("the worker is gone")
        process.stdin.write(encode_frame(request))

    def _receive(self, deadline: float) -> tuple[dict[str, Any], Buffer]:
        process = self._process
        if process is None or process.stdout is None:
            raise EOFError("the worker is gone")
        descriptor = process.stdout.fileno()

        def read(size: int) -> memoryview:
            if size > len(self._buffer):
                self._buffer = bytearray(size)
            view = memoryview(self._buffer)[:size]
            _read_into(view, descriptor, deadline)
            return view

        return read_frame(read)

    def _describe_exit(self) -> str:
        """How the worker ended, and the last that it printed."""
        process = self._process
        if process is None:
            return "it is gone"
        # The pipe closes a moment before the process can be waited for.
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2)
        status, tail = process.poll(), self._read_stderr_tail()
        self.kill()
        how = f"exit status {status}"
        if status is not None and status < 0:
            how = f"{signal.Signals(-status).name}; the limit is {_format_memory()} of memory"
        return f"{how}; {tail}" if tail else how

    def _read_stderr_tail(self) -> str:
        self._stderr_file.seek(0, os.SEEK_END)
        self._stderr_file.seek(max(0, self._stderr_file.tell() - 200))
        text = self._stderr_file.read().decode("utf-8", "replace")
        return " ".join(terminal_safe(text.replace("\n", " ")).split())

    def interrupt(self) -> None:
        """Ends what the worker does, from any thread; the one that waits for it cleans up."""
        process = self._process
        if process:
            self._is_interrupted = True
            process.kill()

    def kill(self) -> None:
        """Ends the worker, whatever it does; the next request starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()
        self._stderr_file.close()


class _Place:
    """Which page is being worked on, for the error's words."""

    page: int | None = None

    def describe(self) -> Message:
        """`page 2`, or that the file itself was being read."""
        if self.page is None:
            return Message("reading")
        return Message("on_page", {"page": self.page + 1})


def _raise_error(header: dict[str, Any]) -> None:
    """The error in a closing frame, where there is one."""
    if "error" not in header:
        return
    kind, encoded_message = header["error"]
    if kind == "MemoryError":
        raise MemoryError
    message = Message(*encoded_message)
    raise HiddenDocument(message) if kind == "HiddenDocument" else DocumentError(message)


def _format_memory() -> str:
    return f"{MEMORY_BYTES / 2**30:g} GiB"


def _identify_file(path: Path) -> FileKey:
    try:
        status = path.stat()
    except OSError as error:
        figures = {"name": terminal_safe(path.name), "said": error.strerror}
        raise DocumentError(Message("file_not_read", figures)) from None
    return str(path), status.st_size, status.st_mtime_ns


def _find_package_folder(name: str) -> str:
    return str(Path(importlib.import_module(name).__file__ or "").parent)


def _enlarge_pipe(process: "subprocess.Popen[bytes]") -> None:
    """A page is megabytes; a pipe of 64 KiB would pass it in a hundred turns."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        if process.stdout:
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _make_page(header: dict[str, Any], pixels: bytes, pixel_file: PixelFile | None) -> Page:
    """The page with its pixels, or with where they were written. EOFError where they are not."""
    width, height = header["size"]
    if pixel_file is None or "start" not in header:
        return Page(header["page"], (width, height), pixels)
    stored_pixels = pixel_file.locate(header["start"], 3 * width * height)
    return Page(header["page"], (width, height), stored_pixels)


def _read_into(view: memoryview, descriptor: int, deadline: float) -> None:
    """Fills the view. TimeoutError at the deadline, EOFError where the worker is gone."""
    while view:
        _wait_readable(descriptor, deadline)
        received = os.readv(descriptor, [view])
        if received == 0:
            raise EOFError("the worker ended")
        view = view[received:]


def _wait_readable(descriptor: int, deadline: float) -> None:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN | select.POLLHUP)
    milliseconds = max(0, int((deadline - time.monotonic()) * 1000))
    if not poller.poll(milliseconds):
        raise TimeoutError


PAGE_WORKER = PageWorker()
atexit.register(PAGE_WORKER.kill)
