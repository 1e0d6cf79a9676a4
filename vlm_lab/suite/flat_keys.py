"""Keys that are paths -> nested data: {"items[0].amount": 1} -> {"items": [{"amount": 1}]}.

Tables and programs that flatten objects join their keys in several styles. A style is applied to a
whole object; a key that cannot be a path in it (`Inv. No.`, `vat_7_base` without a `vat_0_base` or
`vat_1_base`) stays as it is.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from vlm_lab.fields.nothing import is_null
from vlm_lab.fields.schema import flatten_json

Segment = str | int
BRACKETED = re.compile(r"\[\s*(?:(\d+)|['\"]?([^\[\]'\"]+)['\"]?)\s*\]|\((\d+)\)")
NUMBER_BETWEEN = re.compile(r"[_\s-](\d{1,4})[_\s-]")
# What joins the keys of a path.
JOINTS: Mapping[str, re.Pattern[str]] = {
    "dot": re.compile(r"\."),
    "double underscore": re.compile(r"__"),
    "slash": re.compile(r"/"),
    "arrow": re.compile(r"\s*-?>\s*"),
    "bar": re.compile(r"\s*\|\s*"),
    "colon": re.compile(r":"),
    "number between": re.compile(r"(?!)"),  # `items_0_amount`: joints are beside numbers alone
}
PLAIN_STYLES = ("double underscore",)  # natural in no key
STYLES_WITH_PREFIXES = ("dot", "slash", "arrow", "bar")  # two keys that begin alike show the style
MAX_SEGMENTS = 8
MAX_KEY_LENGTH = 300
ROOT_SEGMENTS = ("$", "#", "")


def has_flat_keys(value: Any) -> bool:
    """Whether any key could be a path."""
    return any(_looks_flat(key) for key in _iterate_keys(value))


def find_styles(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """The styles in which keys of these objects are paths, beyond doubt."""
    keys = {key for value in objects for key in _iterate_keys(value)}
    flat_keys = [key for key in keys if _looks_flat(key)]
    return [style for style in JOINTS if _is_style_of(style, flat_keys)]


def unflatten_keys(value: Any, style: str) -> Any:
    """The value with the keys of all its objects as paths, where they are in this style."""
    if isinstance(value, list):
        return [unflatten_keys(item, style) for item in value]
    if not isinstance(value, Mapping):
        return value
    children = {str(key): unflatten_keys(child, style) for key, child in value.items()}
    segments_by_key = {
        key: segments for key in children if (segments := split_flat_key(key, style)) is not None
    }
    for key in _find_unusable_keys(segments_by_key, children):
        segments_by_key.pop(key, None)
    if not segments_by_key:
        return children
    nested: dict[Segment, Any] = {}
    for key, child in children.items():
        _set_at_segments(nested, segments_by_key.get(key, [key]), child)
    return _turn_numbers_into_rows(nested)


def split_flat_key(key: str, style: str) -> list[Segment] | None:
    """The segments of a key that is a path, row numbers as integers; None where it is none. One
    segment is a path where it begins at a root: `$.total`, `/total`."""
    if len(key) > MAX_KEY_LENGTH or not _looks_flat(key):
        return None
    if style == "number between":
        texts = NUMBER_BETWEEN.split(key)
    else:
        texts = JOINTS[style].split(BRACKETED.sub(_write_bracket_as_joint(style), key))
    is_absolute = len(texts) > 1 and texts[0] in ROOT_SEGMENTS
    texts = texts[1:] if is_absolute else texts
    if not 2 - is_absolute <= len(texts) <= MAX_SEGMENTS or not all(map(_is_key, texts)):
        return None
    segments = [int(text) if _is_row_number(text) else text for text in texts]
    return None if isinstance(segments[0], int) else segments


def _write_bracket_as_joint(style: str) -> Callable[[re.Match[str]], str]:
    joint = {"dot": ".", "double underscore": "__", "slash": "/", "bar": "|", "colon": ":"}
    mark = joint.get(style, ">")

    def write(match: re.Match[str]) -> str:
        return mark + (match[1] or match[2] or match[3])

    return write


def _is_key(text: str) -> bool:
    return bool(re.match(r"[\w@#]", text)) and not text[-1].isspace()


def _is_row_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4


@lru_cache(maxsize=4096)
def _looks_flat(key: str) -> bool:
    return bool(re.search(r"[.\[/>|:]|__|[_\s-]\d{1,4}[_\s-]|\(\d+\)", key[:MAX_KEY_LENGTH]))


def _iterate_keys(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, Mapping):
            yield from map(str, node)
            stack += node.values()
        elif isinstance(node, list):
            stack += node


def _is_style_of(style: str, keys: Iterable[str]) -> bool:
    split_keys = [segments for key in keys if (segments := split_flat_key(key, style))]
    if not split_keys:
        return False
    if style in PLAIN_STYLES:
        return True
    if any(isinstance(segment, int) for segments in split_keys for segment in segments):
        return True
    first_segments = [segments[0] for segments in split_keys]
    return style in STYLES_WITH_PREFIXES and len(set(first_segments)) < len(first_segments)


def _find_unusable_keys(
    segments_by_key: Mapping[str, Sequence[Segment]], children: Mapping[str, Any]
) -> set[str]:
    """Keys whose row numbers do not count from 0 or 1, and those that lie below a value."""
    row_numbers: dict[tuple[Segment, ...], set[int]] = {}
    for segments in segments_by_key.values():
        for position, segment in enumerate(segments):
            if isinstance(segment, int):
                row_numbers.setdefault(tuple(segments[:position]), set()).add(segment)
    odd_prefixes = {prefix for prefix, numbers in row_numbers.items() if not _is_count(numbers)}
    leaf_paths = {tuple(segments_by_key.get(key, [key])) for key in children}
    unusable = set()
    for key, segments in segments_by_key.items():
        prefixes = [tuple(segments[:length]) for length in range(1, len(segments))]
        if any(prefix in odd_prefixes or prefix in leaf_paths for prefix in prefixes):
            unusable.add(key)
    return unusable


def _is_count(numbers: set[int]) -> bool:
    return min(numbers) <= 1 and max(numbers) - min(numbers) == len(numbers) - 1


def _set_at_segments(target: dict[Segment, Any], segments: Sequence[Segment], value: Any) -> None:
    for segment in segments[:-1]:
        target = target.setdefault(segment, {})
    target[segments[-1]] = value


def _turn_numbers_into_rows(value: Any) -> Any:
    """Objects whose keys are row numbers as lists; rows that say nothing, with which tables are
    filled up, are left out."""
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(key, int) for key in value):
        rows = [_turn_numbers_into_rows(value[number]) for number in sorted(value)]
        return [row for row in rows if not all(is_null(leaf) for _, leaf in flatten_json(row))]
    return {str(key): _turn_numbers_into_rows(child) for key, child in value.items()}
