"""A reference's values in the shape that the suite's fields have, where nothing is lost.

Pipelines write one thing in several shapes: the rows of a list in an object ({"items": {"item":
[...]}}, of which XML leaves one object where there is one row), an amount with its currency
({"value": 12, "currency": "EUR"}), a list of one for a plain value, an identifier as a number.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from vlm_lab.fields.comparison import CODE_TYPES
from vlm_lab.fields.nothing import is_null
from vlm_lab.fields.roles import split_key
from vlm_lab.fields.wrapper_keys import holds_value, is_remark
from vlm_lab.types import Field

# Beside those of `wrapper_keys`, of the value in an object around it where a field is plain; an
# amount's only where nothing but its currency is beside it.
VALUE_KEYS = re.compile(
    r"value (string|number|date|amount|currency|integer|text)|text|content"
    r"|normali[sz]ed ?(value|text)|raw ?value|mention ?text"
)
AMOUNT_KEYS = re.compile(r"amount|number|sum|сумма|betrag|montant|importe|importo")
CURRENCY_KEYS = re.compile(
    r"currency( ?(code|id|symbol|iso))?|curr?|ccy|валюта|währung|waehrung|devise|moneda|valuta"
)
REMARK_KEYS = re.compile(
    r"score|pages?|page ?(no|num|number|index)|type|value ?type|kind|source|spans?|raw|label"
    r"|unit ?code|scheme ?(id|name)|id|страница|тип|источник"
)
ATTRIBUTE_MARKS = ("@", "_", "-", "$")  # before the names of XML's attributes
TEXT_OF_ELEMENT = ("#text", "_text", "$t", "_", "$", "$text", "_value", "__text", "@value")
NUMBERED_ROW = re.compile(r"\D{0,12}?[_\s-]?(\d{1,4})")
MAX_DECIMALS = 6  # of a float beside its currency: 0.30000000000000004 is 0.3


@dataclass(frozen=True, slots=True)
class FieldShapes:
    """What a suite's fields say of shapes: each leaf's type, where lists are, and the keys below
    each object or row (`""` is the document)."""

    types_by_path: Mapping[str, str]
    list_paths: frozenset[str]
    keys_by_path: Mapping[str, frozenset[str]]


@lru_cache(maxsize=64)
def describe_shapes(fields: tuple[Field, ...]) -> FieldShapes:
    """The shapes of a suite's fields."""
    list_paths: set[str] = set()
    keys_by_path: dict[str, set[str]] = {}
    for path in (field.path for field in fields):
        parent = ""
        for match in re.finditer(r"(?:^|\.)([^.\[\]]+)((?:\[\])*)", path):
            keys_by_path.setdefault(parent, set()).add(match[1])
            parent = path[: match.end()]
            if match[2]:
                list_paths.add(parent.removesuffix("[]"))
    return FieldShapes(
        types_by_path={field.path: field.type for field in fields},
        list_paths=frozenset(list_paths),
        keys_by_path={path: frozenset(keys) for path, keys in keys_by_path.items()},
    )


def fit_to_fields(value: Any, shapes: FieldShapes, path: str = "") -> Any:
    """`value`, which stands at `path`, with all that lies below in the fields' shape."""
    if isinstance(value, Mapping):
        return _fit_object(value, shapes, path)
    if isinstance(value, list):
        return _fit_list(value, shapes, path)
    if shapes.types_by_path.get(f"{path}[]") == "list" and value not in (None, ""):
        return value if path in shapes.types_by_path else [value]
    is_code = shapes.types_by_path.get(path) in CODE_TYPES
    return convert_number_to_text(value) if is_code else value


def _fit_object(value: Mapping[str, Any], shapes: FieldShapes, path: str) -> Any:
    if path in shapes.types_by_path:
        unwrapped = unwrap_value(value)
        if not isinstance(unwrapped, Mapping):
            return fit_to_fields(unwrapped, shapes, path)
    if path in shapes.list_paths:
        rows = unwrap_rows(value, shapes.keys_by_path.get(f"{path}[]", ()))
        if rows is not None:
            return fit_to_fields(rows, shapes, path)
    prefix = f"{path}." if path else ""
    return {
        key: fit_to_fields(child_value, shapes, f"{prefix}{key}")
        for key, child_value in value.items()
    }


def _fit_list(value: list[Any], shapes: FieldShapes, path: str) -> Any:
    if len(value) == 1 and path not in shapes.list_paths:
        (only_value,) = value
        is_plain = not isinstance(only_value, Mapping | list)
        is_expected = path in shapes.types_by_path if is_plain else path in shapes.keys_by_path
        if is_expected and not isinstance(only_value, list):
            return fit_to_fields(only_value, shapes, path)
    row_path = f"{path}[]"
    cells = shapes.keys_by_path.get(row_path, frozenset())
    rows = [_unwrap_row(row, cells) for row in value]
    return [fit_to_fields(row, shapes, row_path) for row in rows]


def unwrap_value(value: Mapping[str, Any]) -> Any:
    """The plain value of {"value": 12, "confidence": 0.9}, with its currency where one stands
    beside it (`12 EUR`); the object itself where it is no such thing."""
    value_keys = [key for key in value if key in TEXT_OF_ELEMENT]
    value_keys = value_keys or [key for key in value if _holds_value(key)]
    other_keys = [key for key in value if key not in value_keys]
    currency_keys = [key for key in other_keys if _matches(CURRENCY_KEYS, key)]
    remark_keys = [key for key in other_keys if key not in currency_keys]
    if not value_keys and len(currency_keys) == len(value) - 1 == 1:
        value_keys = [key for key in remark_keys if _matches(AMOUNT_KEYS, key)]
        remark_keys = [key for key in remark_keys if key not in value_keys]
    if not value_keys or not all(map(_is_remark, remark_keys)):
        return value
    filled_keys = [key for key in value_keys if not is_null(value[key])]
    if not filled_keys:
        return None
    plain_value = value[filled_keys[0]]
    if isinstance(plain_value, Mapping):  # {"valueCurrency": {"amount": 12, "currency": "EUR"}}
        plain_value = unwrap_value(plain_value)
    if isinstance(plain_value, Mapping | list):
        return value
    return _add_currency(plain_value, [value[key] for key in currency_keys])


def _holds_value(key: Any) -> bool:
    return holds_value(_strip_marks(key)) or _matches(VALUE_KEYS, key)


def _is_remark(key: Any) -> bool:
    is_attribute = str(key).startswith("@")
    return is_attribute or is_remark(_strip_marks(key)) or _matches(REMARK_KEYS, key)


def _add_currency(value: Any, currencies: Iterable[Any]) -> Any:
    """`12 EUR`; of a code and a sign the code."""
    names = [name.strip() for name in currencies if isinstance(name, str) and name.strip()]
    if not names or isinstance(value, bool):
        return value
    number = round(value, MAX_DECIMALS) if isinstance(value, float) else value
    return f"{number} {min(names, key=lambda name: len(name) != 3)}"


def _matches(pattern: re.Pattern[str], key: Any) -> bool:
    return bool(pattern.fullmatch(split_key(_strip_marks(key))))


def _strip_marks(key: Any) -> str:
    return str(key).lstrip("".join(ATTRIBUTE_MARKS))


def unwrap_rows(value: Mapping[str, Any], cells: Collection[str]) -> list[Any] | None:
    """The rows in an object around them: the one list or object in it, or objects under numbers;
    None where the object is itself a row."""
    if not value or any(key in cells for key in value):
        return None
    children = {key: child for key, child in value.items() if not str(key).startswith("@")}
    if children and all(NUMBERED_ROW.fullmatch(str(key)) for key in children):
        return list(children.values())
    if len(children) != 1:
        return None
    (child,) = children.values()
    if isinstance(child, Mapping):
        return unwrap_rows(child, cells) or [child]
    if isinstance(child, list):
        return child
    return [] if is_null(child) else [child]


def _unwrap_row(row: Any, cells: Collection[str]) -> Any:
    """{"item": {...}} as a row of a list."""
    if isinstance(row, Mapping) and len(row) == 1 and cells:
        ((key, child),) = row.items()
        if key not in cells and isinstance(child, Mapping):
            return child
    return row


def convert_number_to_text(value: Any) -> Any:
    """A JSON number as text; 7707083893.0, as tables export it, without its `.0`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
