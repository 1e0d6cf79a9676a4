"""What kind of wrong a wrong value is: a short ordered table of names and questions, the first yes names it.

A format that is merely different is no error at all (`vlm_lab.fields`); these are for values that do not mean the same.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal
from typing import Any

from rapidfuzz.distance import OSA, Levenshtein

from vlm_lab.fields import canonical
from vlm_lab.fields.texts import text
from vlm_lab.types import Conventions, Field, FieldResult

TOLD_BY_STATUS = {"truncated": "truncated", "refused": "refusal", "unparsed": "no answer"}
LONGEST = 2000  # characters of a value that are looked at
SHORTEST = 3  # characters of a value that is recognised elsewhere: a quantity of 1 stands everywhere
SIDES = ({"seller", "buyer"}, {"supplier", "customer"}, {"vendor", "customer"})
Places = Mapping[Hashable, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Wrong:
    """One wrong value: as printed, as its type reads it, and where else in the reference the answer stands."""

    field: str
    in_row: bool
    type: str
    expected: str
    actual: str
    meant: Hashable | None
    read: Hashable | None
    elsewhere: Sequence[str]


def kind(result: FieldResult, places: Places, conventions: Conventions) -> str | None:
    """The name of the error, None where no question fits. `places` is what `places_of` says of the reference."""
    field, expected, actual = Field(result.field, result.type), result.expected, result.actual
    meant, read = canonical(field, expected, conventions), canonical(field, actual, conventions)
    where = () if len(str(actual)) < SHORTEST else places.get(_key(read, actual, conventions), ())
    one, other = _number(meant), _number(read)
    printed, answered = _alike(one, other) or (text(str(expected), conventions), text(str(actual), conventions))
    wrong = Wrong(
        field=result.field,
        in_row=result.in_row,
        type=result.type,
        expected=(printed or "")[:LONGEST],
        actual=(answered or "")[:LONGEST],
        meant=one,
        read=other,
        elsewhere=where,
    )
    return next((name for name, fits in KINDS.items() if fits(wrong)), None)


def places_of(results: Iterable[FieldResult], conventions: Conventions) -> Places:
    """Value -> the fields in which the reference has it."""
    places: dict[Hashable, list[str]] = {}
    for result in results:
        if result.expected is not None:
            read = canonical(Field("", result.type), result.expected, conventions)
            places.setdefault(_key(read, result.expected, conventions), []).append(result.field)
    return places


def _key(read: Hashable | None, value: Any, conventions: Conventions) -> Hashable:
    """Numbers and dates by value, whatever their field; the rest by its text."""
    number = _number(read)
    return number if isinstance(number, Decimal | Date) else text(str(value), conventions)


def _number(read: Hashable | None) -> Hashable | None:
    return read[0] if isinstance(read, tuple) and read else read


def _alike(one: Hashable | None, other: Hashable | None) -> tuple[str, str] | None:
    """Two amounts or two dates written in one way, so that only their digits differ."""
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return f"{one:.2f}", f"{other:.2f}"
    if isinstance(one, Date) and isinstance(other, Date):
        return one.isoformat(), other.isoformat()
    return None


def _sign_lost(wrong: Wrong) -> bool:
    return isinstance(wrong.meant, Decimal) and isinstance(wrong.read, Decimal) and wrong.meant == -wrong.read


def _shifted(wrong: Wrong) -> bool:
    """The same digits with the point elsewhere. A quantity of 1 for 100 is more often another number's."""
    if not (isinstance(wrong.meant, Decimal) and isinstance(wrong.read, Decimal) and wrong.meant and wrong.read):
        return False
    digits = _digits(wrong.meant)
    return digits == _digits(wrong.read) and (len(digits) > 1 or wrong.type != "quantity")


def _digits(number: Decimal) -> str:
    return f"{abs(number):f}".replace(".", "").strip("0")


def _day_month(wrong: Wrong) -> bool:
    one, other = wrong.meant, wrong.read
    return (
        isinstance(one, Date)
        and isinstance(other, Date)
        and (one.year, one.month, one.day) == (other.year, other.day, other.month)
    )


def _net_gross(wrong: Wrong) -> bool:
    mine = wrong.field.rpartition(".")[2]
    return any({mine, path.rpartition(".")[2]} == {"net", "gross"} for path in wrong.elsewhere)


def _seller_buyer(wrong: Wrong) -> bool:
    mine = wrong.field.partition(".")[0]
    return any({mine, path.partition(".")[0]} in SIDES for path in wrong.elsewhere)


def _other_row(wrong: Wrong) -> bool:
    return wrong.in_row and wrong.field in wrong.elsewhere


def _other_field(wrong: Wrong) -> bool:
    return any(path != wrong.field for path in wrong.elsewhere)


def _transposed(wrong: Wrong) -> bool:
    """Two neighbours have changed places, and nothing else."""
    return (
        len(wrong.expected) == len(wrong.actual)
        and OSA.distance(wrong.expected, wrong.actual, score_cutoff=1) == 1
        and Levenshtein.distance(wrong.expected, wrong.actual, score_cutoff=2) == 2
    )


def _misread(wrong: Wrong) -> bool:
    return (
        len(wrong.expected) == len(wrong.actual)
        and Levenshtein.distance(wrong.expected, wrong.actual, score_cutoff=1) == 1
    )


def _one_more_or_less(wrong: Wrong) -> bool:
    return Levenshtein.distance(wrong.expected, wrong.actual, score_cutoff=1) == 1


def _part_missing(wrong: Wrong) -> bool:
    return len(wrong.actual) >= SHORTEST and wrong.actual in wrong.expected


def _too_much(wrong: Wrong) -> bool:
    return len(wrong.expected) >= SHORTEST and wrong.expected in wrong.actual


def _not_its_type(wrong: Wrong) -> bool:
    return wrong.meant is not None and wrong.read is None


def _one_part_of_date(wrong: Wrong) -> bool:
    one, other = wrong.meant, wrong.read
    if not (isinstance(one, Date) and isinstance(other, Date)):
        return False
    return [one.year == other.year, one.month == other.month, one.day == other.day].count(True) == 2


def _few_characters(wrong: Wrong) -> bool:
    longest = max(len(wrong.expected), len(wrong.actual))
    distance = Levenshtein.distance(wrong.expected, wrong.actual, score_cutoff=longest // 4)
    return distance <= longest // 4


KINDS: dict[str, Callable[[Wrong], bool]] = {
    "sign lost": _sign_lost,
    "decimal or thousands shift": _shifted,
    "day/month swap": _day_month,
    "net/gross swap": _net_gross,
    "seller/buyer swap": _seller_buyer,
    "other row": _other_row,
    "value of another field": _other_field,
    "digits transposed": _transposed,
    "one character misread": _misread,
    "one character lost or added": _one_more_or_less,
    "one part of a date": _one_part_of_date,
    "part missing": _part_missing,
    "more than the value": _too_much,
    "not of its type": _not_its_type,
    "some characters misread": _few_characters,
}
