"""The role of a field in an invoice's arithmetic, by what its key says, in the languages we know.

A key that says nothing has no role; of two fields that would have the same one neither has it
(`totals.total`, `points.total`): that is for the caller to see.
"""

import re
from collections.abc import Collection

# The first that fits: what is without or with tax before tax itself, that before the bare "total".
ROLE_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("net", re.compile(r"без (ндс|налог)|\bnet\b|netto|sub ?total|hors taxe|\bht\b|excl")),
    ("rate", re.compile(r"ставка|\brate\b|percent|процент|satz")),
    ("gross", re.compile(r"с (ндс|налог)|\bgross\b|brutto|\bttc\b|incl")),
    ("tax", re.compile(r"\bндс\b|налог|\btax\b|\bvat\b|mw ?st|\btva\b|\biva\b")),
    ("gross", re.compile(r"всего|итого|к оплате|\btotal\b")),
)
ROW_TOTAL_PATTERN = re.compile(
    r"сумма|стоимость|всего|amount|line total|\btotal\b|betrag|gesamt|montant"
)
ROW_PRICE_PATTERN = re.compile(r"price")  # on receipts, where a row has no other figure
# A price of one piece, hour or kilowatt-hour: these have more decimals than money has.
UNIT_PRICE_PATTERN = re.compile(
    r"unit (price|cost)|price (per|unit)|\bцена\b|einzel ?preis|stück ?preis|e ?preis\b|unitaire"
    r"|unitario|unitário|\bcena\b|jednostkowa|\bkurs\b|exchange rate|tarif|ціна|birim fiyat"
)
# A share in percent, by its name alone or with what it is a share of.
PERCENT_PATTERN = re.compile(
    r"percent|prozent|процент|відсот|\bpct\b|ставка|satz\b|\btaux\b|al[ií]quota|stawka"
    r"|sazba|oranı|\b(tax|vat|gst|mwst|ust|tva|iva|btw|moms|discount) ?rate\b"
)
BARE_RATE_PATTERN = re.compile(r"rate")


def split_key(key: str) -> str:
    """A key as words: `processedAt`, `processed_at` and `Processed-At` are `processed at`."""
    split = re.sub(r"(?<=[a-zа-яё0-9])(?=[A-ZА-ЯЁ])", " ", key[:200])
    return " ".join(re.findall(r"[^\W_]+|№", split)).casefold()


def infer_role(path: str) -> str | None:
    """`net`, `rate`, `gross` or `tax`, by the last key of a dotted path; None where it is none."""
    key_words = split_key(path.rpartition(".")[2])
    return next((role for role, pattern in ROLE_PATTERNS if pattern.search(key_words)), None)


def find_row_total_column(columns: Collection[str]) -> str | None:
    """Which of a list's columns has the rows' totals; None where none or several do."""
    words_by_column = {column: split_key(column.rpartition(".")[2]) for column in columns}
    total_columns = [
        column
        for column, key_words in words_by_column.items()
        if ROW_TOTAL_PATTERN.search(key_words) and infer_role(column) in (None, "gross")
    ]
    candidates = total_columns or [
        column
        for column, key_words in words_by_column.items()
        if ROW_PRICE_PATTERN.fullmatch(key_words)
    ]
    return candidates[0] if len(candidates) == 1 else None


def is_unit_price(path: str) -> bool:
    """Whether a field holds what one of something costs, by its last key."""
    return bool(UNIT_PRICE_PATTERN.search(split_key(path.rpartition(".")[2])))


def is_percent_name(path: str) -> bool:
    """Whether a field's last key says that its values are percent: `tax_rate`, `НДС, %`, a bare
    `rate`; `НДС 20%` is an amount."""
    key = path.rpartition(".")[2]
    key_words = split_key(key)
    has_sign = bool(re.search(r"(?<![\d\s])\s?%", key[:200]))
    has_name = PERCENT_PATTERN.search(key_words) or BARE_RATE_PATTERN.fullmatch(key_words)
    return has_sign or bool(has_name)
