"""Checks on a prediction that need no reference: do its own numbers, dates and check digits agree?

They say nothing about one field, but an answer whose rows add up to its total is rarely wrong in them; and they work
on documents that nobody has labelled. None: not enough is there to check. A printed invoice may fail one in earnest.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date as Date
from decimal import Decimal
from typing import Any

from vlm_lab.fields import canonical
from vlm_lab.late import find
from vlm_lab.leaves import nested
from vlm_lab.schema import leaves
from vlm_lab.types import Conventions, Field

CENT = Decimal("0.01")

# What fields are called that play a part in a check: the last word of their path.
NET = frozenset({"net", "subtotal", "subtotal_price", "total_net", "net_amount"})
TAX = frozenset({"tax", "vat", "tax_price", "total_tax", "tax_amount"})
GROSS = frozenset({"gross", "total", "total_price", "total_gross", "gross_amount"})
ROW_TOTAL = frozenset({"amount", "line_total", "total", "price"})
ISSUED = frozenset({"issue_date", "invoice_date", "date"})
DUE = frozenset({"due_date", "payment_due"})

# Country at the head of a tax id -> python-stdnum's module; numbers of the EU have one door for all.
TAX_IDS = {"gb": "stdnum.gb.vat:is_valid", "che": "stdnum.ch.uid:is_valid", "no": "stdnum.no.mva:is_valid"}
_EU = "at be bg cy cz de dk ee el es fi fr hr hu ie it lt lu lv mt nl pl pt ro se si sk xi"
EU = frozenset(_EU.split())

Values = Sequence[tuple[Field, Any]]


def checks(
    value: Mapping[str, Any] | None, fields: Sequence[Field], conventions: Conventions
) -> dict[str, bool | None]:
    """Name of the check -> passed, failed, or None: cannot be made. Never raises for what a model may have said."""
    known = {field.path: field for field in fields}
    found = [(known[path], said) for path, said in leaves(nested(value or {})) if path in known]
    heads = [(field, canonical(field, said, conventions)) for field, said in found if "[]" not in field.path]
    net, tax, gross = (_only(heads, names, Decimal) for names in (NET, TAX, GROSS))
    rows = [canonical(field, said, conventions) for field, said in found if _is_row_total(field)]
    return {
        "rows_add_up": _rows_add_up(rows, net, tax, gross),
        "net_plus_tax": None if net is None or tax is None or gross is None else abs(net + tax - gross) <= 2 * CENT,
        "dates_in_order": _in_order(_only(heads, ISSUED, Date), _only(heads, DUE, Date)),
        "check_digits": _all(_digits(found, conventions)),
    }


def _only(heads: Values, names: frozenset[str], kind: type) -> Any:
    """The one value of the fields that are called so, None where there is none or several differ."""
    values = {said for field, said in heads if field.path.rpartition(".")[2] in names and isinstance(said, kind)}
    return values.pop() if len(values) == 1 else None


def _is_row_total(field: Field) -> bool:
    return "[]" in field.path and field.type == "amount" and field.path.rpartition(".")[2] in ROW_TOTAL


def _rows_add_up(rows: Sequence[Any], net: Decimal | None, tax: Decimal | None, gross: Decimal | None) -> bool | None:
    """Rows are printed without tax (invoices) or with it (receipts); each may be rounded by half a cent."""
    without = gross - tax if net is None and gross is not None and tax is not None else net
    totals = [total for total in (without, gross) if total is not None]
    if not rows or not totals or not all(isinstance(row, Decimal) for row in rows):
        return None
    return any(abs(sum(rows) - total) <= CENT + len(rows) * CENT / 2 for total in totals)


def _in_order(issued: Date | None, due: Date | None) -> bool | None:
    return None if issued is None or due is None else issued <= due


def _digits(found: Values, conventions: Conventions) -> Iterator[bool]:
    for field, said in found:
        code = canonical(field, said, conventions)
        if isinstance(code, str) and field.type == "iban":
            yield bool(find("stdnum.iban:is_valid", {}, "check")(code))
        elif isinstance(code, str) and field.type == "tax_id":
            place = _validator(code, conventions)
            if place:
                yield bool(find(place, {}, "check")(code.upper()))


def _validator(code: str, conventions: Conventions) -> str | None:
    """Who can judge a tax id: its country; bare digits only where the suite is Russian (English is everywhere), since a
    German tax number has as many."""
    if code[:2] in EU and any(character.isdigit() for character in code):
        return "stdnum.eu.vat:is_valid"
    if code.isdigit():
        return (
            "stdnum.ru.inn:is_valid" if len(code) in (10, 12) and {*conventions.languages} - {"en"} == {"ru"} else None
        )
    return next((place for head, place in TAX_IDS.items() if code.startswith(head)), None)


def _all(results: Iterator[bool]) -> bool | None:
    seen = list(results)
    return all(seen) if seen else None
