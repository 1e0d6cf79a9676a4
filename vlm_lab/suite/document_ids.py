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
    """Lower-case ASCII letters, digits, `.`, `_` and `-`; other scripts transliterated, ё as e."""
    from anyascii import anyascii

    normalized = unicodedata.normalize("NFC", name).replace("ё", "е").replace("Ё", "Е")
    ascii_name = anyascii(normalized).lower().replace("/", "-").replace("'", "")
    slug = re.sub(r"-*[^a-z0-9._-]+-*", "-", ascii_name).strip(".-_")
    return slug[:MAX_LENGTH].rstrip(".-_") or "document"


def make_unique_slugs(names: Sequence[str]) -> tuple[list[str], list[Message]]:
    """An id for each relative path, and a note on each that needed its suffix or a number."""
    plain_ids = [make_slug(_strip_suffix(name)) for name in names]
    duplicate_ids = {plain_id for plain_id, count in Counter(plain_ids).items() if count > 1}
    unique_ids: dict[str, None] = {}
    notes = []
    for name, plain_id in zip(names, plain_ids, strict=True):
        unique_id = _add_number(
            make_slug(name) if plain_id in duplicate_ids else plain_id, unique_ids
        )
        unique_ids[unique_id] = None
        if unique_id != plain_id:
            notes.append(
                Message(
                    "namesake", {"name": terminal_safe(name), "called": plain_id, "id": unique_id}
                )
            )
    return list(unique_ids), notes


def _strip_suffix(name: str) -> str:
    folder, separator, file_name = name.rpartition("/")
    return folder + separator + (file_name.rpartition(".")[0] or file_name)


def _add_number(plain_id: str, used_ids: Container[str]) -> str:
    number, candidate_id = 1, plain_id
    while candidate_id in used_ids:
        number += 1
        candidate_id = f"{plain_id}-{number}"
    return candidate_id
