"""How one reference or one reply writes its amounts: a document keeps to one decimal mark.

In come its data and the fields; out come the suite's conventions with the mark that all of its own
amounts show, if they agree, and with the currency that the reference labels.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import fields as list_attributes
from functools import lru_cache
from typing import Any

from vlm_lab.fields.comparison import canonicalize_value
from vlm_lab.fields.flattening import reduce_spelling
from vlm_lab.fields.folding import fold_text
from vlm_lab.fields.printed_numbers import find_decimal_mark
from vlm_lab.fields.schema import flatten_json
from vlm_lab.types import Conventions, DocumentConventions, Field

MAX_AMOUNT = 100  # letters; a longer text is no amount


def read_own_conventions(
    data: Any, fields: Sequence[Field], conventions: Conventions, currency: str = ""
) -> DocumentConventions:
    """The conventions of the document that `data` was read from."""
    amount_paths = {_reduce_path(field.path) for field in fields if field.type == "amount"}
    amounts = (value for path, value in flatten_json(data) if _reduce_path(path) in amount_paths)
    suite_values = {
        attribute.name: getattr(conventions, attribute.name)
        for attribute in list_attributes(Conventions)
    }
    own_mark = find_common_mark(amounts)
    if own_mark:
        suite_values["decimal_mark"] = own_mark
    return DocumentConventions(**suite_values, currency=currency)


def find_common_mark(values: Iterable[Any]) -> str:
    """The decimal mark of all values whose form shows one; "" where none does or two are used."""
    texts = [value for value in values if isinstance(value, str) and len(value) <= MAX_AMOUNT]
    marks = set(map(_find_mark, texts))
    marks.discard("")
    return marks.pop() if len(marks) == 1 else ""


@lru_cache(maxsize=1024)
def _find_mark(text: str) -> str:
    return find_decimal_mark(fold_text(text))


def find_labelled_currency(
    reference: Any, fields: Sequence[Field], conventions: Conventions
) -> str:
    """The one currency that a reference's fields of this type name, "" where they name none or
    several."""
    fields_by_path = {field.path: field for field in fields if field.type == "currency"}
    codes = {
        canonicalize_value(fields_by_path[path], value, conventions)
        for path, value in flatten_json(reference)
        if path in fields_by_path
    }
    codes.discard(None)
    return str(codes.pop()) if len(codes) == 1 else ""


@lru_cache(maxsize=4096)
def _reduce_path(path: str) -> str:
    """A path by its letters, whether a list's row stands in a list or alone."""
    return re.sub(r"[\[\]]", "", reduce_spelling(path))
