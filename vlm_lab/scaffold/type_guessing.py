"""What type a field has, by its name and its values, and what is doubtful about that.

A name proposes and the values decide: `Сумма` is an amount where four of five values are amounts.
Without a name that says anything, the values alone propose, and the doubt is written down.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from vlm_lab.fields import canonicalize_value
from vlm_lab.fields.amounts import is_ambiguous_number
from vlm_lab.fields.check_digits import find_code_error
from vlm_lab.fields.comparison import CODE_TYPES
from vlm_lab.fields.inference import infer_field_type, is_numeric_code, is_plausible_percent
from vlm_lab.fields.nothing import says_nothing
from vlm_lab.fields.roles import is_percent_name, split_key
from vlm_lab.fields.texts import TAX_ID_NAMES
from vlm_lab.scaffold.overlay import Column
from vlm_lab.types import Conventions, Field

# Share of values that must be of the type that a name proposes, or that the values do.
MIN_MATCHING_SHARE = 0.8
MIN_GROUPED = 1000  # a number with a group of three digits behind its first
RARE_SHARE = 0.05
MIN_SLOTS_FOR_RARE = 20  # places, before a share of them means anything

# English, Russian, German, French, Spanish, Italian, Dutch words of keys, as `split_key` writes
# them; the first that fits.
TYPE_KEY_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("iban", re.compile(r"\biban\b")),
    ("tax_id", re.compile(rf"\b({TAX_ID_NAMES})\b")),
    ("currency", re.compile(r"валют|currency|währung|waehrung|devise\b|moneda|valuta")),
    ("date", re.compile(
        r"\bдата|\bдаты\b|срок (оплаты|до)|\bdate|date\b|datum|fecha|\bdue\b|fällig")),
    ("address", re.compile(r"адрес|address|anschrift|adresse|direcci|indirizzo|\badres\b")),
    ("quantity", re.compile(
        r"\bкол\b|количеств|quantit|\bqty\b|qty$|\bcnt\b|\bcount\b"
        r"|menge|anzahl|cantidad|aantal")),
    ("amount", re.compile(
        r"сумм|итог|всего|\bцен[аы]\b|стоимост|\bндс\b|к оплате|скидк"
        r"|total|amount|price|\bnet\b|netto|gross|brutto"
        r"|\btax\b|\bvat\b|mwst|\btva\b|\biva\b|\bbtw\b"
        r"|betrag|preis|summe|discount|montant|importe|balance|paid|change")),
    ("identifier", re.compile(
        r"№|номер|\bкпп\b|\bогрн(ип)?\b|\bбик\b|\bbic\b|\bswift\b|\bкод\b|артикул"
        r"|number|\bnum\b|\bno\b|\bnr\b|nummer|\bid\b|\bcode\b|\bsku\b|account"
        r"|\bсч[её]т\b|р с\b|к с\b|numéro|numero|número|factuur|reference\b|\bref\b")),
    ("name", re.compile(
        r"наименование|название|\bname\b|поставщик|продавец|покупатель|заказчик|исполнитель"
        r"|грузоотправитель|плательщик|грузополучатель|организаци"
        r"|seller|vendor|supplier|buyer|customer|merchant|company|lieferant|kunde|fournisseur")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldGuess:
    """A field with the type that it seems to have, and what a person should look at."""

    column: Column
    field: Field
    warnings: tuple[str, ...] = ()


def guess_field(column: Column, conventions: Conventions) -> FieldGuess:
    """The type of one column and the doubts about it; lists among plain values are not counted."""
    if column.is_list:
        return _make_guess(column, "list", (), conventions)
    telling_values = tuple(value for value in column.values if not says_nothing(value))
    telling_column = replace(column, values=telling_values)
    proposed_types = list(_propose_types(column.key))
    for type_name in proposed_types:
        if not telling_values or _fits_mostly(type_name, telling_column, conventions):
            return _make_guess(column, type_name, (), conventions)
    type_name = _guess_by_values(telling_column, conventions)
    doubts = []
    if proposed_types:
        doubts.append(f"the name says {proposed_types[0]}, the values say {type_name}")
    elif type_name != "text":
        doubts.append("the name says nothing: guessed from the values")
    return _make_guess(column, type_name, doubts, conventions)


def _make_guess(
    column: Column, type_name: str, doubts: Sequence[str], conventions: Conventions
) -> FieldGuess:
    warnings = (*_collect_warnings(column, type_name, conventions), *doubts)
    return FieldGuess(column, Field(column.path, type_name), warnings)


def _propose_types(key: str) -> Iterator[str]:
    """The types that a key's words speak for, the surest first."""
    if is_percent_name(key):
        yield "percent"
    key_words = split_key(key)
    for type_name, pattern in TYPE_KEY_PATTERNS:
        if pattern.search(key_words):
            yield type_name


def _guess_by_values(column: Column, conventions: Conventions) -> str:
    """A type that hardly anything else looks like; else what the values are read as."""
    for type_name in ("iban", "date", "tax_id"):
        proofs = [_proves_type(type_name, value, conventions) for value in column.values]
        if proofs and sum(proofs) >= MIN_MATCHING_SHARE * len(proofs):
            return type_name
    if (type_name := infer_field_type(column.values)) != "text":
        return type_name
    type_counts = Counter(infer_field_type([value]) for value in column.values).most_common(1)
    type_name, count = type_counts[0] if type_counts else ("text", 0)
    return type_name if count >= MIN_MATCHING_SHARE * len(column.values) else "text"


def _proves_type(type_name: str, value: Any, conventions: Conventions) -> bool:
    if type_name == "tax_id":
        has_digits = isinstance(value, str | int) and re.fullmatch(r"\d{10}|\d{12}", str(value))
        return bool(has_digits) and not find_code_error("inn", value)
    if not isinstance(value, str) or not _is_readable_as(type_name, value, conventions):
        return False
    if type_name == "date" and not re.search(r"\W|[^\W\d]", value.strip()):
        return False  # a number that may be a day, and as well anything else
    return type_name == "date" or not find_code_error("iban", value)


def _fits_mostly(type_name: str, column: Column, conventions: Conventions) -> bool:
    if type_name == "name" and column.in_rows:  # what is sold: free text
        return False
    value_check = VALUE_CHECKS.get(type_name)
    matches = [
        value_check(value) if value_check else _is_readable_as(type_name, value, conventions)
        for value in column.values
    ]
    return sum(matches) >= MIN_MATCHING_SHARE * len(matches)


def _is_readable_as(type_name: str, value: Any, conventions: Conventions) -> bool:
    return canonicalize_value(Field("", type_name), value, conventions) is not None


def _is_code(value: Any) -> bool:
    return (
        isinstance(value, str | int | float)
        and not isinstance(value, bool)
        and len(str(value)) <= 40
        and any(map(str.isdigit, str(value)))
    )


def _is_tax_id(value: Any) -> bool:
    return _is_code(value) and sum(map(str.isdigit, str(value))) >= 6


def _has_wording(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 300 and any(map(str.isalpha, value))


VALUE_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "identifier": _is_code,
    "percent": is_plausible_percent,
    "tax_id": _is_tax_id,
    "name": _has_wording,
    "address": _has_wording,
    "iban": lambda value: (
        isinstance(value, str) and bool(re.match(r"\s*(IBAN)?\W*[A-Za-z]{2}\d\d", value))
    ),
}


def _collect_warnings(column: Column, type_name: str, conventions: Conventions) -> Iterator[str]:
    values = column.values
    if not values:
        yield "always empty"
        return
    telling_values = [value for value in values if not says_nothing(value)]
    misfits = [
        value for value in telling_values if not _is_readable_as(type_name, value, conventions)
    ]
    if misfits:
        example = format_example(misfits[0])
        yield f"{len(misfits)} of {len(values)} are no {type_name}, for example {example}"
    null_like_values = [value for value in values if says_nothing(value)]
    if null_like_values:
        example = format_example(null_like_values[0])
        yield (f"{len(null_like_values)} say nothing, for example {example}, and are read as empty")
    yield from _collect_code_warnings(column.path, type_name, values)
    if type_name in ("amount", "quantity"):
        ambiguous_numbers = [value for value in values if is_ambiguous_number(value)]
        if ambiguous_numbers:
            yield _format_ambiguous(type_name, ambiguous_numbers, conventions)
    if type_name == "date":
        yield from _collect_number_dates(values, conventions)
    if column.is_mixed:
        yield "a list in some references, a value in others"
    if column.slot_count >= MIN_SLOTS_FOR_RARE and len(values) < RARE_SHARE * column.slot_count:
        yield f"rare: {len(values)} of {column.slot_count}"


def _format_ambiguous(type_name: str, values: Sequence[Any], conventions: Conventions) -> str:
    """How the first of some numbers is read that have three digits behind their one mark."""
    number = canonicalize_value(Field("", type_name), values[0], conventions)
    amount = number[0] if isinstance(number, tuple) else number
    is_thousands = isinstance(amount, Decimal) and abs(amount) >= MIN_GROUPED
    reading = "as thousands" if is_thousands else "with three decimals"
    return f"{len(values)} such as {format_example(values[0])} are read {reading}"


def _collect_number_dates(values: Sequence[Any], conventions: Conventions) -> Iterator[str]:
    """What spreadsheets and programs write for a day: which day that is depends on them."""
    numbers = [value for value in values if re.fullmatch(r"\d{5,19}(\.\d+)?", str(value).strip())]
    days = [canonicalize_value(Field("", "date"), number, conventions) for number in numbers]
    if numbers:
        yield (
            f"{len(numbers)} came as numbers, for example {format_example(numbers[0])}, read as "
            f"{days[0] or 'no date'}"
        )


def _collect_code_warnings(path: str, type_name: str, values: tuple[Any, ...]) -> Iterator[str]:
    if type_name not in CODE_TYPES:
        return
    numeric_codes = [value for value in values if is_numeric_code(value)]
    if numeric_codes:
        example = format_example(numeric_codes[0])
        yield (
            f"{len(numeric_codes)} came as JSON numbers, for example {example}: "
            "zeros at the front may be lost"
        )
    invalid_values = [value for value in values if find_code_error(type_name, value, path)]
    if invalid_values:
        example = format_example(invalid_values[0])
        yield f"{len(invalid_values)} are not valid, for example {example}"


def format_example(value: Any) -> str:
    """A value as an example: short, on one line."""
    text = " ".join(str(value).split())
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
