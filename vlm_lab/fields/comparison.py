"""Field types: when two values are equal exactly, equal in all but format, or not equal.

A type is one function `(value, Conventions) -> canonical value | None`: None where the value is
none of this type, else something hashable that is equal for two ways of writing the same. To add
one, write the function anywhere, name it in schema.json as `"x-vlm-lab": {"type":
"your_package.module:function"}`, and its module in models.yaml as `plugins: [your_package.module]`;
or add a line to FIELD_TYPES:

    def postcode(value, conventions):
        digits = str(value).replace(" ", "")
        return digits if digits.isdigit() else None
"""

from collections.abc import Callable, Hashable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from rapidfuzz.distance import Indel

from vlm_lab.fields.amounts import is_same_amount, parse_tolerance
from vlm_lab.fields.folding import fold_value
from vlm_lab.fields.percents import is_same_percent
from vlm_lab.fields.quantities import is_same_quantity
from vlm_lab.registry import resolve_allowed_name
from vlm_lab.types import Conventions, Field, Outcome

Canonicalizer = Callable[[Any, Conventions], Hashable | None]

FIELD_TYPES: dict[str, str] = {
    "text": "vlm_lab.fields.texts:normalize_text",
    "identifier": "vlm_lab.fields.texts:normalize_identifier",
    "amount": "vlm_lab.fields.amounts:parse_amount",
    "percent": "vlm_lab.fields.percents:parse_percent",
    "date": "vlm_lab.fields.dates:parse_date",
    "currency": "vlm_lab.fields.currencies:parse_currency",
    "name": "vlm_lab.fields.texts:normalize_name",
    "address": "vlm_lab.fields.texts:normalize_address",
    "tax_id": "vlm_lab.fields.texts:normalize_tax_id",
    "iban": "vlm_lab.fields.texts:normalize_iban",
    "quantity": "vlm_lab.fields.quantities:parse_quantity",
    "list": "vlm_lab.fields.texts:normalize_list",
    "boolean": "vlm_lab.fields.texts:parse_boolean",
}
# Types with values that are one although their canonical values differ.
SAME_VALUE: Mapping[str, Callable[[Field, Any, Any, Conventions, Conventions], bool]] = {
    "amount": is_same_amount,
    "quantity": is_same_quantity,
    "percent": is_same_percent,
}
# Types whose values are no quantities, whatever digits they have.
CODE_TYPES = ("identifier", "tax_id", "iban")
TEXT_FIELD = Field("", "text")
MAX_COMPARED_LENGTH = 2000  # characters of each text that a similarity looks at


def compare_values(
    field: Field,
    expected: Any,
    actual: Any,
    conventions: Conventions,
    actual_conventions: Conventions | None = None,
) -> tuple[Outcome, float]:
    """Outcome and similarity (0..1, of the printed texts) of two values that are both there. The
    second one has the conventions of the first unless it is said to have its own."""
    if has_same_text(expected, actual):
        return "exact", 1.0
    if has_same_value(field, expected, actual, conventions, actual_conventions or conventions):
        return "normalized", 1.0
    return "wrong", compute_similarity(expected, actual)


def has_same_text(expected: Any, actual: Any) -> bool:
    """Whether both are printed alike; a JSON number is printed as its text, and True is not 1."""
    if type(expected) is type(actual) and expected == actual:
        return True
    return str(expected) == str(actual)


def has_same_value(
    field: Field,
    expected: Any,
    actual: Any,
    expected_conventions: Conventions,
    actual_conventions: Conventions,
) -> bool:
    """Whether the two are the same value of the field's type, or, of neither being one, the same
    text (`без НДС` where an amount should be)."""
    expected_value = canonicalize_value(field, expected, expected_conventions)
    actual_value = canonicalize_value(field, actual, actual_conventions)
    if expected_value is None and actual_value is None:
        expected_value = canonicalize_value(TEXT_FIELD, expected, expected_conventions)
        actual_value = canonicalize_value(TEXT_FIELD, actual, actual_conventions)
        return expected_value is not None and expected_value == actual_value
    if expected_value is None or actual_value is None:
        return False
    if is_same := SAME_VALUE.get(field.type):
        return is_same(field, expected, actual, expected_conventions, actual_conventions)
    if isinstance(expected_value, Decimal) and isinstance(actual_value, Decimal):
        return abs(expected_value - actual_value) <= parse_tolerance(field.tolerance)
    return expected_value == actual_value


def canonicalize_value(field: Field, value: Any, conventions: Conventions) -> Hashable | None:
    """The value as its type reads it, None where it is none. A user's type may raise on odd values,
    or give what cannot be hashed: that is None."""
    try:
        canonical_value = resolve_field_type(field.type)(fold_value(value), conventions)
        hash(canonical_value)
        return canonical_value
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError):
        return None


def compute_similarity(expected: Any, actual: Any) -> float:
    """1 - normalised Indel distance of the two texts: reported, never a reason to be right."""
    expected_text = str(expected)[:MAX_COMPARED_LENGTH]
    actual_text = str(actual)[:MAX_COMPARED_LENGTH]
    return round(Indel.normalized_similarity(expected_text, actual_text), 4)


@lru_cache(maxsize=256)
def resolve_field_type(name: str) -> Canonicalizer:
    """The function of a type's name. UserError where there is none, or where it is not allowed."""
    function: Canonicalizer = resolve_allowed_name(name, FIELD_TYPES, "field type")
    return function
