"""What models and services put around values and rows, in tables; nothing here knows a schema.

A value stands beside its confidence or its place on the page, a record is a list of keys and
values, a table is a dict of columns or of numbered rows, an object is written as a string.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from vlm_lab.fields import wrapper_keys
from vlm_lab.fields.flattening import reduce_spelling, unflatten_dotted_keys
from vlm_lab.parsing.json_extraction import decode_json_string, extract_json, load_json

# Keys of a value itself, the first that is there, and of what is said about it. Asked only where
# the schema wants a plain value, so they are generous: `text`, `amount` and `type` are fields of
# their own in references.
VALUE_KEYS = (
    *wrapper_keys.VALUE_KEYS, "v", "extractedvalue", "fieldvalue", "answer", "text", "content",
    "result", "rawvalue", "raw", "normalizedvalue", "normalized", "mentiontext", "valuetext",
    "valuestring", "amount", "code",
)  # fmt: skip
ABOUT_KEYS = wrapper_keys.CONFIDENCE_KEYS | wrapper_keys.PLACE_KEYS | frozenset(
    (
        "score", "bounds", "position", "location", "region", "page", "pagenumber", "pageindex",
        "pageno", "source", "sourcetext", "evidence", "reason", "reasoning", "explanation",
        "comment", "note", "notes", "type", "datatype", "label", "key", "id", "x", "y", "w", "h",
        "x0", "y0", "x1", "y1", "left", "top", "width", "height", "span", "offset", "start", "end",
        "line", "status", "found", "present", "isnull",
    )
)  # fmt: skip
# Keys of a key in a list of keys and values.
NAME_KEYS = (
    "key", "k", "field", "fieldname", "name", "label", "path", "attribute", "property", "tag",
    "type", "entity", "question", "id", "feld", "champ", "campo", "поле",
)  # fmt: skip
COLUMN_KEYS, ROW_KEYS = ("columns", "header", "headers", "fields"), ("rows", "data", "values")
JSON_TYPES = ("string", "number", "integer", "object", "array", "boolean", "null")
_PATH_SEGMENT = re.compile(r"[^.\[\]/]+")
_INDEXED_KEY = re.compile(r"\[\d+\]|[./]\d+[./]|^/|\[['\"]")
_NUMBERED_KEY = re.compile(r"\D{0,12}\d{1,4}")
MAX_ROW_INDEX = 5000
MAX_PATH_SEGMENTS = 8
_NOT_FOUND: Any = object()


def unwrap_value(wrapped: Mapping[str, Any]) -> tuple[bool, Any]:
    """The value of an object that wraps one, and whether there is one:
    `{"value": "x", "confidence": 0.9}`, `{"amount": "5", "bbox": [...]}`."""
    for _ in range(3):
        value = _find_wrapped(wrapped)
        if value is _NOT_FOUND:
            return False, None
        if not isinstance(value, Mapping):
            return True, value
        wrapped = value
    return False, None


def _find_wrapped(wrapped: Mapping[str, Any]) -> Any:
    by_spelling = {reduce_spelling(str(key)): value for key, value in wrapped.items()}
    for key in VALUE_KEYS:
        if key in by_spelling:
            return by_spelling[key]
    if by_spelling.get("type") in JSON_TYPES:
        return _NOT_FOUND
    others = [value for key, value in by_spelling.items() if key not in ABOUT_KEYS]
    is_wrapped = len(others) == 1 and len(by_spelling) > 1
    return others[0] if is_wrapped else _NOT_FOUND


def read_key_value_list(items: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Each way to read a list of keys and values as an object: `[{"key": .., "value": ..}]` and
    `[["key", "value"]]`."""
    if all(isinstance(item, list) and len(item) == 2 for item in items):
        if all(isinstance(name, str) for name, _ in items):
            yield unflatten_dotted_keys(_keep_first(items))
        return
    if not all(isinstance(item, Mapping) for item in items):
        return
    rows = [{reduce_spelling(str(key)): value for key, value in item.items()} for item in items]
    value_key = next((key for key in VALUE_KEYS if any(key in row for row in rows)), None)
    for name_key in NAME_KEYS:
        names = [row.get(name_key) for row in rows]
        if value_key and name_key != value_key and all(isinstance(name, str) for name in names):
            values = [row.get(value_key) for row in rows]
            yield unflatten_dotted_keys(_keep_first(list(zip(names, values, strict=True))))


def _keep_first(pairs: Sequence[Any]) -> dict[str, Any]:
    first_values: dict[str, Any] = {}
    for name, value in pairs:
        first_values.setdefault(name, value)
    return first_values


def expand_indexed_keys(
    value: Mapping[str, Any], is_known: Callable[[str], bool]
) -> Mapping[str, Any]:
    """`{"rows[0].amount": "5"}` -> `{"rows": [{"amount": "5"}]}`; also `rows.0.amount` and
    `/rows/0/amount`, where the first key is known and the whole is not. Any other object as it
    is."""
    if not any(_INDEXED_KEY.search(key) for key in value):
        return value
    segments_by_key = {
        key: segments
        for key in value
        if _INDEXED_KEY.search(key)
        and 0 < len(segments := _PATH_SEGMENT.findall(key)) <= MAX_PATH_SEGMENTS
        and is_known(segments[0])
        and (key.startswith("/") or not is_known(key))
    }
    if not segments_by_key:
        return value
    expanded: dict[Any, Any] = {}
    for key, item in value.items():
        *parents, last_segment = segments_by_key.get(key, [key])
        target = expanded
        for segment in parents:
            child = target.setdefault(_parse_index(segment), {})
            if not isinstance(child, dict):
                break
            target = child
        else:
            target.setdefault(_parse_index(last_segment) if parents else last_segment, item)
    return {str(key): _collect_rows(item) for key, item in expanded.items()}


def _parse_index(segment: str) -> str | int:
    plain = segment.strip("'\"")
    is_index = plain.isdecimal() and plain.isascii() and len(plain) < 5
    return int(plain) if is_index else plain


def _collect_rows(value: Any) -> Any:
    """An object whose keys are all indices as the list that it is."""
    if not isinstance(value, dict) or not value:
        return value
    if all(isinstance(key, int) and key < MAX_ROW_INDEX for key in value):
        return [_collect_rows(value[index]) for index in sorted(value)]
    return {str(key): _collect_rows(item) for key, item in value.items()}


def collect_numbered(value: Mapping[str, Any]) -> list[Any] | None:
    """The members of an object whose keys are numbered (`1`, `row_2`, `page3`), in its order."""
    is_numbered = bool(value) and all(_NUMBERED_KEY.fullmatch(str(key)) for key in value)
    return list(value.values()) if is_numbered else None


def transpose_columns(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of a dict of columns, each a list or a dict of numbered cells; what one column has too
    few of is null."""
    cells_by_column = {
        key: list(column.values()) if isinstance(column, Mapping) else column
        for key, column in columns.items()
        if isinstance(column, Mapping | list)
    }
    row_count = max(map(len, cells_by_column.values()), default=0)
    return [
        {
            key: cells[index] if index < len(cells) else None
            for key, cells in cells_by_column.items()
        }
        for index in range(row_count)
    ]


def read_split_table(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """`{"columns": [...], "rows": [[...], ...]}` as rows."""
    by_spelling = {reduce_spelling(str(key)): item for key, item in value.items()}
    columns = next((by_spelling[key] for key in COLUMN_KEYS if key in by_spelling), None)
    rows = next((by_spelling[key] for key in ROW_KEYS if key in by_spelling), None)
    if not isinstance(columns, list) or not isinstance(rows, list):
        return None
    return zip_rows(columns, rows)


def zip_rows(columns: Sequence[Any], rows: Sequence[Any]) -> list[dict[str, Any]] | None:
    """Lists of cells under their columns' names."""
    if not rows or not all(isinstance(row, list) for row in rows):
        return None
    if not columns or not all(isinstance(column, str) for column in columns):
        return None
    return [dict(zip(columns, row, strict=False)) for row in rows]


def decode_text(value: str) -> Any:
    """The object or list that a text holds as JSON, also in a fence; None where it holds none. Of
    several the longest."""
    if "{" not in value and "[" not in value:
        return None
    stripped = value.strip()
    extracted = extract_json(decode_json_string(stripped))
    values = [item.value for item in extracted]
    if not values:
        return _decode_plain_list(stripped)
    return max(values, key=lambda found: len(str(found)) if len(values) > 1 else 0)


def _decode_plain_list(text: str) -> list[Any] | None:
    if not text.startswith("[") or len(text) > 10_000:
        return None
    try:
        value = load_json(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None
