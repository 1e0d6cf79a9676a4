"""Checks on a prediction that need no reference: do its own numbers, dates and check digits agree?

They say nothing about one field, but an answer whose rows add up to its total is rarely wrong in
them; and they work on documents that nobody has labelled. None: not enough is there to check. A
printed invoice may fail one in earnest.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date as Date
from decimal import Decimal
from typing import Any, TypeVar

from vlm_lab.fields import canonicalize_value
from vlm_lab.fields.check_digits import CHECKED_TYPES, validate_code
from vlm_lab.fields.flattening import unflatten_dotted_keys
from vlm_lab.fields.roles import find_row_total_column, infer_role
from vlm_lab.fields.schema import flatten_json
from vlm_lab.types import Conventions, Field

CENT = Decimal("0.01")

ISSUE_DATE_NAMES = frozenset({"issue_date", "invoice_date", "date"})
DUE_DATE_NAMES = frozenset({"due_date", "payment_due"})

FieldValues = Sequence[tuple[Field, Any]]
T = TypeVar("T")


def check_consistency(
    value: Mapping[str, Any] | None, fields: Sequence[Field], conventions: Conventions
) -> dict[str, bool | None]:
    """Name of the check -> passed, failed, or None: cannot be made. Never raises for what a model
    may have said."""
    known = {field.path: field for field in fields}
    found = [
        (known[path], said)
        for path, said in flatten_json(unflatten_dotted_keys(value or {}))
        if path in known
    ]
    heads = [
        (field, canonicalize_value(field, said, conventions))
        for field, said in found
        if "[]" not in field.path
    ]
    net, tax, gross = (_find_role_amount(heads, part) for part in ("net", "tax", "gross"))
    column = find_row_total_column(
        {field.path for field, _ in found if "[]" in field.path and field.type == "amount"}
    )
    rows = [
        canonicalize_value(field, said, conventions)
        for field, said in found
        if field.path == column
    ]
    return {
        "rows_add_up": _check_row_sum(rows, net, tax, gross),
        "net_plus_tax": None
        if net is None or tax is None or gross is None
        else abs(net + tax - gross) <= 2 * CENT,
        "dates_in_order": _check_date_order(
            _find_named_date(heads, ISSUE_DATE_NAMES), _find_named_date(heads, DUE_DATE_NAMES)
        ),
        "check_digits": _combine_results(_iterate_code_validity(found, conventions)),
    }


def _find_role_amount(heads: FieldValues, part: str) -> Decimal | None:
    """The one amount of the fields that play this part, None where there is none or several
    differ."""
    return _find_single_value(
        said
        for field, said in heads
        if isinstance(said, Decimal) and infer_role(field.path) == part
    )


def _find_named_date(heads: FieldValues, names: frozenset[str]) -> Date | None:
    """The one date of the fields that are called so."""
    return _find_single_value(
        said
        for field, said in heads
        if isinstance(said, Date) and field.path.rpartition(".")[2] in names
    )


def _find_single_value(values: Iterable[T]) -> T | None:
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _check_row_sum(
    rows: Sequence[Any], net: Decimal | None, tax: Decimal | None, gross: Decimal | None
) -> bool | None:
    """Rows are printed without tax (invoices) or with it (receipts); each may be rounded by half a
    cent."""
    without = gross - tax if net is None and gross is not None and tax is not None else net
    totals = [total for total in (without, gross) if total is not None]
    if not rows or not totals or not all(isinstance(row, Decimal) for row in rows):
        return None
    return any(abs(sum(rows) - total) <= CENT + len(rows) * CENT / 2 for total in totals)


def _check_date_order(issued: Date | None, due: Date | None) -> bool | None:
    return None if issued is None or due is None else issued <= due


def _iterate_code_validity(found: FieldValues, conventions: Conventions) -> Iterator[bool]:
    for field, said in found:
        code = canonicalize_value(field, said, conventions) if field.type in CHECKED_TYPES else None
        verdict = validate_code(field.type, code, field.path, conventions.languages)
        if verdict is not None:
            yield not verdict


def _combine_results(results: Iterator[bool]) -> bool | None:
    seen = list(results)
    return all(seen) if seen else None
