"""Requests to a server that may be slow, busy, broken or hostile; of one thread or of several.

Waits and tries again where that can help (429, 5xx, a lost connection), never after a timeout: a
model that was too slow once would cost the same again. `Retry-After` is honoured up to MAX_WAIT.
Redirects are not followed and, on a private network, no proxy of the environment is used: either
would send documents elsewhere. Each connection's address is looked at before anything is sent.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from vlm_lab.backends.openai.addresses import ConnectionGuard, RefusedConnectionError
from vlm_lab.backends.openai.answers import (
    CONTEXT_OVERFLOW,
    REFUSED,
    extract_error_message,
    extract_model_names,
    find_refusal_kind,
    parse_retry_after,
)
from vlm_lab.backends.openai.concurrency import AdaptiveLimit
from vlm_lab.backends.openai.key_mask import KeyMask
from vlm_lab.backends.openai.settings import ServerSettings, parse_networks
from vlm_lab.commands import format_install_command
from vlm_lab.errors import GenerationError, Skip
from vlm_lab.messages import Message
from vlm_lab.sanitize import terminal_safe

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS = 10.0
FIRST_WAIT, MAX_WAIT = 0.5, 60.0
# No reply is longer; a server that never stops must not fill the memory.
MAX_REPLY_BYTES = 64 * 1024 * 1024
RETRY_STATUSES = (408, 425, 429)
API_PREFIX = "v1/"  # where the API lies when base_url ends before it
MAX_LISTED_MODELS = 5  # names of served models in a message


@dataclass(frozen=True, slots=True)
class TimedResponse:
    """A reply's bytes, each chunk with the seconds after sending at which it came, and how often it
    was asked for."""

    chunks: tuple[tuple[float, bytes], ...]
    attempts: int
    waited_seconds: float


class _RetryableError(Exception):
    """What went wrong, how long to wait if the server said so, and whether it has too many."""

    def __init__(
        self,
        kind: str,
        message: Message,
        wait_seconds: float | None = None,
        is_overload: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message
        self.wait_seconds, self.is_overload = wait_seconds, is_overload


class HttpClient:
    """Connections that are kept open between cases, one a thread. The key is in their headers and
    nowhere else. `is_ours`: to a server that this user started."""

    def __init__(
        self, settings: ServerSettings, key: str | None, private: bool, is_ours: bool = False
    ) -> None:
        try:
            import httpx2
        except ImportError:
            command = format_install_command("server")
            raise Skip(Message("client_not_installed", {"command": command})) from None
        self.settings, self.key_mask, self._httpx = settings, KeyMask(key), httpx2
        self.limit = AdaptiveLimit()
        self._prefix = ""
        self._served_models: list[str] = []
        guard = ConnectionGuard(parse_networks(settings), is_ours)
        self._extensions = {"trace": guard} if private else {}
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
        self._connection = httpx2.Client(
            base_url=settings.base_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(
                settings.timeout, connect=min(CONNECT_SECONDS, settings.timeout)
            ),
            # A transport of our own uses no proxies.
            transport=httpx2.HTTPTransport(limits=limits) if private else None,
            limits=limits,
            follow_redirects=False,
        )

    def close(self) -> None:
        """Ends the connections; who waits for one is told so."""
        self.limit.close()
        self._connection.close()

    def is_ready(self) -> bool:
        """Whether a server that was started answers yet: `/health`, or its list of models where it
        has none."""
        base_url = self.settings.base_url.rstrip("/") + "/"
        timeout = min(CONNECT_SECONDS, self.settings.timeout)
        for url in (urljoin(base_url, "/health"), urljoin(base_url, "models")):
            try:
                status = self._connection.get(
                    url, timeout=timeout, extensions=dict(self._extensions)
                ).status_code
            except (RefusedConnectionError, self._httpx.HTTPError):
                return False
            if status != 404:
                break
        return status < 500

    def check_server(self, start_hint: Message) -> None:
        """Skip where nobody answers (`start_hint` says how a server is started) or the key is
        refused. Finds out where the API lies, and what is served there."""
        url = self.settings.base_url
        response = self._get_models("", start_hint)
        if response.status_code in (401, 403):
            figures = {"url": url, "status": str(response.status_code)}
            if self.settings.api_key_env:
                figures["variable"] = self.settings.api_key_env
                raise Skip(Message("key_refused", figures))
            raise Skip(Message("key_wanted", figures))
        served_models = extract_model_names(response)
        if served_models is None and not url.endswith("/v1"):
            served_models = extract_model_names(self._get_models(API_PREFIX, start_hint))
            self._prefix = API_PREFIX if served_models is not None else ""
        self._served_models = [self._sanitize_text(name) for name in served_models or []]

    def _get_models(self, prefix: str, start_hint: Message) -> "httpx2.Response":
        url, timeout = self.settings.base_url, min(CONNECT_SECONDS, self.settings.timeout)
        try:
            return self._connection.get(
                f"{prefix}models", timeout=timeout, extensions=dict(self._extensions)
            )
        except RefusedConnectionError as error:
            raise Skip(error.reason) from None
        except self._httpx.HTTPError as error:
            said = self._sanitize_text(str(error))
            figures = {"url": url, "said": said, "remedy": start_hint}
            raise Skip(Message("no_server", figures)) from None

    def post(self, path: str, body: Mapping[str, Any]) -> TimedResponse:
        """The answer to one request. GenerationError says why there is none, after how many
        attempts. What was too many at a time is asked again among fewer, and is no attempt of its
        own."""
        waited_seconds, attempts, failures = 0.0, 0, 0
        while True:
            attempts += 1
            ticket = self.limit.enter()
            try:
                chunks = self._send_once(path, body)
                self.limit.note_success()
                return TimedResponse(chunks, attempts, waited_seconds)
            except _RetryableError as error:
                is_crowded = error.is_overload and self.limit.note_overload(ticket)
                failures += not is_crowded
                if failures > self.settings.retries:
                    figures = {"what": error.message, "n": attempts}
                    raise GenerationError(error.kind, Message("attempts", figures)) from None
                wait_seconds = compute_backoff_seconds(attempts, error.wait_seconds)
            finally:
                self.limit.leave()
            self.limit.pause(wait_seconds)
            waited_seconds += wait_seconds

    def _send_once(self, path: str, body: Mapping[str, Any]) -> tuple[tuple[float, bytes], ...]:
        start_time = time.perf_counter()
        request = self._connection.stream(
            "POST", self._prefix + path, json=body, extensions=dict(self._extensions)
        )
        with self._translate_errors(), request as response:
            chunks = tuple(self._receive_chunks(response, start_time))
            if response.status_code != 200:
                self._raise_for_status(response, b"".join(chunk for _, chunk in chunks))
        return self._mask_chunks(chunks)

    def _mask_chunks(
        self, chunks: tuple[tuple[float, bytes], ...]
    ) -> tuple[tuple[float, bytes], ...]:
        """The chunks as they came, or, where the key is in them, all of them as one without it."""
        data = b"".join(chunk for _, chunk in chunks)
        masked = self.key_mask.mask(data.decode("latin-1")).encode("latin-1")
        return chunks if masked == data else ((chunks[-1][0], masked),)

    def _receive_chunks(
        self, response: "httpx2.Response", start_time: float
    ) -> Iterator[tuple[float, bytes]]:
        received_bytes = 0
        for chunk in response.iter_bytes():
            seconds = time.perf_counter() - start_time
            received_bytes += len(chunk)
            if seconds > self.settings.timeout:
                limit = {"seconds": self.settings.timeout}
                raise GenerationError("Timeout", Message("no_whole_reply_within", limit))
            if received_bytes > MAX_REPLY_BYTES:
                reason = Message("reply_too_long", {"limit": MAX_REPLY_BYTES})
                raise GenerationError("BadReply", reason)
            yield seconds, chunk

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """The library's exceptions as ours. A connection that is refused while a run goes on may
        come back."""
        try:
            yield
        except RefusedConnectionError as error:
            raise GenerationError("NotPrivate", error.reason) from None
        except self._httpx.ConnectTimeout as error:
            raise _RetryableError("ConnectionLost", self._describe_error(error)) from None
        except self._httpx.TimeoutException:
            limit = {"seconds": self.settings.timeout}
            raise GenerationError("Timeout", Message("no_reply_within", limit)) from None
        except self._httpx.TransportError as error:
            raise _RetryableError("ConnectionLost", self._describe_error(error)) from None
        except self._httpx.HTTPError as error:
            raise GenerationError("BadReply", self._sanitize_text(str(error))) from None

    def _raise_for_status(self, response: "httpx2.Response", data: bytes) -> None:
        """Raises what a status other than 200 means."""
        status = response.status_code
        server_message = self._sanitize_text(extract_error_message(data))
        figures = {
            "url": self.settings.base_url,
            "status": str(status),
            "said": server_message or Message("nothing_more"),
        }
        message = Message("server_answered", figures)
        if status in RETRY_STATUSES or status >= 500:
            kind = "RateLimited" if status == 429 else "ServerError"
            wait_seconds = parse_retry_after(response.headers.get("Retry-After"))
            is_overload = status == 429 or (status == 503 and wait_seconds is not None)
            raise _RetryableError(kind, message, wait_seconds, is_overload)
        kind = find_refusal_kind(server_message)
        if kind == CONTEXT_OVERFLOW:
            message = Message("window_too_small", {"what": message})
        if kind == REFUSED and status == 404 and self._served_models:
            names = self._served_models[:MAX_LISTED_MODELS]
            message = Message("serves_others", {"what": message, "names": names})
        raise GenerationError(kind, message)

    def _describe_error(self, error: Exception) -> Message:
        said = self._sanitize_text(str(error))
        return Message("at_server", {"url": self.settings.base_url, "said": said})

    def _sanitize_text(self, text: str) -> str:
        """Text of a server on one line, short, without the key that some repeat."""
        return terminal_safe(" ".join(self.key_mask.mask(text).split()))[:300]


def compute_backoff_seconds(attempt: int, requested_seconds: float | None) -> float:
    """Seconds before the next attempt: what the server asked for, else twice as long each time;
    never too long."""
    if requested_seconds is None:
        requested_seconds = FIRST_WAIT * 2 ** (attempt - 1)
    return min(MAX_WAIT, requested_seconds)
