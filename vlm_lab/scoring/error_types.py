"""How a wrong value is wrong: a short ordered table of names and questions, the first yes names it.

A format that is merely different is no error at all (`vlm_lab.fields`); these are for values that
do not mean the same.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal
from typing import Any

from rapidfuzz.distance import OSA, Levenshtein

from vlm_lab.fields import canonicalize_value
from vlm_lab.fields.texts import normalize_text
from vlm_lab.types import Conventions, Field, FieldResult

MAX_COMPARED_LENGTH = 2000  # characters of a value that are looked at
# Characters of a value that is recognised elsewhere: a quantity of 1 stands everywhere.
MIN_DISTINCTIVE_LENGTH = 3
PARTY_PAIRS = ({"seller", "buyer"}, {"supplier", "customer"}, {"vendor", "customer"})
PathsByValue = Mapping[Hashable, Sequence[str]]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong value: as printed, as its type reads it, and where else the reference has it."""

    field: str
    in_row: bool
    type: str
    expected_text: str
    actual_text: str
    expected_value: Hashable | None
    actual_value: Hashable | None
    reference_paths: Sequence[str]


def classify_error(
    result: FieldResult,
    paths_by_value: PathsByValue,
    conventions: Conventions,
    actual_conventions: Conventions,
) -> str | None:
    """The name of the error, None where no question fits. `paths_by_value` is what
    `index_expected_values` says of the reference."""
    field, expected, actual = Field(result.field, result.type), result.expected, result.actual
    expected_value = canonicalize_value(field, expected, conventions)
    actual_value = canonicalize_value(field, actual, actual_conventions)
    reference_paths: Sequence[str] = ()
    if len(str(actual)) >= MIN_DISTINCTIVE_LENGTH:
        value_key = _build_value_key(actual_value, actual, conventions)
        reference_paths = paths_by_value.get(value_key, ())
    expected_number, actual_number = _strip_unit(expected_value), _strip_unit(actual_value)
    expected_text, actual_text = _format_alike(expected_number, actual_number) or (
        normalize_text(str(expected), conventions),
        normalize_text(str(actual), conventions),
    )
    error = FieldError(
        field=result.field,
        in_row=result.in_row,
        type=result.type,
        expected_text=(expected_text or "")[:MAX_COMPARED_LENGTH],
        actual_text=(actual_text or "")[:MAX_COMPARED_LENGTH],
        expected_value=expected_number,
        actual_value=actual_number,
        reference_paths=reference_paths,
    )
    return next((name for name, matches in ERROR_TYPES.items() if matches(error)), None)


def index_expected_values(results: Iterable[FieldResult], conventions: Conventions) -> PathsByValue:
    """Value -> the fields in which the reference has it."""
    paths_by_value: dict[Hashable, list[str]] = {}
    for result in results:
        if result.expected is not None:
            value = canonicalize_value(Field("", result.type), result.expected, conventions)
            value_key = _build_value_key(value, result.expected, conventions)
            paths_by_value.setdefault(value_key, []).append(result.field)
    return paths_by_value


def _build_value_key(
    canonical_value: Hashable | None, value: Any, conventions: Conventions
) -> Hashable:
    """Numbers and dates by value, whatever their field; the rest by its text."""
    number = _strip_unit(canonical_value)
    return number if isinstance(number, Decimal | Date) else normalize_text(str(value), conventions)


def _strip_unit(value: Hashable | None) -> Hashable | None:
    return value[0] if isinstance(value, tuple) and value else value


def _format_alike(expected: Hashable | None, actual: Hashable | None) -> tuple[str, str] | None:
    """Two amounts or two dates written in one way, so that only their digits differ."""
    if isinstance(expected, Decimal) and isinstance(actual, Decimal):
        return f"{expected:.2f}", f"{actual:.2f}"
    if isinstance(expected, Date) and isinstance(actual, Date):
        return expected.isoformat(), actual.isoformat()
    return None


def _is_sign_lost(error: FieldError) -> bool:
    return (
        isinstance(error.expected_value, Decimal)
        and isinstance(error.actual_value, Decimal)
        and error.expected_value == -error.actual_value
    )


def _is_decimal_shift(error: FieldError) -> bool:
    """The same digits with the point elsewhere; 1 for 100 pieces is rather another number."""
    expected, actual = error.expected_value, error.actual_value
    if not isinstance(expected, Decimal) or not isinstance(actual, Decimal):
        return False
    if not expected or not actual:
        return False
    digits = _extract_significant_digits(expected)
    is_shift = digits == _extract_significant_digits(actual)
    return is_shift and (len(digits) > 1 or error.type != "quantity")


def _extract_significant_digits(number: Decimal) -> str:
    return f"{abs(number):f}".replace(".", "").strip("0")


def _is_day_month_swap(error: FieldError) -> bool:
    expected_date, actual_date = error.expected_value, error.actual_value
    return (
        isinstance(expected_date, Date)
        and isinstance(actual_date, Date)
        and (expected_date.year, expected_date.month, expected_date.day)
        == (actual_date.year, actual_date.day, actual_date.month)
    )


def _is_net_gross_swap(error: FieldError) -> bool:
    last_key = error.field.rpartition(".")[2]
    return any(
        {last_key, path.rpartition(".")[2]} == {"net", "gross"} for path in error.reference_paths
    )


def _is_seller_buyer_swap(error: FieldError) -> bool:
    first_key = error.field.partition(".")[0]
    return any({first_key, path.partition(".")[0]} in PARTY_PAIRS for path in error.reference_paths)


def _is_from_other_row(error: FieldError) -> bool:
    return error.in_row and error.field in error.reference_paths


def _is_from_other_field(error: FieldError) -> bool:
    return any(path != error.field for path in error.reference_paths)


def _is_transposition(error: FieldError) -> bool:
    """Two neighbours have changed places, and nothing else."""
    return (
        len(error.expected_text) == len(error.actual_text)
        and OSA.distance(error.expected_text, error.actual_text, score_cutoff=1) == 1
        and Levenshtein.distance(error.expected_text, error.actual_text, score_cutoff=2) == 2
    )


def _is_character_misread(error: FieldError) -> bool:
    return (
        len(error.expected_text) == len(error.actual_text)
        and Levenshtein.distance(error.expected_text, error.actual_text, score_cutoff=1) == 1
    )


def _is_character_lost_or_added(error: FieldError) -> bool:
    return Levenshtein.distance(error.expected_text, error.actual_text, score_cutoff=1) == 1


def _is_part_missing(error: FieldError) -> bool:
    return (
        len(error.actual_text) >= MIN_DISTINCTIVE_LENGTH
        and error.actual_text in error.expected_text
    )


def _is_more_than_value(error: FieldError) -> bool:
    return (
        len(error.expected_text) >= MIN_DISTINCTIVE_LENGTH
        and error.expected_text in error.actual_text
    )


def _is_type_mismatch(error: FieldError) -> bool:
    return error.expected_value is not None and error.actual_value is None


def _is_date_part_wrong(error: FieldError) -> bool:
    expected_date, actual_date = error.expected_value, error.actual_value
    if not (isinstance(expected_date, Date) and isinstance(actual_date, Date)):
        return False
    return [
        expected_date.year == actual_date.year,
        expected_date.month == actual_date.month,
        expected_date.day == actual_date.day,
    ].count(True) == 2


def _is_partly_misread(error: FieldError) -> bool:
    max_length = max(len(error.expected_text), len(error.actual_text))
    distance = Levenshtein.distance(
        error.expected_text, error.actual_text, score_cutoff=max_length // 4
    )
    return distance <= max_length // 4


ERROR_TYPES: dict[str, Callable[[FieldError], bool]] = {
    "sign lost": _is_sign_lost,
    "decimal or thousands shift": _is_decimal_shift,
    "day/month swap": _is_day_month_swap,
    "net/gross swap": _is_net_gross_swap,
    "seller/buyer swap": _is_seller_buyer_swap,
    "other row": _is_from_other_row,
    "value of another field": _is_from_other_field,
    "digits transposed": _is_transposition,
    "one character misread": _is_character_misread,
    "one character lost or added": _is_character_lost_or_added,
    "one part of a date": _is_date_part_wrong,
    "part missing": _is_part_missing,
    "more than the value": _is_more_than_value,
    "not of its type": _is_type_mismatch,
    "some characters misread": _is_partly_misread,
}
