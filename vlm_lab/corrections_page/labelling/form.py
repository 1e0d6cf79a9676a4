"""What the page sends of a document -> a draft, checked; a draft -> its reference.

Everything is typed as text. A list of plain values is typed with `;` between them, or as JSON.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from vlm_lab.corrections_page.request_checks import Refusal
from vlm_lab.sanitize import replace_surrogates
from vlm_lab.suite.label_drafts import LabelDraft
from vlm_lab.suite.label_form import build_values, list_places
from vlm_lab.types import Field

MAX_ROWS = 2000  # of one list
LIST_TYPE = "list"
LIST_SEPARATOR = ";"


def check_row_counts(row_counts: Any) -> dict[str, int]:
    """Refusal where they are no numbers of rows."""
    if not isinstance(row_counts, dict) or not all(map(_is_row_count, row_counts.values())):
        raise Refusal(400, f"row_counts must be numbers from 0 to {MAX_ROWS}")
    return row_counts


def _is_row_count(count: Any) -> bool:
    return isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= MAX_ROWS


def check_values(values: Any, places: Mapping[str, Field], key: str) -> dict[str, Any]:
    """Texts, or null, by place. Refusal where one is none, or of no place of the form."""
    if not isinstance(values, dict):
        raise Refusal(400, f"{key} must be an object")
    checked = {}
    for path, value in values.items():
        if path not in places:
            raise Refusal(400, f"{key}: the form has no value {path[:200]!r}")
        if not (value is None or (isinstance(value, str) and value.strip())):
            raise Refusal(400, f"{key}: {path[:200]} must be a text, or null")
        checked[path] = None if value is None else replace_surrogates(value.strip())
    return checked


def list_open_places(draft: LabelDraft, fields: Sequence[Field]) -> list[str]:
    """The places that nobody has decided about, in the order of the form."""
    places = list_places(fields, draft.row_counts)
    return [path for path, _ in places if path not in draft.decided]


def build_reference(draft: LabelDraft, fields: Sequence[Field]) -> dict[str, Any]:
    """The reference of a document that is decided: null where the page shows no such value."""
    types = {path: field.type for path, field in list_places(fields, draft.row_counts)}

    def get_value(path: str) -> Any:
        value = draft.decided[path]
        return parse_list(value) if types[path] == LIST_TYPE and value is not None else value

    return build_values(fields, draft.row_counts, get_value)


def parse_list(text: str) -> list[Any]:
    """`a; b` or `["a", "b"]` as a list."""
    if text.startswith("["):
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            values = None
        if isinstance(values, list):
            return values
    return [part.strip() for part in text.split(LIST_SEPARATOR) if part.strip()]


def format_value(value: Any) -> str | None:
    """As it is typed; None where there is nothing to type."""
    if value is None or isinstance(value, str):
        return value
    is_plain_list = isinstance(value, list) and all(
        isinstance(item, str) and LIST_SEPARATOR not in item for item in value
    )
    if is_plain_list:
        return f"{LIST_SEPARATOR} ".join(value)
    return json.dumps(value, ensure_ascii=False)
