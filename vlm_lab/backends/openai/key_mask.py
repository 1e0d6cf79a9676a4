"""A server's key -> the forms in which a server, or what lies before it, may repeat it.

As it was sent; escaped for JSON, for a URL or for HTML; and in base64, alone or inside a longer
text (a header of Basic authentication), where it looks otherwise at each of three offsets. A key
that was cut or changed in any other way is not recognised.
"""

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
MAX_JSON_LEVELS = 4
MIN_KEY_LENGTH = 4  # shorter ones would mask half of every reply, and are no secret

_URL_ALPHABET = str.maketrans("+/", "-_")  # of base64


class KeyMask:
    """Replaces one key, in any of its forms, by MASK."""

    def __init__(self, key: str | None) -> None:
        is_secret = key is not None and len(key) >= MIN_KEY_LENGTH
        forms = {form for form in _spell_forms(key or "") if form} if is_secret else set()
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def mask(self, value: Any) -> Any:
        """A text, or the texts in lists and mappings, without the key."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self._pattern.sub(MASK, value)
        if isinstance(value, Mapping):
            return {self.mask(key): self.mask(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.mask(item) for item in value)
        return value


def _spell_forms(key: str) -> Iterator[str]:
    """All forms, each also as it stands in JSON, and in JSON that is a text of JSON."""
    for form in (*_spell_plain_forms(key), *_spell_base64(key.encode())):
        for _ in range(MAX_JSON_LEVELS):
            yield form
            yield form.replace("/", "\\/")
            form = json.dumps(form)[1:-1]


def _spell_plain_forms(key: str) -> Iterator[str]:
    slashes_escaped = json.dumps(key)[1:-1].replace("/", "\\/")
    yield from (key, slashes_escaped, html.escape(key), html.escape(key, quote=False))
    for url_form in (quote(key), quote(key, safe=""), quote_plus(key)):
        yield from (url_form, re.sub("%..", lambda match: match[0].lower(), url_form))


def _spell_base64(data: bytes) -> Iterator[str]:
    """The digits that the key alone decides, wherever it begins among the bytes of a text."""
    for offset in range(3):
        digits = base64.b64encode(bytes(offset) + data).decode().rstrip("=")
        first = -(-offset * 8 // 6)
        # The last digit of an incomplete group depends on what follows.
        last = (offset + len(data)) * 8 // 6
        yield from (digits[first:last], digits[first:last].translate(_URL_ALPHABET))
