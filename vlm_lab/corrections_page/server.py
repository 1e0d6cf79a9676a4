"""A page's server: http.server on 127.0.0.1, at an address with a random token in it.

GET has the page, a document, a page image and what else the session has readings of; POST is one of
its changes. Nothing else is there, and no path is ever made of what was asked for.
"""

import json
import secrets
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

from vlm_lab.corrections_page.page import RenderedPage
from vlm_lab.corrections_page.request_checks import (
    Refusal,
    check_host,
    check_site,
    check_token,
    read_object,
)
from vlm_lab.corrections_page.session import Change, Reading
from vlm_lab.errors import UserError

LOOPBACK = "127.0.0.1"
TIMEOUT = 30  # seconds that a request may take to arrive
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the token stands in the address
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PageSession(Protocol):
    """What a page is about."""

    @property
    def readings(self) -> Mapping[str, Reading]: ...

    @property
    def changes(self) -> Mapping[str, Change]: ...

    def describe_document(self, document_id: str, /) -> dict[str, Any]: ...

    def find_page(self, document_id: str, number: str, /) -> Path: ...


class PageServer(ThreadingHTTPServer):
    """Serves one session until `shutdown`. The port is any that is free."""

    daemon_threads = True

    def __init__(self, session: PageSession, page: RenderedPage) -> None:
        self.token = secrets.token_urlsafe(32)
        super().__init__((LOOPBACK, 0), partial(_Handler, session, page, self.token))

    @property
    def host(self) -> str:
        """As the browser names it."""
        return f"{LOOPBACK}:{self.server_port}"

    @property
    def address(self) -> str:
        """What to open."""
        return f"http://{self.host}/{self.token}/"


class _Handler(BaseHTTPRequestHandler):
    timeout = TIMEOUT
    server_version, sys_version = "vlm-lab", ""

    def __init__(
        self, session: PageSession, page: RenderedPage, token: str, *connection: Any
    ) -> None:
        self.session, self.page, self.token = session, page, token
        super().__init__(*connection)

    def do_GET(self) -> None:
        try:
            self._answer_get(self._check(is_change=False))
        except Refusal as refusal:
            self._send_refusal(refusal)
        except (OSError, UserError) as error:
            self._send_refusal(Refusal(500, str(error)))

    def do_POST(self) -> None:
        try:
            path = self._check(is_change=True)
            change = self.session.changes.get(path)
            if change is None:
                raise Refusal(404, "no such page")
            self._send_json(200, change(read_object(self.headers, self.rfile)))
        except Refusal as refusal:
            self._send_refusal(refusal)
        except (OSError, UserError) as error:
            self._send_refusal(Refusal(500, str(error)))

    def log_message(self, format: str, *args: Any) -> None:
        """The terminal is the person's: a request is no news, and its path has the token."""

    def _check(self, *, is_change: bool) -> str:
        """The path behind the token, where the request is one that may be answered."""
        host = f"{LOOPBACK}:{self.connection.getsockname()[1]}"
        check_host(self.headers, host)
        path = check_token(self.path, self.token)
        check_site(self.headers, host, is_change=is_change)
        return path

    def _answer_get(self, path: str) -> None:
        kind, _, name = path.partition("/")
        if path == "":
            policy = {"Content-Security-Policy": self.page.policy}
            self._send(200, "text/html; charset=utf-8", self.page.content, policy)
        elif path in self.session.readings:
            self._send_json(200, self.session.readings[path]())
        elif kind == "documents":
            self._send_json(200, self.session.describe_document(name))
        elif kind == "pages":
            document_id, _, number = name.partition("/")
            picture = self.session.find_page(document_id, number).read_bytes()
            self._send(200, "image/jpeg", picture)
        else:
            raise Refusal(404, "no such page")

    def _send_refusal(self, refusal: Refusal) -> None:
        self._send_json(refusal.status, {"error": refusal.message, **refusal.details})

    def _send_json(self, status: int, value: Any) -> None:
        # Half a character of a hostile reply is written as its escape.
        self._send(status, "application/json", json.dumps(value, default=str).encode())

    def _send(
        self, status: int, content_type: str, content: bytes, more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status, HTTPStatus(status).phrase)
        headers = {"Content-Type": content_type, "Content-Length": str(len(content))}
        for name, value in {**HEADERS, **headers, **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
