"""Codes that prove themselves: tax ids and IBANs with check digits, through python-stdnum.

Only what is surely meant to be such a code is held against its rule: an ИНН is ten or twelve digits, a European VAT
number begins with its country. Any other tax id may be right, whatever it looks like.
"""

import re
from typing import Any

COUNTRIES = re.compile("at|be|bg|cy|cz|de|dk|ee|el|es|fi|fr|hr|hu|ie|it|lt|lu|lv|mt|nl|pl|pt|ro|se|si|sk")


def invalid(kind: str, value: Any, path: str = "") -> str | None:
    """Why a value is no valid `tax_id`, `inn` or `iban`; None where it is one, or where nothing can be said. A tax id
    at a `path` that says ИНН is one of these, whatever its length."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = re.sub(
        r"[\W_]", "", str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    ).lower()
    if kind == "iban":
        return _iban(text.removeprefix("iban"))
    if kind == "inn":
        return _inn(text.removeprefix("инн"))
    if kind == "tax_id" and re.search(r"\bинн\b", path.casefold().replace("_", " ")):
        return invalid_inn(text)
    return _tax_id(text) if kind == "tax_id" else None


def invalid_inn(text: str) -> str | None:
    """Why digits under a name that says ИНН are none: by their number, too."""
    digits = re.sub(r"\D", "", text)
    if len(digits) not in (10, 12):
        return f"an ИНН has 10 or 12 digits, not {len(digits)}: zeros at the front may be lost"
    return _inn(digits)


def _tax_id(text: str) -> str | None:
    text = re.sub(r"^(vat|ustidnr|ustid|mwst|tva|iva|btw)(id|no|nr|number)?(?=[a-z]{2}\w*\d)", "", text)
    if text.startswith("инн"):
        return invalid_inn(text)
    return _vat(text) if COUNTRIES.match(text) and re.search(r"\d", text) else None


def _vat(text: str) -> str | None:
    from stdnum.eu import vat
    from stdnum.exceptions import ValidationError

    try:
        vat.validate(text)
    except ValidationError as error:
        return f"no VAT number of {text[:2].upper()} ({_said(error)})"
    return None


def _inn(text: str) -> str | None:
    from stdnum.exceptions import ValidationError
    from stdnum.ru import inn

    try:
        inn.validate(text)
    except ValidationError as error:
        return f"no ИНН ({_said(error)})"
    return None


def _iban(text: str) -> str | None:
    from stdnum import iban
    from stdnum.exceptions import ValidationError

    try:
        iban.validate(text)
    except ValidationError as error:
        return f"no IBAN ({_said(error)})"
    return None


def _said(error: Exception) -> str:
    return str(error).rstrip(".").lower()
