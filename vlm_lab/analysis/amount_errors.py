"""What a candidate's errors in amounts come to, in money: an error of 0.01 and one of 10,000 are
both one wrong field.

Each field stands alone, since the same money is in rows, net and gross; sums of different
currencies are never added. The currency is the one that the document's reference labels, else the
one printed in the amount, else "" (not known).
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from statistics import median
from typing import Any

from vlm_lab.fields import canonicalize_value
from vlm_lab.fields.amounts import find_printed_currency
from vlm_lab.types import CORRECT, AmountError, Conventions, Field

AMOUNT_FIELD, CURRENCY_FIELD = Field("", "amount"), Field("", "currency")
DEFAULT_CONVENTIONS = Conventions()  # numbers and signs are read alike in all suites
MAX_AMOUNT = Decimal(10) ** 15  # a figure beyond it is a reading that never was an amount
AmountErrors = dict[str, dict[str, list[AmountError]]]  # field -> currency -> each amount's error


def compute_amount_errors(
    results: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, str, AmountError]]:
    """Field, currency and error of each labelled amount among the field results of one document."""
    labelled = {
        _canonicalize(CURRENCY_FIELD, each["expected"])
        for each in results
        if each["type"] == "currency"
    } - {None}
    for each in results:
        expected = (
            _parse_amount(each["expected"])
            if each["type"] == "amount" and each["outcome"] != "unlabelled"
            else None
        )
        if expected is not None:
            currency = labelled if len(labelled) == 1 else {find_printed_currency(each["expected"])}
            yield each["field"], str(*currency), _compute_error(each, expected)


def sum_amount_errors(money: AmountErrors) -> dict[str, dict[str, AmountError]]:
    """What the errors of each field and currency come to."""
    return {
        path: {currency: _sum_errors(errors) for currency, errors in found.items()}
        for path, found in money.items()
    }


def _sum_errors(errors: Sequence[AmountError]) -> AmountError:
    off = [each.wrong for each in errors if each.wrong]
    return AmountError(
        wrong=sum(off, Decimal(0)),
        missing=sum((each.missing for each in errors), Decimal(0)),
        total=sum((each.total for each in errors), Decimal(0)),
        count=len(off),
        median=median(off) if off else None,
        worst=max(off, default=None),
    )


def _compute_error(result: Mapping[str, Any], expected: Decimal) -> AmountError:
    """What is right, in whatever format, is no error; what is no amount is as good as missing."""
    size = abs(expected)
    if result["outcome"] in CORRECT:
        return AmountError(total=size)
    actual = _parse_amount(result["actual"]) if result["outcome"] == "wrong" else None
    return (
        AmountError(missing=size, total=size)
        if actual is None
        else AmountError(abs(expected - actual), total=size)
    )


def _parse_amount(value: Any) -> Decimal | None:
    found = _canonicalize(AMOUNT_FIELD, value)
    return found if isinstance(found, Decimal) and abs(found) < MAX_AMOUNT else None


def _canonicalize(field: Field, value: Any) -> Any:
    return canonicalize_value(field, value, DEFAULT_CONVENTIONS)
