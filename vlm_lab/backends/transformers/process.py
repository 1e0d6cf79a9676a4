"""The parent's end of a worker process: starts it, asks it within a time limit, ends it.

execnet brings itself into the other interpreter, so that one needs only what the model needs. The
modules the worker is made of are sent as source, which is why it works where vlm_lab is not
installed.
"""

import importlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vlm_lab.errors import GenerationError, Skip
from vlm_lab.sanitize import terminal_safe

WORKER_PACKAGES = ("vlm_lab", "vlm_lab.backends", "vlm_lab.backends.transformers")
WORKER_MODULES = (
    "vlm_lab.files",
    "vlm_lab.backends.transformers.devices",
    "vlm_lab.backends.transformers.visual_tokens",
    "vlm_lab.backends.transformers.families",
    "vlm_lab.backends.transformers.worker_error",
    "vlm_lab.backends.transformers.chat_template",
    "vlm_lab.backends.transformers.processors",
    "vlm_lab.backends.transformers.library_messages",
    "vlm_lab.backends.transformers.load_report",
    "vlm_lab.backends.transformers.model_loading",
    "vlm_lab.backends.transformers.generation_settings",
    "vlm_lab.backends.transformers.beams",
    "vlm_lab.backends.transformers.streamer",
    "vlm_lab.backends.transformers.loaded_model",
    "vlm_lab.backends.transformers.batch",
    "vlm_lab.backends.transformers.worker",
)
BOOT_SCRIPT = """
import sys, types
for name, path, source in channel.receive():
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
sys.modules["vlm_lab.backends.transformers.worker"].serve_requests(channel)
"""
OFFLINE_VARIABLES = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
# glibc gives a page's buffers back to the system after each case and asks for them again: a third
# of the time that preprocessing takes. A gigabyte keeps them.
WORKER_VARIABLES = {
    "TRANSFORMERS_NO_TORCHVISION_IMPORT": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
}
START_SECONDS = 60
# execnet joins what it reads of one item again and again: a whole page takes twice as long.
CHUNK_BYTES = 1 << 18
STDERR_TAIL_LENGTH = 600  # characters of the worker's stderr that an error quotes


class Worker:
    """One process. `request_answer` raises GenerationError of kind Timeout or WorkerDied; after
    either the process is gone."""

    def __init__(self, python: str | None, online: bool) -> None:
        import execnet

        python = check_interpreter(python) if python else sys.executable
        # Open as long as the worker; nobody else can read it.
        self._stderr_file = tempfile.TemporaryFile()  # noqa: SIM115
        self._group = execnet.Group()
        with (
            extend_environment({**WORKER_VARIABLES, **({} if online else OFFLINE_VARIABLES)}),
            redirect_stderr_to(self._stderr_file.fileno()),
        ):
            gateway: Any = self._group.makegateway(f"popen//python={shlex.quote(python)}")
        # execnet has no public way to the process, and its own ending of one waits for a busy
        # worker.
        self._process: subprocess.Popen[bytes] = gateway._io.popen
        self._channel = gateway.remote_exec(BOOT_SCRIPT)
        self._channel.send(read_module_sources())
        self.pid = int(self.request_answer({"parent_pid": os.getpid()}, START_SECONDS)["pid"])

    def request_answer(
        self, request: Mapping[str, Any], seconds: float, chunks: Sequence[bytes] = ()
    ) -> dict[str, Any]:
        """The worker's answer to a request and the chunks of pixels that belong to it, within
        `seconds`."""
        try:
            self._channel.send(dict(request))
            for chunk in chunks:
                self._channel.send(chunk)
            answer: dict[str, Any] = self._channel.receive(timeout=seconds)
        except self._channel.TimeoutError:
            self.kill()
            raise GenerationError("Timeout", f"no answer within {seconds:g} s") from None
        except (EOFError, OSError, self._channel.RemoteError) as error:
            raise GenerationError("WorkerDied", self._format_exit_report(error)) from None
        except KeyboardInterrupt:  # pytest has a report to write first; the GPU is free at once
            self.kill()
            raise
        return answer

    def kill(self) -> int | None:
        """Kills the process, whatever it does, and waits until it is gone. Its exit status; twice
        is once."""
        if not self._group:
            return None
        self._process.kill()
        status: int | None = self._process.wait()
        self._group.terminate(timeout=1)
        return status

    def close(self) -> None:
        self.kill()
        self._stderr_file.close()

    def _format_exit_report(self, error: Exception) -> str:
        """How it ended and the last that it printed."""
        if not isinstance(error, EOFError | OSError):
            self.kill()
            return f"the worker failed: {_format_tail(str(error))}"
        # The pipe closes a moment before the process can be waited for.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        status = self.kill()
        exit_description = f"exited with status {status}"
        if status is not None and status < 0:
            exit_description = f"was killed by {signal.Signals(-status).name}"
        if status == -signal.SIGKILL:
            exit_description += " (out of memory? the kernel's log says)"
        stderr_tail = self.read_stderr_tail() or "nothing"
        return f"the worker {exit_description}; the last it said: {stderr_tail}"

    def read_stderr_tail(self) -> str:
        """The end of what the worker printed, safe for a terminal, on one line."""
        descriptor = self._stderr_file.fileno()
        byte_count = 4 * STDERR_TAIL_LENGTH
        start = max(0, os.fstat(descriptor).st_size - byte_count)
        return _format_tail(os.pread(descriptor, byte_count, start).decode("utf-8", "replace"))


def _format_tail(text: str) -> str:
    """The end of a text, safe for a terminal, on one line."""
    return " ".join(terminal_safe(text.replace("\n", " ")).split())[-STDERR_TAIL_LENGTH:]


def split_into_chunks(pixels: bytes) -> list[bytes]:
    """A page's pixels in the pieces that the pipe is fast with."""
    return [pixels[start : start + CHUNK_BYTES] for start in range(0, len(pixels), CHUNK_BYTES)]


def read_module_sources() -> list[tuple[str, str, str | None]]:
    """(module, path, source) of what the worker is made of; packages first, without any source of
    their own."""
    module_sources: list[tuple[str, str, str | None]] = []
    for name in (*WORKER_PACKAGES, *WORKER_MODULES):
        path = Path(importlib.import_module(name).__file__ or "")
        source = path.read_text("utf-8") if name in WORKER_MODULES else None
        module_sources.append((name, str(path), source))
    return module_sources


def check_interpreter(python: str) -> str:
    """The absolute path of another interpreter; Skip where there is none that runs. Links stay: a
    venv is one."""
    path = os.path.abspath(python)
    try:
        completed = subprocess.run(
            [path, "-c", "print(7)"], capture_output=True, text=True, timeout=START_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Skip(f"python: {python} does not start ({error})") from None
    if completed.stdout.strip() != "7":
        stderr_tail = terminal_safe(completed.stderr.strip())[-200:]
        raise Skip(f"python: {python} is no Python that works ({stderr_tail})")
    return path


@contextmanager
def extend_environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """Variables that a child started inside inherits, unless the environment already says
    otherwise."""
    added_names = [name for name in defaults if name not in os.environ]
    os.environ.update({name: defaults[name] for name in added_names})
    try:
        yield
    finally:
        for name in added_names:
            del os.environ[name]


@contextmanager
def redirect_stderr_to(descriptor: int) -> Iterator[None]:
    """A child started inside writes its stderr to `descriptor`: what it prints before it can
    redirect itself included."""
    sys.stderr.flush()
    saved_stderr = os.dup(2)
    os.dup2(descriptor, 2)
    try:
        yield
    finally:
        os.dup2(saved_stderr, 2)
        os.close(saved_stderr)
