"""File names -> document ids: what `-k` can select, and what a file in results/ can be called.

`Счета/2024/Счёт 17.pdf` becomes `scheta-2024-schet-17`. The true name stays in the record.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Container, Sequence

from vlm_lab.messages import Message
from vlm_lab.sanitize import terminal_safe

MAX_LENGTH = 100  # characters; with a model's name and a suffix still a legal file name anywhere


def make_slug(name: str) -> str:
    """Lower-case ASCII letters, digits, `.`, `_` and `-`; other scripts are transliterated, ё as
    e."""
    from anyascii import anyascii

    composed = unicodedata.normalize("NFC", name).replace("ё", "е").replace("Ё", "Е")
    ascii_name = anyascii(composed).lower().replace("/", "-").replace("'", "")
    return (
        re.sub(r"-*[^a-z0-9._-]+-*", "-", ascii_name).strip(".-_")[:MAX_LENGTH].rstrip(".-_")
        or "document"
    )


def make_unique_slugs(names: Sequence[str]) -> tuple[list[str], list[Message]]:
    """An id for each relative path, and a note on each that needed its suffix or a number to be its
    own."""
    bare = [make_slug(_strip_suffix(name)) for name in names]
    twins = {identity for identity, count in Counter(bare).items() if count > 1}
    taken: dict[str, None] = {}
    notes = []
    for name, identity in zip(names, bare, strict=True):
        unique = _add_number(make_slug(name) if identity in twins else identity, taken)
        taken[unique] = None
        if unique != identity:
            notes.append(
                Message("namesake", {"name": terminal_safe(name), "called": identity, "id": unique})
            )
    return list(taken), notes


def _strip_suffix(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    return folder + slash + (last.rpartition(".")[0] or last)


def _add_number(identity: str, taken: Container[str]) -> str:
    number, unique = 1, identity
    while unique in taken:
        number += 1
        unique = f"{identity}-{number}"
    return unique
