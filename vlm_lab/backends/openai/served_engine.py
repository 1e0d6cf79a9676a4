"""The server of one model, started for a run: ready when `ensure_started` returns, gone with all
its children when the model's cases have run, whatever ends the run.

It listens on 127.0.0.1 on a free port. Its key is random, one a run, in its environment and in the
client's header and nowhere else; its log is kept to the end that an error quotes.
"""

import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from vlm_lab.backends.openai.engine_arguments import HOST
from vlm_lab.backends.openai.engine_launch import list_key_variables, plan_launch
from vlm_lab.backends.openai.key_mask import KeyMask
from vlm_lab.errors import GenerationError
from vlm_lab.messages import Message
from vlm_lab.types import Model, Runtime
from vlm_lab.workers.program import Program
from vlm_lab.workers.supervisor import Restarts

MAX_DEATHS = 2  # in a row: loading takes minutes
POLL_SECONDS = 0.25
LAST_SECONDS = 2
CONNECTION_LOST = "ConnectionLost"
# After these a server's own words say more than its answer does.
LOGGED_KINDS = ("BadReply", CONNECTION_LOST, "RateLimited", "ServerError", "Timeout")


class ServedEngine:
    """`is_ready` asks the server at `base_url` whether it answers yet."""

    def __init__(self, model: Model, runtime: Runtime, load_seconds: float) -> None:
        self.launch = plan_launch(model, runtime)
        self.port, self.key = find_free_port(), secrets.token_urlsafe(32)
        self.base_url = f"http://{HOST}:{self.port}/v1"
        self._model_name, self._load_seconds = model.name, load_seconds
        self._hide_key = KeyMask(self.key).mask
        self._lock = threading.Lock()
        self._is_closed = threading.Event()
        self._restarts: Restarts[Program] = Restarts(model.name, self._start, MAX_DEATHS)
        self._is_ready: Callable[[], bool] = lambda: False

    def ensure_started(self, is_ready: Callable[[], bool]) -> None:
        """The server answers when this returns; GenerationError where it does not, with the end of
        its log."""
        with self._lock:
            self._is_ready = is_ready
            program = self._restarts.worker
            if program and program.has_ended():
                self._restarts.note_death(program.describe_end())
            self._restarts.ensure_worker()

    def _start(self) -> Program:
        name, launch = self._model_name, self.launch
        variables = {**launch.variables, **list_key_variables(self.key)}
        try:
            command = launch.fill_command(self.port)
            program = Program(launch.engine, command, variables, launch.folder, self._hide_key)
        except OSError as error:
            figures = {"model": name, "engine": launch.engine, "said": str(error)}
            raise GenerationError("WorkerDied", Message("engine_not_started", figures)) from None
        try:
            self._wait_until_ready(program)
        except BaseException as error:
            program.close()
            if isinstance(error, GenerationError):
                self._restarts.note_death(error.message)
            raise
        return program

    def _wait_until_ready(self, program: Program) -> None:
        name, label = self._model_name, self.launch.label
        end = time.monotonic() + self._load_seconds
        while not self._is_ready():
            if program.has_ended():
                figures = {"model": name, "what": program.describe_end()}
                raise GenerationError("WorkerDied", Message("engine_ended", figures))
            if time.monotonic() > end:
                figures = {
                    "model": name,
                    "engine": label,
                    "seconds": self._load_seconds,
                    "setting": "backend_kwargs: load_timeout",
                    "said": program.peek_output() or Message("said_nothing"),
                }
                raise GenerationError("Timeout", Message("engine_too_late", figures))
            if self._is_closed.wait(POLL_SECONDS):
                figures = {"model": name, "engine": label}
                raise GenerationError("Cancelled", Message("engine_cancelled", figures))

    def note_reply(self) -> None:
        """A reply to a case ends a row of deaths."""
        self._restarts.note_reply()

    def explain_error(self, error: GenerationError) -> GenerationError:
        """A request's error, with the end of the log where the server is at fault."""
        program = self._restarts.worker
        if program is None or error.kind not in LOGGED_KINDS:
            return error
        # A connection closes a moment before the process can be waited for.
        if program.has_ended(LAST_SECONDS if error.kind == CONNECTION_LOST else 0):
            return GenerationError("WorkerDied", program.describe_end())
        last_words = program.peek_output()
        if not last_words:
            return error
        figures = {"what": error.message, "engine": self.launch.engine, "said": last_words}
        return GenerationError(error.kind, Message("engine_said", figures))

    def describe(self) -> Mapping[str, Any]:
        """What a record says of it: the arguments are without the place of weights and the port."""
        launch = self.launch
        return {
            "engine": launch.engine,
            "engine_version": launch.version,
            "arguments": list(launch.command[1:]),
            **({"weights": launch.digest} if launch.digest else {}),
        }

    def close(self) -> None:
        """Ends the server and its children."""
        self._is_closed.set()
        self._restarts.close()


def find_free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
