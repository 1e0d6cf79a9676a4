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
from vlm_lab.fields.own_conventions import read_own_conventions
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
    """Name of the check -> passed, failed, or None: cannot be made. Never raises."""
    fields_by_path = {field.path: field for field in fields}
    conventions = read_own_conventions(value, fields, conventions)
    field_values = [
        (fields_by_path[path], field_value)
        for path, field_value in flatten_json(unflatten_dotted_keys(value or {}))
        if path in fields_by_path
    ]
    header_values = [
        (field, canonicalize_value(field, field_value, conventions))
        for field, field_value in field_values
        if "[]" not in field.path
    ]
    net, tax, gross = (_find_role_amount(header_values, role) for role in ("net", "tax", "gross"))
    amount_columns = {
        field.path for field, _ in field_values if "[]" in field.path and field.type == "amount"
    }
    total_column = find_row_total_column(amount_columns)
    row_totals = [
        canonicalize_value(field, field_value, conventions)
        for field, field_value in field_values
        if field.path == total_column
    ]
    issued = _find_named_date(header_values, ISSUE_DATE_NAMES)
    due = _find_named_date(header_values, DUE_DATE_NAMES)
    return {
        "rows_add_up": _check_row_sum(row_totals, net, tax, gross),
        "net_plus_tax": _check_net_plus_tax(net, tax, gross),
        "dates_in_order": _check_date_order(issued, due),
        "check_digits": _combine_results(_iterate_code_validity(field_values, conventions)),
    }


def list_checks_by_field(fields: Sequence[Field]) -> dict[str, tuple[str, ...]]:
    """Path of a field -> names of the checks that its value takes part in."""
    amount_paths = [field.path for field in fields if field.type == "amount"]
    total_column = find_row_total_column([path for path in amount_paths if "[]" in path])
    checks: dict[str, tuple[str, ...]] = {
        path: ("rows_add_up", "net_plus_tax")
        for path in amount_paths
        if "[]" not in path and infer_role(path) in ("net", "tax", "gross")
    }
    if total_column:
        checks[total_column] = ("rows_add_up",)
    for field in fields:
        name = field.path.rpartition(".")[2]
        if "[]" not in field.path and name in ISSUE_DATE_NAMES | DUE_DATE_NAMES:
            checks[field.path] = ("dates_in_order",)
        if field.type in CHECKED_TYPES:
            checks[field.path] = ("check_digits",)
    return checks


def _find_role_amount(header_values: FieldValues, role: str) -> Decimal | None:
    """The one amount of the fields of this role, None where there is none or several differ."""
    return _find_single_value(
        value
        for field, value in header_values
        if isinstance(value, Decimal) and infer_role(field.path) == role
    )


def _find_named_date(header_values: FieldValues, names: frozenset[str]) -> Date | None:
    """The one date of the fields that are called so."""
    return _find_single_value(
        value
        for field, value in header_values
        if isinstance(value, Date) and field.path.rpartition(".")[2] in names
    )


def _find_single_value(values: Iterable[T]) -> T | None:
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


def _check_row_sum(
    row_totals: Sequence[Any], net: Decimal | None, tax: Decimal | None, gross: Decimal | None
) -> bool | None:
    """Rows are printed without tax (invoices) or with it (receipts), each rounded to a cent."""
    if net is None and gross is not None and tax is not None:
        net = gross - tax
    totals = [total for total in (net, gross) if total is not None]
    if not row_totals or not totals:
        return None
    if not all(isinstance(row_total, Decimal) for row_total in row_totals):
        return None
    row_sum, rounding = sum(row_totals), CENT + len(row_totals) * CENT / 2
    return any(abs(row_sum - total) <= rounding for total in totals)


def _check_net_plus_tax(
    net: Decimal | None, tax: Decimal | None, gross: Decimal | None
) -> bool | None:
    if net is None or tax is None or gross is None:
        return None
    return abs(net + tax - gross) <= 2 * CENT


def _check_date_order(issued: Date | None, due: Date | None) -> bool | None:
    return None if issued is None or due is None else issued <= due


def _iterate_code_validity(field_values: FieldValues, conventions: Conventions) -> Iterator[bool]:
    for field, value in field_values:
        if field.type not in CHECKED_TYPES:
            continue
        code = canonicalize_value(field, value, conventions)
        code_error = validate_code(field.type, code, field.path, conventions.languages)
        if code_error is not None:
            yield not code_error


def _combine_results(results: Iterator[bool]) -> bool | None:
    outcomes = list(results)
    return all(outcomes) if outcomes else None
