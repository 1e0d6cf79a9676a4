"""Checks on a prediction that need no reference: do its own numbers, dates and check digits agree?

They say nothing about one field, but an answer whose rows add up to its total is rarely wrong in them; and they work
on documents that nobody has labelled. None: not enough is there to check. A printed invoice may fail one in earnest.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date as Date
from decimal import Decimal
from typing import Any, TypeVar

from vlm_lab.fields import canonical
from vlm_lab.fields.check_digits import CHECKED_TYPES, judged
from vlm_lab.fields.flattening import nested
from vlm_lab.fields.roles import role, row_total
from vlm_lab.fields.schema import leaves
from vlm_lab.types import Conventions, Field

CENT = Decimal("0.01")

ISSUED = frozenset({"issue_date", "invoice_date", "date"})
DUE = frozenset({"due_date", "payment_due"})

Values = Sequence[tuple[Field, Any]]
T = TypeVar("T")


def checks(
    value: Mapping[str, Any] | None, fields: Sequence[Field], conventions: Conventions
) -> dict[str, bool | None]:
    """Name of the check -> passed, failed, or None: cannot be made. Never raises for what a model may have said."""
    known = {field.path: field for field in fields}
    found = [(known[path], said) for path, said in leaves(nested(value or {})) if path in known]
    heads = [(field, canonical(field, said, conventions)) for field, said in found if "[]" not in field.path]
    net, tax, gross = (_amount(heads, part) for part in ("net", "tax", "gross"))
    column = row_total({field.path for field, _ in found if "[]" in field.path and field.type == "amount"})
    rows = [canonical(field, said, conventions) for field, said in found if field.path == column]
    return {
        "rows_add_up": _rows_add_up(rows, net, tax, gross),
        "net_plus_tax": None if net is None or tax is None or gross is None else abs(net + tax - gross) <= 2 * CENT,
        "dates_in_order": _in_order(_date(heads, ISSUED), _date(heads, DUE)),
        "check_digits": _all(_digits(found, conventions)),
    }


def _amount(heads: Values, part: str) -> Decimal | None:
    """The one amount of the fields that play this part, None where there is none or several differ."""
    return _one(said for field, said in heads if isinstance(said, Decimal) and role(field.path) == part)


def _date(heads: Values, names: frozenset[str]) -> Date | None:
    """The one date of the fields that are called so."""
    return _one(said for field, said in heads if isinstance(said, Date) and field.path.rpartition(".")[2] in names)


def _one(values: Iterable[T]) -> T | None:
    found = set(values)
    return found.pop() if len(found) == 1 else None


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
        code = canonical(field, said, conventions) if field.type in CHECKED_TYPES else None
        verdict = judged(field.type, code, field.path, conventions.languages)
        if verdict is not None:
            yield not verdict


def _all(results: Iterator[bool]) -> bool | None:
    seen = list(results)
    return all(seen) if seen else None
