"""Who may ask, and for what: each rule by which a request is refused, apart from the server.

The page lies on 127.0.0.1, where every page of every browser tab, and every program of every user
of the machine, can send requests to. Only who has the address with its token is answered, under
that address's own name, and only a page that came from there may change anything.
"""

import json
import re
import secrets
from collections.abc import Mapping
from email.message import Message as Headers
from io import BufferedIOBase
from typing import Any

MAX_BODY = 1_000_000  # bytes: a decision is short
SAME_SITE = ("same-origin", "none")  # of Sec-Fetch-Site: our page, or an address that was typed


class Refusal(Exception):
    """An HTTP status and why; `details` go along."""

    def __init__(self, status: int, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.details = status, message, details or {}


def check_host(headers: Headers, host: str) -> None:
    """A name that was made to lead here (DNS rebinding) is not ours."""
    if headers.get_all("Host") != [host]:
        raise Refusal(421, f"open the page at http://{host}/, with its token")


def check_token(path: str, token: str) -> str:
    """The rest of the path behind the token."""
    first, separator, rest = path.partition("?")[0].removeprefix("/").partition("/")
    if not separator or not secrets.compare_digest(first.encode(), token.encode()):
        raise Refusal(404, "no such page")
    return rest


def check_site(headers: Headers, host: str, *, is_change: bool) -> None:
    """Another site's page may neither read nor write; a change must say where it comes from."""
    origin = headers.get("Origin")
    if origin is None and is_change:
        raise Refusal(403, "a change must come from the page itself: no Origin")
    if origin is not None and origin != f"http://{host}":
        raise Refusal(403, "asked by another site")
    if headers.get("Sec-Fetch-Site", "none") not in SAME_SITE:
        raise Refusal(403, "asked by another site")


def read_object(headers: Headers, stream: BufferedIOBase) -> dict[str, Any]:
    """The JSON object that was sent."""
    if headers.get_content_type() != "application/json":
        raise Refusal(415, "only application/json is read")
    length = headers.get("Content-Length") or ""
    if not re.fullmatch(r"[0-9]{1,12}", length):
        raise Refusal(411, "a Content-Length is needed")
    if int(length) > MAX_BODY:
        raise Refusal(413, f"more than {MAX_BODY} bytes")
    try:
        value = json.loads(stream.read(int(length)), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Refusal(400, "is no JSON") from None
    if not isinstance(value, dict):
        raise Refusal(400, "must be a JSON object")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
