"""Currencies as they are printed: codes, signs, abbreviations and names -> ISO 4217.

A sign that several countries use (`$`, `kr`, `£`) is read as the commonest, and is at odds with
none of the others.
"""

import re
from collections.abc import Iterable
from functools import lru_cache, reduce
from typing import Any

from vlm_lab.types import Conventions

# Signs and words printed for a currency -> ISO 4217. A bare $ is read as USD and a bare kr as SEK:
# the commonest.
CURRENCY_SIGNS = {
    "€": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "us$": "USD", "usd$": "USD", "£": "GBP",
    "¥": "JPY", "円": "JPY", "cn¥": "CNY", "元": "CNY", "rmb": "CNY", "₽": "RUB", "руб": "RUB",
    "р": "RUB", "рублей": "RUB", "рубль": "RUB", "рубля": "RUB", "рубли": "RUB", "rub": "RUB",
    "rur": "RUB", "zł": "PLN", "zl": "PLN", "kr": "SEK", "fr": "CHF", "sfr": "CHF", "₴": "UAH",
    "грн": "UAH", "₸": "KZT", "тг": "KZT", "₹": "INR", "rs": "INR", "₩": "KRW", "원": "KRW",
    "₺": "TRY", "tl": "TRY", "₪": "ILS", "ש\"ח": "ILS", "nis": "ILS", "฿": "THB", "บาท": "THB",
    "₫": "VND", "đ": "VND", "kč": "CZK", "kc": "CZK", "ft": "HUF", "lei": "RON", "leu": "RON",
    "лв": "BGN", "br": "BYN", "rp": "IDR", "rm": "MYR", "r$": "BRL", "a$": "AUD", "au$": "AUD",
    "c$": "CAD", "ca$": "CAD", "nz$": "NZD", "s$": "SGD", "hk$": "HKD", "mx$": "MXN", "nt$": "TWD",
    "₱": "PHP", "₦": "NGN", "chf": "CHF", "人民币": "CNY", "人民幣": "CNY", "₾": "GEL", "֏": "AMD",
    "₼": "AZN", "kd": "KWD", "bd": "BHD", "jd": "JOD", "dt": "TND", "د.ك": "KWD", "د.إ": "AED",
    "ر.س": "SAR", "ر.ق": "QAR", "ج.م": "EGP", "د.ب": "BHD", "ر.ع": "OMR", "د.أ": "JOD",
    "د.ت": "TND", "د.ع": "IQD", "﷼": "SAR", "ريال": "SAR", "ریال": "IRR", "درهم": "AED",
    "dollar": "USD",
    "dollars": "USD", "pound": "GBP", "pounds": "GBP", "yen": "JPY", "日本円": "JPY", "美元": "USD",
    "欧元": "EUR", "евро": "EUR", "₡": "CRC", "₲": "PYG", "₵": "GHS", "дол": "USD", "din": "RSD",
    "r": "ZAR", "ksh": "KES", "kshs": "KES", "tsh": "TZS", "dh": "AED", "dhs": "AED", "sr": "SAR",
    "qr": "QAR", "le": "EGP", "n$": "NAD", "сум": "UZS", "сом": "KGS", "тенге": "KZT",
    "гривень": "UAH", "гривня": "UAH", "гривні": "UAH", "bs": "BOB",
}  # fmt: skip
# Currencies that a sign stands for in their own countries.
_DOLLARS = frozenset(
    {"USD", "AUD", "CAD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "CLP", "COP", "UYU", "BRL"}
    | {"JMD", "TTD", "BBD", "BSD", "BZD", "FJD", "NAD", "XCD", "KYD", "BMD", "GYD", "SRD", "DOP"}
)
_SHARED_SIGNS = {
    **dict.fromkeys(("$", "dollar", "dollars"), _DOLLARS),
    **dict.fromkeys(("¥", "元", "yen"), frozenset({"JPY", "CNY"})),
    **dict.fromkeys(("£", "pound", "pounds"), frozenset({"GBP", "EGP", "LBP", "SYP", "GIP"})),
    "kr": frozenset({"SEK", "NOK", "DKK", "ISK"}),
    "kc": frozenset({"CZK"}),
    "fr": frozenset({"CHF", "XOF", "XAF", "XPF"}),
    "rs": frozenset({"INR", "PKR", "LKR", "NPR", "MUR", "SCR"}),
    "lei": frozenset({"RON", "MDL"}),
    "leu": frozenset({"RON", "MDL"}),
    "br": frozenset({"BYN", "ETB"}),
    "din": frozenset({"RSD", "MKD"}),
    **dict.fromkeys(("dh", "درهم"), frozenset({"AED", "MAD"})),
    "bs": frozenset({"BOB", "VES"}),
    **dict.fromkeys(("ريال", "ریال", "﷼"), frozenset({"SAR", "QAR", "OMR", "YER", "IRR"})),
    **dict.fromkeys(("р", "руб", "рублей", "рубль", "рубля", "рубли"), frozenset({"RUB", "BYN"})),
}

# ISO 4217, current codes.
_CURRENCY_CODES = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL "
    "GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF "
    "KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
    "MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD "
    "SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH "
    "UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
)
CURRENCY_CODES = frozenset(_CURRENCY_CODES.split())
MAX_LENGTH = 64  # characters of a text that is looked at
_SEPARATORS = re.compile(r"[\s()\[\]/,;:=|&-]+")
_LABELS = frozenset({"currency", "währung", "валюта", "devise", "moneda", "moeda", "valuta"})


def parse_currency(value: Any, conventions: Conventions) -> str | None:
    """The one ISO 4217 code of codes, signs and names: `USD ($)`, `€`, `Euro (EUR)`."""
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        return None
    return _parse_currency_text(value, conventions.languages)


def find_currencies(text: str, languages: tuple[str, ...] = ("en",)) -> frozenset[str] | None:
    """The codes that words and signs beside an amount may mean; none of a text without any, and
    None where a word is no currency or two are at odds."""
    if not text:
        return frozenset()
    return _find_currencies(text, languages)


@lru_cache(maxsize=1024)
def count_minor_digits(code: str) -> int:
    """Digits behind the decimal mark in a currency's prices: 2 for EUR, 3 for KWD."""
    from babel.numbers import get_currency_precision

    return get_currency_precision(code)


@lru_cache(maxsize=1024)
def _parse_currency_text(text: str, languages: tuple[str, ...]) -> str | None:
    codes = find_currencies(text, languages)
    if not codes:
        return None
    if len(codes) == 1:
        return next(iter(codes))
    signs = [CURRENCY_SIGNS[word] for word in _split_words(text) if word in CURRENCY_SIGNS]
    return next((code for code in signs if code in codes), None)


@lru_cache(maxsize=4096)
def _find_currencies(text: str, languages: tuple[str, ...]) -> frozenset[str] | None:
    words = _split_words(text)
    meanings = [find_meanings(word) for word in words]
    unknown_words = [word for word, meaning in zip(words, meanings, strict=True) if not meaning]
    if unknown_words:
        name_meaning = _find_named_currency(words, unknown_words, languages)
        if name_meaning is None:
            return None
        meanings = [*name_meaning, *(meaning for meaning in meanings if len(meaning) == 1)]
    return reduce(frozenset.intersection, meanings) or None if meanings else frozenset()


def _find_named_currency(
    words: list[str], unknown_words: list[str], languages: tuple[str, ...]
) -> list[frozenset[str]] | None:
    """What the name means that all words are, or those that no sign and no code is."""
    codes_by_name = _collect_currency_names(languages)
    for name in (" ".join(words), " ".join(unknown_words), _name_without_codes(words)):
        code = codes_by_name.get(name.replace(".", ""))  # U.S. dollars
        if code:
            return [frozenset({code})]
    return None


def _name_without_codes(words: Iterable[str]) -> str:
    return " ".join(word for word in words if word.upper() not in CURRENCY_CODES and word.isalpha())


def _split_words(text: str) -> list[str]:
    words = (word.strip(".") for word in _SEPARATORS.split(text.casefold()))
    return [word for word in words if word and word not in _LABELS]


def find_meanings(word: str) -> frozenset[str]:
    """The codes that one word or sign in lower case may mean."""
    if word in _SHARED_SIGNS:
        return _SHARED_SIGNS[word]
    code = CURRENCY_SIGNS.get(word) or word.upper()
    return frozenset({code}) if code in CURRENCY_CODES else frozenset()


@lru_cache(maxsize=64)
def _collect_currency_names(languages: tuple[str, ...]) -> dict[str, str]:
    """Names of currencies, for one and for many, in Babel's tables."""
    from babel import Locale, UnknownLocaleError
    from babel.numbers import get_currency_name

    codes_by_name = {"pound sterling": "GBP", "pounds sterling": "GBP", "renminbi": "CNY"}
    for language in dict.fromkeys((*languages, "en")):
        try:
            locale = Locale.parse(language.replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            continue
        for code in sorted(CURRENCY_CODES):
            for count in (None, 1, 2, 5):
                name = get_currency_name(code, count=count, locale=locale).casefold()
                codes_by_name.setdefault(" ".join(_split_words(name)), code)
    return codes_by_name
