"""Codes that prove themselves: tax ids and IBANs with check digits, through python-stdnum.

Only what is surely meant to be such a code is held against its rule: an ИНН is ten or twelve
digits, a European VAT number begins with its country. Any other tax id may be right, whatever it
looks like.
"""

import importlib
import re
from collections.abc import Sequence
from typing import Any, Literal

from vlm_lab.fields.texts import TAX_ID_ENDING, TAX_ID_LABELS, TAX_ID_NAMES
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
# `DE811907980` and `УНП 190275968` say themselves that they are no ИНН, whatever their column says.
_FOREIGN_TAX_ID = re.compile(rf"(?!inn|ru)[a-z]{{2}}\w*\d|(?!инн|inn)(?:{TAX_ID_NAMES})")


def find_code_error(field_type: str, value: Any, path: str = "") -> Message | None:
    """Why a value is no valid `tax_id`, `inn` or `iban`; None where it is one, or may be one."""
    return validate_code(field_type, value, path) or None


def validate_code(
    field_type: str, value: Any, path: str = "", languages: Sequence[str] = ()
) -> Message | Valid | None:
    """As `find_code_error`, and "" where the value is a valid one. A tax id at a `path` that says
    ИНН is one of these, whatever its length, unless it names another country; one of ten or twelve
    bare digits only where the suite is Russian (English is everywhere), since a German tax number
    has as many."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    is_whole_float = isinstance(value, float) and value.is_integer()
    code = re.sub(r"[\W_]", "", str(int(value) if is_whole_float else value)).lower()
    if field_type == "iban":
        return _validate_with_stdnum("stdnum.iban", code.removeprefix("iban"), "IBAN")
    if field_type == "inn":
        return _validate_inn(code.removeprefix("инн"))
    if field_type != "tax_id":
        return None
    says_inn = re.search(r"\bинн\b", path.casefold().replace("_", " "))
    if says_inn and not _FOREIGN_TAX_ID.match(code):
        return _validate_named_inn(code)
    return _validate_tax_id(code, is_russian={*languages} - {"en"} == {"ru"})


def _validate_named_inn(code: str) -> Message | Valid:
    """Why digits under a name that says ИНН are none: by their number, too."""
    digits = re.sub(r"\D", "", code)
    if len(digits) not in (10, 12):
        return Message("inn_digits", {"digits": len(digits)})
    return _validate_inn(digits)


def _validate_tax_id(code: str, is_russian: bool) -> Message | Valid | None:
    code = re.sub(rf"^({TAX_ID_LABELS})(?=[a-z]{{2}}\w*\d)", "", code)
    code = re.sub(r"^gr(?=\d{9}$)", "el", re.sub(TAX_ID_ENDING, "", code))  # VIES writes Greece so
    if code.startswith("инн"):
        return _validate_named_inn(code)
    if code.isdigit():
        return _validate_inn(code) if is_russian and len(code) in (10, 12) else None
    for prefix_pattern, module, label in TAX_ID_VALIDATORS:
        if prefix_pattern.match(code):
            return _validate_with_stdnum(module, code.upper(), label.format(code[:2].upper()))
    return None


def _validate_inn(code: str) -> Message | Valid:
    return _validate_with_stdnum("stdnum.ru.inn", code, "ИНН")


def _validate_with_stdnum(module: str, code: str, label: str) -> Message | Valid:
    """Why python-stdnum's `module` says that this is no such code; "" where it is one."""
    try:
        importlib.import_module(module).validate(code)
    except ValueError as error:
        return Message("no_code", {"name": label, "said": str(error).rstrip(".").lower()})
    return ""
