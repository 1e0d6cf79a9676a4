"""The part that a field plays in an invoice's arithmetic, by what its key says, in the languages of
the suites we know.

A key that says nothing plays no part; of two fields that would play one part neither does
(`totals.total`, `points.total`): that is for the caller to see.
"""

import re
from collections.abc import Collection

# The first that fits: what is without or with tax before tax itself, and that before the bare word
# "total".
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


def split_key(key: str) -> str:
    """A key as words: `processedAt`, `processed_at` and `Processed-At` are `processed at`."""
    split = re.sub(r"(?<=[a-zа-яё0-9])(?=[A-ZА-ЯЁ])", " ", key[:200])
    return " ".join(re.findall(r"[^\W_]+|№", split)).casefold()


def infer_role(path: str) -> str | None:
    """`net`, `rate`, `gross` or `tax`, from the last key of a dotted path; None where it says none
    of them."""
    name = split_key(path.rpartition(".")[2])
    return next((found for found, pattern in ROLE_PATTERNS if pattern.search(name)), None)


def find_row_total_column(columns: Collection[str]) -> str | None:
    """Which of a list's columns has the rows' totals; None where none or several do."""
    names = {column: split_key(column.rpartition(".")[2]) for column in columns}
    named = [
        column
        for column, name in names.items()
        if ROW_TOTAL_PATTERN.search(name) and infer_role(column) in (None, "gross")
    ]
    found = named or [column for column, name in names.items() if ROW_PRICE_PATTERN.fullmatch(name)]
    return found[0] if len(found) == 1 else None
