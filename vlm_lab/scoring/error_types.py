"""What kind of wrong a wrong value is: a short ordered table of names and questions, the first yes
names it.

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

ERROR_TYPES_BY_STATUS = {"truncated": "truncated", "refused": "refusal", "unparsed": "no answer"}
MAX_COMPARED_LENGTH = 2000  # characters of a value that are looked at
MIN_DISTINCTIVE_LENGTH = (
    3  # characters of a value that is recognised elsewhere: a quantity of 1 stands everywhere
)
PARTY_PAIRS = ({"seller", "buyer"}, {"supplier", "customer"}, {"vendor", "customer"})
PathsByValue = Mapping[Hashable, Sequence[str]]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong value: as printed, as its type reads it, and where else in the reference the answer
    stands."""

    field: str
    in_row: bool
    type: str
    expected_text: str
    actual_text: str
    expected_value: Hashable | None
    actual_value: Hashable | None
    reference_paths: Sequence[str]


def classify_error(
    result: FieldResult, places: PathsByValue, conventions: Conventions
) -> str | None:
    """The name of the error, None where no question fits. `places` is what `index_expected_values`
    says of the reference."""
    field, expected, actual = Field(result.field, result.type), result.expected, result.actual
    meant, read = (
        canonicalize_value(field, expected, conventions),
        canonicalize_value(field, actual, conventions),
    )
    where = (
        ()
        if len(str(actual)) < MIN_DISTINCTIVE_LENGTH
        else places.get(_build_value_key(read, actual, conventions), ())
    )
    one, other = _strip_unit(meant), _strip_unit(read)
    printed, answered = _format_alike(one, other) or (
        normalize_text(str(expected), conventions),
        normalize_text(str(actual), conventions),
    )
    wrong = FieldError(
        field=result.field,
        in_row=result.in_row,
        type=result.type,
        expected_text=(printed or "")[:MAX_COMPARED_LENGTH],
        actual_text=(answered or "")[:MAX_COMPARED_LENGTH],
        expected_value=one,
        actual_value=other,
        reference_paths=where,
    )
    return next((name for name, fits in ERROR_TYPES.items() if fits(wrong)), None)


def index_expected_values(results: Iterable[FieldResult], conventions: Conventions) -> PathsByValue:
    """Value -> the fields in which the reference has it."""
    places: dict[Hashable, list[str]] = {}
    for result in results:
        if result.expected is not None:
            read = canonicalize_value(Field("", result.type), result.expected, conventions)
            places.setdefault(_build_value_key(read, result.expected, conventions), []).append(
                result.field
            )
    return places


def _build_value_key(read: Hashable | None, value: Any, conventions: Conventions) -> Hashable:
    """Numbers and dates by value, whatever their field; the rest by its text."""
    number = _strip_unit(read)
    return number if isinstance(number, Decimal | Date) else normalize_text(str(value), conventions)


def _strip_unit(read: Hashable | None) -> Hashable | None:
    return read[0] if isinstance(read, tuple) and read else read


def _format_alike(one: Hashable | None, other: Hashable | None) -> tuple[str, str] | None:
    """Two amounts or two dates written in one way, so that only their digits differ."""
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return f"{one:.2f}", f"{other:.2f}"
    if isinstance(one, Date) and isinstance(other, Date):
        return one.isoformat(), other.isoformat()
    return None


def _is_sign_lost(wrong: FieldError) -> bool:
    return (
        isinstance(wrong.expected_value, Decimal)
        and isinstance(wrong.actual_value, Decimal)
        and wrong.expected_value == -wrong.actual_value
    )


def _is_decimal_shift(wrong: FieldError) -> bool:
    """The same digits with the point elsewhere. A quantity of 1 for 100 is more often another
    number's."""
    if not (
        isinstance(wrong.expected_value, Decimal)
        and isinstance(wrong.actual_value, Decimal)
        and wrong.expected_value
        and wrong.actual_value
    ):
        return False
    digits = _extract_significant_digits(wrong.expected_value)
    return digits == _extract_significant_digits(wrong.actual_value) and (
        len(digits) > 1 or wrong.type != "quantity"
    )


def _extract_significant_digits(number: Decimal) -> str:
    return f"{abs(number):f}".replace(".", "").strip("0")


def _is_day_month_swap(wrong: FieldError) -> bool:
    one, other = wrong.expected_value, wrong.actual_value
    return (
        isinstance(one, Date)
        and isinstance(other, Date)
        and (one.year, one.month, one.day) == (other.year, other.day, other.month)
    )


def _is_net_gross_swap(wrong: FieldError) -> bool:
    mine = wrong.field.rpartition(".")[2]
    return any(
        {mine, path.rpartition(".")[2]} == {"net", "gross"} for path in wrong.reference_paths
    )


def _is_seller_buyer_swap(wrong: FieldError) -> bool:
    mine = wrong.field.partition(".")[0]
    return any({mine, path.partition(".")[0]} in PARTY_PAIRS for path in wrong.reference_paths)


def _is_from_other_row(wrong: FieldError) -> bool:
    return wrong.in_row and wrong.field in wrong.reference_paths


def _is_from_other_field(wrong: FieldError) -> bool:
    return any(path != wrong.field for path in wrong.reference_paths)


def _is_transposition(wrong: FieldError) -> bool:
    """Two neighbours have changed places, and nothing else."""
    return (
        len(wrong.expected_text) == len(wrong.actual_text)
        and OSA.distance(wrong.expected_text, wrong.actual_text, score_cutoff=1) == 1
        and Levenshtein.distance(wrong.expected_text, wrong.actual_text, score_cutoff=2) == 2
    )


def _is_character_misread(wrong: FieldError) -> bool:
    return (
        len(wrong.expected_text) == len(wrong.actual_text)
        and Levenshtein.distance(wrong.expected_text, wrong.actual_text, score_cutoff=1) == 1
    )


def _is_character_lost_or_added(wrong: FieldError) -> bool:
    return Levenshtein.distance(wrong.expected_text, wrong.actual_text, score_cutoff=1) == 1


def _is_part_missing(wrong: FieldError) -> bool:
    return (
        len(wrong.actual_text) >= MIN_DISTINCTIVE_LENGTH
        and wrong.actual_text in wrong.expected_text
    )


def _is_more_than_value(wrong: FieldError) -> bool:
    return (
        len(wrong.expected_text) >= MIN_DISTINCTIVE_LENGTH
        and wrong.expected_text in wrong.actual_text
    )


def _is_type_mismatch(wrong: FieldError) -> bool:
    return wrong.expected_value is not None and wrong.actual_value is None


def _is_date_part_wrong(wrong: FieldError) -> bool:
    one, other = wrong.expected_value, wrong.actual_value
    if not (isinstance(one, Date) and isinstance(other, Date)):
        return False
    return [one.year == other.year, one.month == other.month, one.day == other.day].count(True) == 2


def _is_partly_misread(wrong: FieldError) -> bool:
    longest = max(len(wrong.expected_text), len(wrong.actual_text))
    distance = Levenshtein.distance(
        wrong.expected_text, wrong.actual_text, score_cutoff=longest // 4
    )
    return distance <= longest // 4


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
