"""The texts that an e-invoice has for its terms -> a reference in the keys of the samples' schema.

Amounts stay as the XML has them, signs included; dates become ISO. A text that is no value of its
term is left out and told.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from vlm_lab.fields.amounts import is_ambiguous_number
from vlm_lab.fields.paths import set_value
from vlm_lab.sanitize import quote_value

ROWS = "line_items"
HEADER_PATHS = (
    *("invoice_number", "issue_date", "due_date", "currency"),
    *("seller.name", "seller.tax_id", "seller.address", "buyer.name", "buyer.tax_id"),
    *("totals.net", "totals.tax", "totals.gross"),
)
CELLS = ("description", "quantity", "unit_price", "amount")
NUMBER_NAMES = ("totals.net", "totals.tax", "totals.gross", "quantity", "unit_price", "amount")
DATE_PATHS = ("issue_date", "due_date")

# UNTDID 1001 as EN 16931 uses it: what gives money back. Their amounts are positive where the
# sender follows the norm, and pages print them with a minus or without.
CREDIT_NOTE_CODES = ("81", "83", "261", "296", "308", "381", "396", "420", "458", "532")
# Where the postcode is printed behind the city and a state or a county between them, in words or in
# letters: the XML does not say how.
POSTCODE_LAST = ("AU", "CA", "GB", "IE", "IN", "NZ", "US")

MAX_ROWS = 1000
MAX_TEXT_LENGTH = 1000  # characters: no value of an invoice's field is longer

Texts = Mapping[str, str | None]
_NUMBER = re.compile(r"[-+]?(\d{1,30}(\.\d{0,15})?|\.\d{1,15})")
_DATE_FORMS = (
    re.compile(r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(\d{4,6})?"),
    re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)([T+\-Z].{0,40})?"),
    re.compile(r"(?P<day>\d\d)\.(?P<month>\d\d)\.(?P<year>\d{4})"),
)


@dataclass(frozen=True, slots=True)
class EInvoice:
    """What one XML says: its values, what it says of itself, and what of it is not labelled."""

    syntax: str
    values: dict[str, Any]
    is_credit_note: bool
    notes: tuple[str, ...]


def build_e_invoice(
    syntax: str, header: Texts, rows: Sequence[Texts], type_code: str | None, profile: str | None
) -> EInvoice:
    """`header` has texts under `HEADER_PATHS`, each row under `CELLS`; `type_code` says what kind
    of document it is, `profile` what the XML may hold."""
    values: dict[str, Any] = {}
    notes: list[str] = []
    for path, text in header.items():
        value, fault = _read_value(path, text)
        if value is not None:
            set_value(values, path, value)
        notes += [f"{path} is not labelled: {fault}"] if fault else []
    row_values, row_notes = _read_rows([row for row in rows if _is_billed(row)], profile)
    if row_values:
        values[ROWS] = row_values
    is_credit_note = type_code in CREDIT_NOTE_CODES
    return EInvoice(syntax, values, is_credit_note, (*notes, *row_notes))


def _read_rows(
    rows: Sequence[Texts], profile: str | None
) -> tuple[list[dict[str, str]], Iterator[str]]:
    if not rows:
        named = f" (profile {quote_value(profile)})" if profile else ""
        return [], iter([f"{ROWS} are not labelled: the XML has no lines{named}"])
    if len(rows) > MAX_ROWS:
        return [], iter([f"{ROWS} are not labelled: {len(rows)} of them, more than {MAX_ROWS}"])
    row_values: list[dict[str, str]] = []
    notes: list[str] = []
    for number, row in enumerate(rows):
        read_cells = {cell: _read_value(cell, text) for cell, text in row.items()}
        row_values.append({cell: value for cell, (value, _) in read_cells.items() if value})
        faults = {cell: fault for cell, (_, fault) in read_cells.items() if fault}
        notes += [
            f"{ROWS}[{number}].{cell} is not labelled: {fault}" for cell, fault in faults.items()
        ]
    return row_values, iter(notes)


def _is_billed(row: Texts) -> bool:
    """Whether a line is a row of the table: headings and remarks are lines too, of no pieces."""
    bills_nothing = [_parse_number(row.get(cell)) == 0 for cell in ("quantity", "amount")]
    return any(row.values()) and not all(bills_nothing)


def _read_value(name: str, text: str | None) -> tuple[str | None, str | None]:
    """The value and what is wrong; neither where there is no text."""
    if text is None:
        return None, None
    if len(text) > MAX_TEXT_LENGTH:
        return None, f"a text of {len(text)} characters"
    if name in DATE_PATHS:
        iso_date = parse_date(text)
        return iso_date, None if iso_date else f"{quote_value(text)} is no date"
    if name not in NUMBER_NAMES:
        return text, None
    if not _NUMBER.fullmatch(text):
        return None, f"{quote_value(text)} is no number"
    return _format_number(text), None


def _format_number(text: str) -> str:
    """As it is; `119.000`, which would be read as thousands in a reference, with one zero more."""
    return f"{text}0" if is_ambiguous_number(text) else text


def parse_date(text: str) -> str | None:
    """`20240312`, `2024-03-12T00:00:00` and `12.03.2024` as `2024-03-12`; None where it is none."""
    for form in _DATE_FORMS:
        if parts := form.fullmatch(text):
            try:
                year, month, day = (int(parts[name]) for name in ("year", "month", "day"))
                return date(year, month, day).isoformat()
            except ValueError:
                return None
    return None


def format_address(
    streets: Sequence[str | None], postcode: str | None, city: str | None, country: str | None
) -> str | None:
    """`Lieferantenstraße 20, 80333 München`; None where a part is missing that pages have, or it
    is written otherwise."""
    street = ", ".join(line for line in streets if line)
    is_written_otherwise = (country or "").upper() in POSTCODE_LAST
    if is_written_otherwise or not (street and postcode and city):
        return None
    return f"{street}, {postcode} {city}"


def choose_price(net_price: str | None, gross_price: str | None, base: str | None) -> str | None:
    """The price of one piece. None where the XML has another one before a discount, or has it for
    more than one piece: which of them is printed it does not say."""
    is_for_one = base is None or _parse_number(base) == 1
    is_only_one = gross_price is None or _parse_number(gross_price) == _parse_number(net_price)
    return net_price if is_for_one and is_only_one else None


def _parse_number(text: str | None) -> Decimal | None:
    return Decimal(text) if text and _NUMBER.fullmatch(text) else None
