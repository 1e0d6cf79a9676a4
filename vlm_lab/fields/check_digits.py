"""Codes that prove themselves: tax ids and IBANs with check digits, through python-stdnum.

Only what is surely meant to be such a code is held against its rule: an ИНН is ten or twelve
digits, a European VAT number begins with its country. Any other tax id may be right, whatever it
looks like.
"""

import importlib
import re
from collections.abc import Sequence
from typing import Any, Literal

from vlm_lab.fields.texts import TAX_ID_ENDING, TAX_ID_LABELS
from vlm_lab.messages import Message

Valid = Literal[""]
CHECKED_TYPES = ("tax_id", "iban")  # types whose values have check digits
EU_COUNTRY_CODES = (
    "at|be|bg|cy|cz|de|dk|ee|el|es|fi|fr|hr|hu|ie|it|lt|lu|lv|mt|nl|pl|pt|ro|se|si|sk|xi"
)
# What a tax id begins with -> who judges it, and what it is called.
TAX_ID_VALIDATORS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(rf"({EU_COUNTRY_CODES})\w*\d"), "stdnum.eu.vat", "VAT number of {}"),
    (re.compile(r"gb\w*\d"), "stdnum.gb.vat", "VAT number of {}"),
    (re.compile(r"che\d"), "stdnum.ch.uid", "Swiss UID"),
    (re.compile(r"no\d{9}(mva)?$"), "stdnum.no.mva", "Norwegian VAT number"),
)


def find_code_error(kind: str, value: Any, path: str = "") -> Message | None:
    """Why a value is no valid `tax_id`, `inn` or `iban`; None where it is one, or where nothing can
    be said."""
    return validate_code(kind, value, path) or None


def validate_code(
    kind: str, value: Any, path: str = "", languages: Sequence[str] = ()
) -> Message | Valid | None:
    """As `invalid`, and "" where the value is a valid one. A tax id at a `path` that says ИНН is
    one of these, whatever its length; one of ten or twelve bare digits only where the suite is
    Russian (English is everywhere), since a German tax number has as many."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = re.sub(
        r"[\W_]",
        "",
        str(int(value)) if isinstance(value, float) and value.is_integer() else str(value),
    ).lower()
    if kind == "iban":
        return _validate_with_stdnum("stdnum.iban", text.removeprefix("iban"), "IBAN")
    if kind == "inn":
        return _validate_inn(text.removeprefix("инн"))
    if kind == "tax_id" and re.search(r"\bинн\b", path.casefold().replace("_", " ")):
        return _validate_named_inn(text)
    return _validate_tax_id(text, {*languages} - {"en"} == {"ru"}) if kind == "tax_id" else None


def _validate_named_inn(text: str) -> Message | Valid:
    """Why digits under a name that says ИНН are none: by their number, too."""
    digits = re.sub(r"\D", "", text)
    if len(digits) not in (10, 12):
        return Message("inn_digits", {"digits": len(digits)})
    return _validate_inn(digits)


def _validate_tax_id(text: str, russian: bool) -> Message | Valid | None:
    text = re.sub(rf"^({TAX_ID_LABELS})(?=[a-z]{{2}}\w*\d)", "", text)
    text = re.sub(r"^gr(?=\d{9}$)", "el", re.sub(TAX_ID_ENDING, "", text))  # VIES writes Greece so
    if text.startswith("инн"):
        return _validate_named_inn(text)
    if text.isdigit():
        return _validate_inn(text) if russian and len(text) in (10, 12) else None
    for head, module, name in TAX_ID_VALIDATORS:
        if head.match(text):
            return _validate_with_stdnum(module, text.upper(), name.format(text[:2].upper()))
    return None


def _validate_inn(text: str) -> Message | Valid:
    return _validate_with_stdnum("stdnum.ru.inn", text, "ИНН")


def _validate_with_stdnum(module: str, text: str, name: str) -> Message | Valid:
    """Why python-stdnum's `module` says that this is no such code; "" where it is one."""
    try:
        importlib.import_module(module).validate(text)
    except ValueError as error:
        return Message("no_code", {"name": name, "said": str(error).rstrip(".").lower()})
    return ""
