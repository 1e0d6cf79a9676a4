"""Words: free text, identifiers, names, addresses, tax ids, IBANs, booleans, lists of plain values.

What is a difference of format, and therefore no reading error: Unicode forms, case, line breaks and
spaces everywhere (a space between two digits counts: `1 5` is not `15`); punctuation in names and
addresses; spaces, dots and dashes in tax ids and IBANs, and the label before them (`VAT`, `ИНН`).
Letters and digits never are, nor is a tax id's country.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any

from vlm_lab.fields.amounts import parse_amount
from vlm_lab.fields.folding import fold_text
from vlm_lab.types import Conventions

MAX_CACHED_LENGTH = 200  # characters of a text that is remembered
# Legal forms, printed in full or short; the form itself is part of a name and must be right.
LEGAL_FORMS = {
    "общество с ограниченной ответственностью": "ооо",
    "публичное акционерное общество": "пао",
    "акционерное общество": "ао",
    "индивидуальный предприниматель": "ип",
    "gesellschaft mit beschränkter haftung": "gmbh",
    "aktiengesellschaft": "ag",
    "société à responsabilité limitée": "sarl",
    "société anonyme": "sa",
    "limited liability company": "llc",
    "limited": "ltd",
    "incorporated": "inc",
    "corporation": "corp",
}
_LEGAL_FORM = re.compile(r"\b(" + "|".join(sorted(LEGAL_FORMS, key=len, reverse=True)) + r")\b")
_INSIGNIFICANT_SPACE = re.compile(r"(?<!\d) | (?!\d)")
# Repeated three times at most, so that no text of labels alone takes for ever.
# What stands before an invoice number, at its front alone: `RNR2024001` has no label.
_DOCUMENT_NAME = (
    r"(?:(?:tax ?)?invoice|bill|document|order|receipt|rechnungs?|beleg|facture|factura|fattura"
    r"|fatura|faktura|faktúra|factuur|sz[aá]mla|(?:счет|счёт)(?:-фактура| на оплату)?|фактура"
    r"|рахунок)"
)
_NUMBER_WORD = (
    r"(?:n\.?[or]|n(?=°)|n[uú]mero|numéro|n[uú]m|number|nummer|č|č[ií]slo|numer|номер"
    r"|(?:inv|rg|re|doc)[ .-]*n[or])"
)
_NUMBER_LABEL = re.compile(
    rf"(?:{_DOCUMENT_NAME}?[ .-]*{_NUMBER_WORD}(?:[.:°#]+ ?| )|{_DOCUMENT_NAME} ?[:#] ?"
    rf"|{_DOCUMENT_NAME} (?:n\.|id ?:?) ?"
    r"|(?:請求書|納品書|注文|发票|發票)?(?:番号|号码|號碼|编号|編號)[ :]*"
    r"|(?:n[or°]|#) ?(?=\d)|[#:] ?){1,3}(?=.*\d)"
)
# What a tax id is called: as a key, its words apart or not, and printed before one. Before a number
# the tax's own name is a label, too, which as a key is an amount, and so are `uid` and `ein`, which
# as keys are anything.
TAX_ID_NAMES = (
    r"инн(?: ?кпп)?|унп|унн|иин|бин|іпн|[єе]дрпоу|егрпоу|огрн(?:ип)?|еик|пиб|inn|edrpou"
    r"|(?:vat|tax) ?(?:id(?:entification)?|number|num|no|nr|reg(?:istration)?|payer|code|ref){1,3}"
    r"|ust ?id(?:ent)?(?:ifikations)?(?:nr|nummer)?"
    r"|(?:umsatz)?steuer ?(?:id(?:ent)?|nummer|nr){1,3}"
    r"|st ?nr"
    r"|nif|cif|p(?:artita)? ?iva|c(?:odice)? ?fiscale|cod ?fiscal|kvk(?: ?nummer)?"
    r"|btw ?(?:nummer|nr|id){1,3}|tin|cnpj|cpf|gst ?(?:in(?: ?uin)?|no|number|reg){1,3}"
    r"|abn|acn|siret|siren"
    r"|(?:numero|numéro|n)? ?(?:de ?)?tva ?intra(?:communautaire)?"
    r"|(?:numero|numéro|n) ?(?:de ?)?tva"
    r"|nipc?|contribuinte|regon|ičo|ič|dič|ič ?dph|ico|cuit|cui|oib|vkn"
    r"|vergi ?(?:kimlik ?)?(?:no|numarası)"
    r"|adószám|y ?tunnus|cvr(?: ?nr)?|org ?(?:nr|no|nummer)|mva ?nr|moms ?(?:reg ?)?(?:nr|no)"
    r"|rut|ruc|rfc|uen|trn|npwp|kra ?pin|afm|[aα]φ[mμ]|登録番号|税号|統一編號|纳税人识别号"
    r"|사업자등록번호|الرقم ?الضريبي|ח ?פ|עוסק ?מורשה|mã ?số ?thuế"
)
TAX_ID_LABELS = (
    rf"{TAX_ID_NAMES}|vat|mwst|ust|tva|iva|btw|moms|mva|dph|kdv|gst|uid|ein|c ?f|dic|nit|rif|nie"
    r"|mst|pan(?=[a-z]{5}\d)"
)
TAX_ID_ENDING = r"(?<=\d)(?:mwst|tva|iva|tpv)$"
_TAX_ID_LABEL = re.compile(
    rf"^(?:(?:{TAX_ID_LABELS})(?:id|nr|no|number)?){{1,3}}(?=[a-z]{{0,3}}\d|(?<=rfc)[a-z]|(?<=pan)[a-z])"
)
_NORWEGIAN_VAT = re.compile(r"no\d{9}mva$")
_NUMBER_SIGN = re.compile(r"n ?°")
_TRUE_WORDS = frozenset(
    {"true", "yes", "y", "ja", "oui", "да", "x", "1", "si", "sí", "sì", "sim", "так", "tak", "ano"}
    | {"evet", "はい", "是", "예", "نعم", "כן", "on", "checked", "✓", "✔", "☑", "igen", "kyllä"}
)
_FALSE_WORDS = frozenset(
    {"false", "no", "n", "nein", "non", "нет", "0", "nee", "não", "ні", "nie", "ne", "hayır"}
    | {"いいえ", "否", "아니오", "لا", "לא", "off", "unchecked", "☐", "nem", "ei", "nej", "nei"}
)


def normalize_text(value: Any, conventions: Conventions) -> str | None:
    """Case folded, in one line, spaces only between digits."""
    return _normalize_plain_text(str(value)) if isinstance(value, str | int | float) else None


def normalize_identifier(value: Any, conventions: Conventions) -> str | None:
    """An invoice number: as text, but no space counts, nor `No.`, `№`, `#`, `Invoice No.` at its
    front."""
    if not isinstance(value, str | int | float):
        return None
    text = _fold_case(_format_code(value))
    label = _NUMBER_LABEL.match(text)
    return (text[label.end() :] if label else text).replace(" ", "")


def normalize_name(value: Any, conventions: Conventions) -> str | None:
    """A name without punctuation; a legal form counts, however it is written."""
    return _normalize_name_text(str(value)) if isinstance(value, str | int | float) else None


def normalize_address(value: Any, conventions: Conventions) -> str | None:
    """An address without punctuation and line breaks."""
    if not isinstance(value, str | int | float):
        return None
    return _remove_insignificant_spaces(_replace_punctuation(str(value)))


def normalize_tax_id(value: Any, conventions: Conventions) -> str | None:
    """Letters and digits: `DE 123.456.789` and `USt-IdNr. DE123456789` are `de123456789`;
    `123456789` is not."""
    code = _normalize_code(value)
    if code is None:
        return None
    if norwegian := _NORWEGIAN_VAT.search(code):  # NO is the country here, and no `number`
        return norwegian[0]
    unlabelled = re.sub(TAX_ID_ENDING, "", _TAX_ID_LABEL.sub("", code) or code)
    is_greek = re.fullmatch(r"gr\d{9}", unlabelled)
    return f"el{unlabelled[2:]}" if is_greek else unlabelled  # VIES writes Greece so


def normalize_iban(value: Any, conventions: Conventions) -> str | None:
    """Letters and digits, without the word before them."""
    code = _normalize_code(value)
    return None if code is None else code.removeprefix("iban") or code


def parse_boolean(value: Any, conventions: Conventions) -> bool | None:
    """True or false, also as a word."""
    word = _normalize_plain_text(str(value)) if isinstance(value, str | int) else ""
    if word in _TRUE_WORDS:
        return True
    return False if word in _FALSE_WORDS else None


def normalize_list(value: Any, conventions: Conventions) -> Hashable | None:
    """A list of plain values, whatever their order: numbers as amounts, the rest as text."""
    if not isinstance(value, list):
        return None
    return frozenset(Counter(_normalize_item(item, conventions) for item in value).items())


def _normalize_item(value: Any, conventions: Conventions) -> Hashable:
    number = parse_amount(value, conventions)
    return number if number is not None else normalize_text(value, conventions) or repr(value)


def _normalize_code(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    plain = _NUMBER_SIGN.sub(" ", _normalize_plain_text(_format_code(value)))
    return re.sub(r"[\W_]", "", plain) or plain


def _format_code(value: str | float) -> str:
    """A code as text; pandas writes 1001 as 1001.0 where a column has gaps."""
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if is_whole else str(value)


def _cache_short_texts(normalize: Callable[[str], str]) -> Callable[[str], str]:
    """Alignment, comparison and error types ask for the same short texts again and again."""
    cached = lru_cache(maxsize=1024)(normalize)
    return lambda value: cached(value) if len(value) <= MAX_CACHED_LENGTH else normalize(value)


@_cache_short_texts
def _normalize_plain_text(value: str) -> str:
    return _remove_insignificant_spaces(_fold_case(value))


@_cache_short_texts
def _normalize_name_text(value: str) -> str:
    undotted = re.sub(r"\b(\w)\.\s?(?=\w\b)", r"\1", _fold_case(value))  # G.m.b.H., S. A.
    return _remove_insignificant_spaces(
        _LEGAL_FORM.sub(lambda match: LEGAL_FORMS[match[0]], _replace_punctuation(undotted))
    )


def _replace_punctuation(value: str) -> str:
    """Letters and digits in words; what is nothing but punctuation stays as it is."""
    folded = _fold_case(value)
    return " ".join(re.sub(r"[\W_]+", " ", folded).split()) or folded


def _fold_case(value: str) -> str:
    """Case folded, in one line; what is folded before (`vlm_lab.fields.folding`) stays."""
    if value.isascii():
        return " ".join(value.lower().split())
    return " ".join(unicodedata.normalize("NFKC", fold_text(value).casefold()).split())


def _remove_insignificant_spaces(folded: str) -> str:
    return _INSIGNIFICANT_SPACE.sub("", folded)
