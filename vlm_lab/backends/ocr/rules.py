"""Lines of an invoice -> its fields, by label words, position and arithmetic.

No rule is for one issuer, and words are data (ocr_words.yaml). Try it: `scripts/bench -k ocr`
"""

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

from vlm_lab.backends.ocr.dates import DATE_PATTERN, find_issue_and_due_dates, guess_date_order
from vlm_lab.backends.ocr.seller import find_seller
from vlm_lab.backends.ocr.text_lines import TextLine, find_labelled_texts, get_left, has_label
from vlm_lab.backends.ocr.totals import LABEL_WEIGHTS, find_totals, parse_amounts
from vlm_lab.backends.ocr.words import CURRENCY_CODES, CURRENCY_PATTERN

NUMBER_PATTERN = re.compile(
    r"[\s:.#°º№-]*(?:(?:nr|no|n)\b[\s:.#°º]*)?((?=[\w./-]*\d)\w[\w./-]*\w|\d)", re.I
)


def extract_fields(lines: Sequence[TextLine], languages: Sequence[str]) -> dict[str, Any]:
    """The fields of a document in the shipped schema's keys; what was not found is left out."""
    lines = sorted(lines, key=lambda line: (line.page, line.box[1] + line.box[3], line.box[0]))
    currency = find_currency(lines)
    date_order = guess_date_order(lines, currency)
    issue_date, due_date = find_issue_and_due_dates(lines, date_order, languages)
    fields = {
        "invoice_number": find_invoice_number(lines),
        "issue_date": issue_date,
        "due_date": due_date,
        "currency": currency,
        "seller": {"name": find_seller(lines)},
        "totals": find_totals(lines),
        "line_items": find_line_items(lines),
    }
    nothing: tuple[Any, ...] = (None, {}, [], {"name": None})
    return {key: value for key, value in fields.items() if value not in nothing}


def find_invoice_number(lines: Sequence[TextLine]) -> str | None:
    """The first word with a digit at a label of the document's number that is neither date nor
    amount."""
    labelled = [row[:2] + column[:1] for _, row, column in find_labelled_texts(lines, "number")]
    labelled += [row[:2] for _, row, _ in find_labelled_texts(lines, "number_weak")]
    for text in chain.from_iterable(labelled):
        match = NUMBER_PATTERN.match(text)
        if match is None:
            continue
        number = match[1]
        if not DATE_PATTERN.match(number) and not re.fullmatch(r"\d+[.,]\d\d", number):
            return number
    return None


def find_currency(lines: Sequence[TextLine]) -> str | None:
    """The sign or code printed most often."""
    signs = chain.from_iterable(CURRENCY_PATTERN.findall(line.text) for line in lines)
    codes = [CURRENCY_CODES[sign.lower()] for sign in signs]
    return max(codes, key=codes.count, default=None)


def find_line_items(lines: Sequence[TextLine]) -> list[dict[str, str]]:
    """Rows of words that end with an amount, above the first total."""
    line_items: list[dict[str, str]] = []
    for line in lines:
        row = sorted((other for other in lines if other.is_in_row_of(line)), key=get_left)
        if line_items and any(has_label(part, *LABEL_WEIGHTS) for part in row):
            break
        texts = [part.text for part in row]
        description = max(texts, key=lambda text: sum(map(str.isalpha, text)))
        amounts = parse_amounts(*texts)
        if row[0] is line and not parse_amounts(description) and parse_amounts(texts[-1]):
            line_item = {"description": description, "amount": str(amounts[-1])}
            if len(amounts) > 1:
                line_item["unit_price"] = str(amounts[-2])
            line_items.append(line_item)
    return line_items
