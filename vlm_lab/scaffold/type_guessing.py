"""What type a field has, by what it is called and by what stands in it, and what is doubtful about that.

A name proposes and the values decide: `Сумма` is an amount where four of five values are amounts. Without a name that
says anything, the values alone propose, and the doubt is written down.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vlm_lab.fields import canonical
from vlm_lab.fields.amounts import is_ambiguous
from vlm_lab.fields.check_digits import invalid
from vlm_lab.fields.comparison import CODE_TYPES
from vlm_lab.fields.flattening import says_nothing
from vlm_lab.fields.inference import guess, is_number_code
from vlm_lab.fields.roles import words
from vlm_lab.fields.texts import TAX_ID_NAMES
from vlm_lab.scaffold.overlay import Column
from vlm_lab.types import Conventions, Field

ENOUGH = 0.8  # share of values that must be of the type that a name proposes, or that the values do
RARE = 0.05
MANY = 20  # places, before a share of them means anything

# English, Russian, German, French, Spanish, Italian, Dutch words of keys, as `words` writes them; the first that fits.
NAMES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("iban", re.compile(r"\biban\b")),
    ("tax_id", re.compile(rf"\b({TAX_ID_NAMES})\b")),
    ("currency", re.compile(r"валют|currency|währung|waehrung|devise\b|moneda|valuta")),
    ("date", re.compile(r"\bдата|\bдаты\b|срок (оплаты|до)|\bdate|date\b|datum|fecha|\bdue\b|fällig")),
    ("address", re.compile(r"адрес|address|anschrift|adresse|direcci|indirizzo|\badres\b")),
    ("quantity", re.compile(r"\bкол\b|количеств|quantit|\bqty\b|qty$|\bcnt\b|\bcount\b|menge|anzahl|cantidad|aantal")),
    ("amount", re.compile(
        r"сумм|итог|всего|\bцен[аы]\b|стоимост|\bндс\b|к оплате|скидк|total|amount|price|\bnet\b|netto|gross|brutto"
        r"|\btax\b|\bvat\b|mwst|\btva\b|\biva\b|\bbtw\b|betrag|preis|summe|discount|montant|importe|balance|paid|change")),
    ("identifier", re.compile(
        r"№|номер|\bкпп\b|\bогрн(ип)?\b|\bбик\b|\bbic\b|\bswift\b|\bкод\b|артикул|number|\bnum\b|\bno\b|\bnr\b|nummer"
        r"|\bid\b|\bcode\b|\bsku\b|account|\bсч[её]т\b|р с\b|к с\b|numéro|numero|número|factuur|reference\b|\bref\b")),
    ("name", re.compile(
        r"наименование|название|\bname\b|поставщик|продавец|покупатель|заказчик|исполнитель|грузоотправитель|плательщик"
        r"|грузополучатель|seller|vendor|supplier|buyer|customer|merchant|организаци|company|lieferant|kunde|fournisseur")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Guess:
    """A field with the type that it seems to have, and what a person should look at."""

    column: Column
    field: Field
    doubts: tuple[str, ...] = ()


def guess_field(column: Column, conventions: Conventions) -> Guess:
    """The type of one column and the doubts about it. A value that is a list here and there is judged by the others."""
    if column.is_list:
        return Guess(column, Field(column.path, "list"), tuple(_doubts(column, "list", True, conventions)))
    named = _by_name(column, conventions)
    type_name = named or _by_values(column, conventions)
    doubts = tuple(_doubts(column, type_name, bool(named) or type_name == "text", conventions))
    return Guess(column, Field(column.path, type_name), doubts)


def _by_name(column: Column, conventions: Conventions) -> str | None:
    name = words(column.key)
    proposed = (kind for kind, pattern in NAMES if pattern.search(name))
    return next((kind for kind in proposed if not column.values or _mostly(kind, column, conventions)), None)


def _by_values(column: Column, conventions: Conventions) -> str:
    """A type that hardly anything else looks like; else what the values are read as."""
    for kind in ("iban", "date", "tax_id"):
        proofs = [_proves(kind, value, conventions) for value in column.values]
        if proofs and sum(proofs) >= ENOUGH * len(proofs):
            return kind
    if (kind := guess(column.values)) != "text":
        return kind
    counted = Counter(guess([value]) for value in column.values).most_common(1)
    kind, count = counted[0] if counted else ("text", 0)
    return kind if count >= ENOUGH * len(column.values) else "text"


def _proves(kind: str, value: Any, conventions: Conventions) -> bool:
    if kind == "tax_id":
        return (
            isinstance(value, str | int)
            and bool(re.fullmatch(r"\d{10}|\d{12}", str(value)))
            and not invalid("inn", value)
        )
    if not isinstance(value, str) or canonical(Field("", kind), value, conventions) is None:
        return False
    return kind == "date" or not invalid("iban", value)


def _mostly(kind: str, column: Column, conventions: Conventions) -> bool:
    if kind == "name" and column.in_rows:  # what is sold: free text
        return False
    fits = FITS.get(kind)
    good = [fits(value) if fits else _reads(kind, value, conventions) for value in column.values]
    return sum(good) >= ENOUGH * len(good)


def _reads(kind: str, value: Any, conventions: Conventions) -> bool:
    return canonical(Field("", kind), value, conventions) is not None


def _is_code(value: Any) -> bool:
    return (
        isinstance(value, str | int | float)
        and not isinstance(value, bool)
        and len(str(value)) <= 40
        and any(map(str.isdigit, str(value)))
    )


def _is_tax_id(value: Any) -> bool:
    return _is_code(value) and sum(map(str.isdigit, str(value))) >= 6


def _is_words(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 300 and any(map(str.isalpha, value))


FITS: Mapping[str, Callable[[Any], bool]] = {
    "identifier": _is_code,
    "tax_id": _is_tax_id,
    "name": _is_words,
    "address": _is_words,
    "iban": lambda value: isinstance(value, str) and bool(re.match(r"\s*(IBAN)?\W*[A-Za-z]{2}\d\d", value)),
}


def _doubts(column: Column, kind: str, sure: bool, conventions: Conventions) -> Iterator[str]:
    values = column.values
    if not values:
        yield "always empty"
        return
    odd = [value for value in values if not says_nothing(value) and not _reads(kind, value, conventions)]
    if odd:
        yield f"{len(odd)} of {len(values)} are no {kind}, for example {clip(odd[0])}"
    nothing = [value for value in values if says_nothing(value)]
    if nothing:
        yield f"{len(nothing)} say nothing, for example {clip(nothing[0])}: empty them if they mean so"
    yield from _about_codes(column.path, kind, values)
    if kind in ("amount", "quantity") and any(map(is_ambiguous, values)):
        example = next(value for value in values if is_ambiguous(value))
        yield f"{sum(map(is_ambiguous, values))} such as {clip(example)} are read as thousands"
    if not sure:
        yield "the name says nothing: guessed from the values"
    if column.mixed:
        yield "a list in some references, a value in others"
    if column.places >= MANY and len(values) < RARE * column.places:
        yield f"rare: {len(values)} of {column.places}"


def _about_codes(path: str, kind: str, values: tuple[Any, ...]) -> Iterator[str]:
    if kind not in CODE_TYPES:
        return
    numbers = [value for value in values if is_number_code(value)]
    if numbers:
        yield f"{len(numbers)} came as JSON numbers, for example {clip(numbers[0])}: zeros at the front may be lost"
    wrong = [value for value in values if invalid(kind, value, path)]
    if wrong:
        yield f"{len(wrong)} are not valid, for example {clip(wrong[0])}"


def clip(value: Any) -> str:
    """A value as an example: short, on one line."""
    text = " ".join(str(value).split())
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
