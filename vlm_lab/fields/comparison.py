"""Field types: when two values are equal exactly, equal in all but format, or not equal.

A type is one function `(value, Conventions) -> canonical value | None`: None where the value is none of this type, else
something hashable that is equal for two ways of writing the same. To add one, write the function anywhere, name it in
schema.json as `"x-vlm-lab": {"type": "your_package.module:function"}`, and its module in models.yaml as
`plugins: [your_package.module]`; or add a line to TYPES:

    def postcode(value, conventions):
        digits = str(value).replace(" ", "")
        return digits if digits.isdigit() else None
"""

from collections.abc import Callable, Hashable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from rapidfuzz.distance import Indel

from vlm_lab.fields.amounts import same_amount, same_quantity
from vlm_lab.registry import find_allowed
from vlm_lab.types import Conventions, Field, Outcome

Canonical = Callable[[Any, Conventions], Hashable | None]

TYPES: dict[str, str] = {
    "text": "vlm_lab.fields.texts:text",
    "identifier": "vlm_lab.fields.texts:identifier",
    "amount": "vlm_lab.fields.amounts:amount",
    "date": "vlm_lab.fields.dates:date",
    "currency": "vlm_lab.fields.amounts:currency",
    "name": "vlm_lab.fields.texts:name",
    "address": "vlm_lab.fields.texts:address",
    "tax_id": "vlm_lab.fields.texts:tax_id",
    "iban": "vlm_lab.fields.texts:iban",
    "quantity": "vlm_lab.fields.amounts:quantity",
    "list": "vlm_lab.fields.texts:values",
    "boolean": "vlm_lab.fields.texts:boolean",
}
CODE_TYPES = ("identifier", "tax_id", "iban")  # types whose values are no quantities, whatever digits they have
PLAIN = Field("", "text")
LONGEST = 2000  # characters of each text that a similarity looks at


def compare(field: Field, expected: Any, actual: Any, conventions: Conventions) -> tuple[Outcome, float]:
    """Outcome and similarity (0..1, of the printed texts) of two values that are both there."""
    if same_print(expected, actual):
        return "exact", 1.0
    if is_same(field, expected, actual, conventions):
        return "normalized", 1.0
    return "wrong", similarity(expected, actual)


def same_print(expected: Any, actual: Any) -> bool:
    """Whether both are printed alike; a JSON number is printed as its text, and True is not 1."""
    return (type(expected) is type(actual) and bool(expected == actual)) or str(expected) == str(actual)


def is_same(field: Field, expected: Any, actual: Any, conventions: Conventions) -> bool:
    """Whether the two are the same value of the field's type, or, of neither being one, the same text (`без НДС` where
    an amount should be)."""
    one, other = canonical(field, expected, conventions), canonical(field, actual, conventions)
    if one is None and other is None:
        one, other = canonical(PLAIN, expected, conventions), canonical(PLAIN, actual, conventions)
    if one is None or other is None:
        return False
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return same_amount(expected, actual, field.tolerance, one, other)
    if field.type == "quantity" and isinstance(one, tuple) and isinstance(other, tuple):
        return same_quantity(expected, actual, field.tolerance, one, other)
    return one == other


def canonical(field: Field, value: Any, conventions: Conventions) -> Hashable | None:
    """The value as its type reads it, None where it is none. A user's type may raise on odd values, or
    give what cannot be hashed: that is None."""
    try:
        found = type_of(field.type)(value, conventions)
        hash(found)
        return found
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError):
        return None


def similarity(expected: Any, actual: Any) -> float:
    """1 - normalised Indel distance of the two texts (rapidfuzz): reported, never a reason to be right."""
    return round(Indel.normalized_similarity(str(expected)[:LONGEST], str(actual)[:LONGEST]), 4)


@lru_cache(maxsize=256)
def type_of(name: str) -> Canonical:
    """The function of a type's name. UserError where there is none, or where it is not allowed."""
    function: Canonical = find_allowed(name, TYPES, "field type")
    return function
