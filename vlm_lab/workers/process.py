"""The parent's end of a worker process: starts it, asks it within a time limit, ends it.

execnet brings itself into the worker's interpreter, so that one needs only what its work needs.
Code that is sent as source works where vlm_lab is not installed.
"""

import importlib.util
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from vlm_lab.errors import GenerationError
from vlm_lab.messages import Message
from vlm_lab.workers.group_guard import GroupGuard
from vlm_lab.workers.output_tail import OutputTail, format_tail

ModuleSource = tuple[str, str, str | None]  # name, path, source; packages have none

BOOT_SCRIPT = """
import importlib, sys, types
entry_module, search_paths, module_sources = channel.receive()
sys.path[:] = search_paths or sys.path
for name, path, source in module_sources:
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    package, _, attribute = name.rpartition(".")
    if package:
        setattr(sys.modules[package], attribute, module)
    if source is None:
        module.__path__ = []
    else:
        exec(compile(source, path, "exec"), module.__dict__)
importlib.import_module(entry_module).serve_requests(channel)
"""
OFFLINE_VARIABLES = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
# glibc gives a page's buffers back to the system after each case and asks for them again: a third
# of the time that preprocessing takes. A gigabyte keeps them. Pillow keeps its own, so that an
# image, which is there before the others and after them, leaves no gap among them that grows. What
# glibc keeps for small objects (`tcache`) would lie between free buffers, so that now and then none
# fits and the heap grows by one.
WORKER_VARIABLES = {
    "TOKENIZERS_PARALLELISM": "false",
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
    "PILLOW_BLOCKS_MAX": "4",  # of up to 16 MB
}
START_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerCode:
    """What a worker runs: `serve_requests` of a module. That module is found on `search_paths`, or
    among `module_sources` that are sent."""

    entry_module: str
    search_paths: Sequence[str] = ()
    module_sources: Sequence[ModuleSource] = ()


class Worker:
    """One process. `request_answer` raises GenerationError of kind Timeout or WorkerDied; after
    either, and after whatever interrupts it, the process and all its children are gone."""

    def __init__(
        self, code: WorkerCode, variables: Mapping[str, str], python: str = sys.executable
    ) -> None:
        import execnet

        self._output = OutputTail()
        self._send_lock = threading.Lock()
        with self._output.lend_write_end() as stderr:
            exec_model = make_exec_model({**WORKER_VARIABLES, **variables}, stderr)
            self._group = execnet.Group(execmodel=exec_model)
            gateway: Any = self._group.makegateway(f"popen//python={shlex.quote(python)}")
        # execnet has no public way to the process, and its own ending of one waits for a busy
        # worker.
        self._process: subprocess.Popen[bytes] = gateway._io.popen
        self._guard: GroupGuard | None = None
        self._channel = gateway.remote_exec(BOOT_SCRIPT)
        sources = list(code.module_sources)
        self._channel.send((code.entry_module, list(code.search_paths), sources))
        self.pid = int(self.receive_answer(START_SECONDS)["pid"])
        self._guard = GroupGuard(self.pid)

    def request_answer(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """The worker's answer to a request, within `seconds`."""
        self.send_request(request)
        return self.receive_answer(seconds)

    def send_request(self, request: Mapping[str, Any]) -> None:
        """Asks and does not wait: `receive_answer` does."""
        with self._report_end(), self._send_lock:
            self._channel.send(dict(request))

    def announce(self, request: Mapping[str, Any]) -> None:
        """Sends what will be asked after the question that is open, so that the worker gets ready
        for it; there is no answer. What breaks off over it is that question's matter."""
        with suppress(OSError), self._send_lock:
            self._channel.send(dict(request))

    def receive_answer(self, seconds: float) -> dict[str, Any]:
        """The answer to what was sent, within `seconds`."""
        with self._report_end():
            try:
                text = self._channel.receive(timeout=seconds)
            except self._channel.TimeoutError:
                reason = Message("no_answer_within", {"seconds": seconds})
                raise GenerationError("Timeout", reason) from None
        answer: dict[str, Any] = json.loads(text)
        return answer

    @contextmanager
    def _report_end(self) -> Iterator[None]:
        """Kills the process where the exchange breaks off, or the next answer would be another
        request's. Ctrl-C and a plugin's time limit, too: the GPU is free at once."""
        try:
            yield
        except (EOFError, OSError, self._channel.RemoteError) as error:
            raise GenerationError("WorkerDied", self._describe_exit(error)) from None
        except BaseException:
            self.kill()
            raise

    def kill(self) -> int | None:
        """Kills the process and its children, whatever they do, and waits until it is gone. Its
        exit status; twice is once."""
        if not self._group:
            return None
        if self._guard:
            self._guard.kill_group()
        self._process.kill()
        status: int | None = self._process.wait()
        self._group.terminate(timeout=1)
        return status

    def close(self) -> None:
        self.kill()
        self._output.wait()

    def _describe_exit(self, error: Exception) -> Message:
        """How it ended and the last that it printed."""
        if not isinstance(error, EOFError | OSError):
            self.kill()
            return Message("worker_failed", {"said": format_tail(str(error))})
        # The pipe closes a moment before the process can be waited for.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        status = self.kill()
        return describe_exit(Message("the_worker"), status, self._output.read())


def describe_exit(name: Message | str, status: int | None, last_words: str) -> Message:
    """How a process ended and the last that it printed."""
    said = last_words or Message("said_nothing")
    if status is None or status >= 0:
        return Message("process_exited", {"name": name, "status": str(status), "said": said})
    kind = "process_out_of_memory" if status == -signal.SIGKILL else "process_killed"
    return Message(kind, {"name": name, "status": signal.Signals(-status).name, "said": said})


def read_module_sources(packages: Sequence[str], modules: Sequence[str]) -> list[ModuleSource]:
    """What is sent of ours; packages first, without any source of their own."""
    module_sources: list[ModuleSource] = []
    for name in (*packages, *modules):
        path = _find_module_file(name)
        source = path.read_text("utf-8") if name in modules else None
        module_sources.append((name, str(path), source))
    return module_sources


def _find_module_file(name: str) -> Path:
    """Found and not imported: this process does not run what only a worker needs."""
    spec = importlib.util.find_spec(name)
    return Path((spec and spec.origin) or "")


def make_exec_model(defaults: Mapping[str, str], stderr: int) -> Any:
    """execnet's own way to start a process, with variables that the environment does not have and
    a place for what it prints. What the whole of this process has is not touched: other threads
    start processes, too.

    The environment is a copy: numpy changes the real one while another thread imports it, and a
    start in that moment ends with "Bad address".
    """
    from execnet.gateway_base import ThreadExecModel

    start = partial(subprocess.Popen, env={**defaults, **os.environ}, stderr=stderr)

    class WorkerExecModel(ThreadExecModel):
        subprocess = SimpleNamespace(PIPE=subprocess.PIPE, Popen=start)

    return WorkerExecModel()
