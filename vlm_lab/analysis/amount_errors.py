"""What a candidate's errors in amounts come to, in money: an error of 0.01 and one of 10,000 are
both one wrong field.

Each field stands alone, since the same money is in rows, net and gross; sums of different
currencies are never added. The currency is the one that the document's reference labels, else the
one printed in the amount, else "" (not known).
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from statistics import median
from typing import Any

from vlm_lab.fields import canonicalize_value
from vlm_lab.fields.amounts import find_printed_currency
from vlm_lab.types import CORRECT, AmountError, Conventions, Field, FieldResult

AMOUNT_FIELD, CURRENCY_FIELD = Field("", "amount"), Field("", "currency")
DEFAULT_CONVENTIONS = Conventions()  # numbers and signs are read alike in all suites
MAX_AMOUNT = Decimal(10) ** 15  # a figure beyond it is a reading that never was an amount
AmountErrors = dict[str, dict[str, list[AmountError]]]  # field -> currency -> each amount's error


def compute_amount_errors(
    results: Sequence[FieldResult],
) -> Iterator[tuple[str, str, AmountError]]:
    """Field, currency and error of each labelled amount among the field results of one document."""
    labelled_currencies = {
        _canonicalize(CURRENCY_FIELD, result.expected)
        for result in results
        if result.type == "currency"
    } - {None}
    for result in results:
        if result.type != "amount" or result.outcome == "unlabelled":
            continue
        expected = _parse_amount(result.expected)
        if expected is None:
            continue
        if len(labelled_currencies) == 1:
            (currency,) = labelled_currencies
        else:
            currency = find_printed_currency(result.expected)
        yield result.field, str(currency), _compute_error(result, expected)


def sum_amount_errors(amount_errors: AmountErrors) -> dict[str, dict[str, AmountError]]:
    """What the errors of each field and currency come to."""
    return {
        path: {currency: _sum_errors(errors) for currency, errors in errors_by_currency.items()}
        for path, errors_by_currency in amount_errors.items()
    }


def _sum_errors(errors: Sequence[AmountError]) -> AmountError:
    deviations = [error.wrong for error in errors if error.wrong]
    return AmountError(
        wrong=sum(deviations, Decimal(0)),
        missing=sum((error.missing for error in errors), Decimal(0)),
        total=sum((error.total for error in errors), Decimal(0)),
        count=len(deviations),
        median=median(deviations) if deviations else None,
        worst=max(deviations, default=None),
    )


def _compute_error(result: FieldResult, expected: Decimal) -> AmountError:
    """What is right, in whatever format, is no error; what is no amount is as good as missing."""
    absolute_amount = abs(expected)
    if result.outcome in CORRECT:
        return AmountError(total=absolute_amount)
    actual = _parse_amount(result.actual) if result.outcome == "wrong" else None
    if actual is None:
        return AmountError(missing=absolute_amount, total=absolute_amount)
    return AmountError(abs(expected - actual), total=absolute_amount)


def _parse_amount(value: Any) -> Decimal | None:
    amount = _canonicalize(AMOUNT_FIELD, value)
    return amount if isinstance(amount, Decimal) and abs(amount) < MAX_AMOUNT else None


def _canonicalize(field: Field, value: Any) -> Any:
    return canonicalize_value(field, value, DEFAULT_CONVENTIONS)
