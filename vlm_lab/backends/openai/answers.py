"""What a server answers beside a completion: its list of models, an error, when to come again."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

CONTENT_FILTER, CONTEXT_OVERFLOW, REFUSED = "ContentFilter", "ContextOverflow", "Refused"
CONTENT_FILTER_PHRASES = ("content_filter", "content management policy", "responsibleai")
CONTEXT_OVERFLOW_PHRASES = (
    "context_length_exceeded",
    "context length",
    "context size",
    "maximum context",
    "maximum model length",
    "max_model_len",
    "too many tokens",
)


def extract_model_names(response: "httpx2.Response") -> list[str] | None:
    """The names in a server's list of models; None where it did not answer with one."""
    try:
        listing = response.json() if response.status_code == 200 else None
    except (ValueError, RecursionError):
        return None
    entries = listing.get("data") if isinstance(listing, Mapping) else None
    if not isinstance(entries, list):
        return None
    return [str(entry["id"]) for entry in entries if isinstance(entry, Mapping) and "id" in entry]


def extract_error_message(data: bytes) -> str:
    """What an error's body says: the OpenAI form, FastAPI's, or its plain text."""
    text = data[:100_000].decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for key in ("error", "message", "detail"):
        if isinstance(value, Mapping) and key in value:
            value = value[key]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def find_refusal_kind(message: str) -> str:
    """What a server's refusal is about, by its words."""
    lower_message = message.lower()
    if any(phrase in lower_message for phrase in CONTEXT_OVERFLOW_PHRASES):
        return CONTEXT_OVERFLOW
    if any(phrase in lower_message for phrase in CONTENT_FILTER_PHRASES):
        return CONTENT_FILTER
    return REFUSED


def parse_retry_after(header: str | None) -> float | None:
    """Seconds that a `Retry-After` asks for (a number or a date, RFC 9110 10.2.3); None where it
    says nothing."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            until = parsedate_to_datetime(header)
        except (ValueError, TypeError):
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        seconds = (until - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
