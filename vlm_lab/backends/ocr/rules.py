"""What the lines of an invoice say, by label words, position and arithmetic: the OCR baseline's
reading.

No rule is for one issuer, and words are data (ocr_words.yaml). A value stands behind its label,
right of it or below it; totals are candidates that add up. Try it: `scripts/bench -k ocr`
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, product, takewhile
from pathlib import Path
from statistics import median
from typing import Any

import yaml

WORDS_FILE = Path(__file__).with_name("ocr_words.yaml")
WORDS = yaml.safe_load(WORDS_FILE.read_text("utf-8"))
CURRENCY_CODES = WORDS["signs"] | {code.lower(): code for code in WORDS["codes"]}
LEGAL_FORM_PATTERN = re.compile(
    rf"\w.*(?<!\w)(?:{WORDS['legal_forms']})(?!\w)|^(?:ооо|зао|ао|ип)\W|株式会社", re.I
)
CURRENCY_PATTERN = re.compile(
    rf"(?<![^\W\d])(?:{'|'.join(map(re.escape, CURRENCY_CODES))})(?![^\W\d])", re.I
)
GROUPED_DIGITS = r"\d{1,3}(?:(?P<g>[.,'’ ])\d{3})(?:(?P=g)\d{3})*|\d{1,3}(?:,\d{2})+,\d{3}|\d*"
DECIMALS = r"[.,]\s?\d{2}(?![\d%]|\s?%|[.,/:-]\d)-?"
WHOLE_AMOUNT = r"(?<=[$€£¥])\d[\d,]*(?![\d.,])|\d[\d,]*(?=\s?円)"
AMOUNT_PATTERN = re.compile(
    rf"(?<![\d.,/])[-(]?\s?[$€£¥]?-?\s?(?:(?:{GROUPED_DIGITS}){DECIMALS}|{WHOLE_AMOUNT})"
)
DAY, YEAR = r"\d{1,2}(?:st|nd|rd|th|er|º)?", r"'?(?:\d{4}|\d{2})(?!\d)"
ISO_DATE = r"(?P<iso>\d{4}\s?[-./年]\s?\d{1,2}\s?[-./月]\s?\d{1,2})(?!\d)"
NUMERIC_DATE = rf"\d{{1,2}}\s?[./-]\s?\d{{1,2}}\s?[./-]\s?{YEAR}"
NAMED_MONTH_DATE = rf"{DAY}[.\s-]{{0,2}}(?:de\s)?[^\W\d]{{3,10}}[.,]?[\s-]?(?:del?\s)?{YEAR}"
DATE_PATTERN = re.compile(
    rf"(?<![\d.,/-])(?:{ISO_DATE}|{NUMERIC_DATE}|{NAMED_MONTH_DATE}|[^\W\d]{{3,10}}\.?\s?{DAY}[\s,.-]{{1,3}}\d{{4}})"
)
NUMBER_PATTERN = re.compile(
    r"[\s:.#°º№-]*(?:(?:nr|no|n)\b[\s:.#°º]*)?((?=[\w./-]*\d)\w[\w./-]*\w|\d)", re.I
)
LABEL_WEIGHTS = {"net": 3.0, "tax": 3.0, "gross": 3.0, "gross_weak": 2.0}  # of labels


@dataclass(frozen=True, slots=True)
class TextLine:
    """One piece of text on a page turned level: left, top, right, bottom in pixels, and the labels
    in it."""

    page: int
    box: tuple[float, float, float, float]
    text: str
    label_spans: tuple[tuple[int, int, str], ...] = ()

    def is_in_row_of(self, other: "TextLine") -> bool:
        (_, top, _, bottom), (_, high, _, low) = self.box, other.box
        return self.page == other.page and abs(top + bottom - high - low) < 1.1 * min(
            bottom - top, low - high
        )

    def is_below(self, other: "TextLine") -> bool:
        """In the same column, at most four lines down."""
        (left, top, right, _), (start, high, end, low) = self.box, other.box
        overlap = right > start - 10 and left < end + 10 and self.page == other.page
        return overlap and 0 < top - high < 4 * (low - high) and not self.is_in_row_of(other)


def fold_text(text: str) -> str:
    """Lower case without accents, character for character."""
    return "".join(unicodedata.normalize("NFKD", letter)[0].lower()[0] for letter in text)


def _compile_label_pattern(words: Iterable[str]) -> re.Pattern[str]:
    blanks = "|".join(words).replace("№", "n").replace(" ", r"[\W_]*")
    return re.compile(rf"(?<![a-zа-я0-9])(?:{blanks})(?![a-zа-я])")


LABEL_PATTERNS = {
    kind: _compile_label_pattern(words.values()) for kind, words in WORDS["labels"].items()
}


def build_text_line(page: int, box: tuple[float, float, float, float], text: str) -> TextLine:
    """A line with its labels found, except for those in brackets: in "Total (incl. VAT)" VAT is no
    label."""
    text = unicodedata.normalize("NFC", text)
    aside = [found.span() for found in re.finditer(r"\([^)]+\)", text)]
    spans = [
        (*found.span(), kind)
        for kind, known in LABEL_PATTERNS.items()
        for found in known.finditer(fold_text(text))
    ]
    marks: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(spans, key=lambda span: span[0] - span[1]):
        free = all(end <= mark[0] or start >= mark[1] for mark in marks)
        if start < end and free and not any(opened < start < closed for opened, closed in aside):
            marks.append((start, end, kind))
    return TextLine(page, box, text, tuple(sorted(marks)))


def find_labelled_texts(
    lines: Sequence[TextLine], kind: str
) -> Iterator[tuple[TextLine, list[str], list[str]]]:
    """Each label of a kind, the texts behind and right of it up to the next label, and the texts
    below it."""
    places = (
        (label, place)
        for label in lines
        for place in range(len(label.label_spans))
        if label.label_spans[place][2] == kind
    )
    for label, place in places:
        stop = label.label_spans[place + 1][0] if place + 1 < len(label.label_spans) else None
        right = sorted(
            (x for x in lines if x.box[0] > label.box[0] and x.is_in_row_of(label)),
            key=lambda x: x.box[0],
        )
        row = [] if stop else [x.text for x in takewhile(lambda x: not x.label_spans, right)]
        column = [label]
        for x in lines:
            column += [x] if x.is_below(column[-1]) else []
        yield (
            label,
            [label.text[label.label_spans[place][1] : stop], *row],
            [x.text for x in column[1:]],
        )


def find_invoice_number(lines: Sequence[TextLine]) -> str | None:
    """The first word with a digit at a label of the document's number that is neither date nor
    amount."""
    strong = (
        text
        for _, row, column in find_labelled_texts(lines, "number")
        for text in row[:2] + column[:1]
    )
    weak = (text for _, row, _ in find_labelled_texts(lines, "number_weak") for text in row[:2])
    found = (match[1] for text in chain(strong, weak) if (match := NUMBER_PATTERN.match(text)))
    return next(
        (
            text
            for text in found
            if not DATE_PATTERN.match(text) and not re.fullmatch(r"\d+[.,]\d\d", text)
        ),
        None,
    )


def parse_dates(text: str, order: str, languages: Sequence[str]) -> list[str]:
    """The dates in a text, ISO. Only whole dates in listed shapes reach the parser, which would
    guess at others."""
    import dateparser

    settings: dict[str, Any] = {
        "REQUIRE_PARTS": ["day", "month", "year"],
        "PARSERS": ["absolute-time"],
    }
    days = []
    for found in DATE_PATTERN.finditer(text):
        plain = re.sub(r"\s*[年月./]\s*", "-" if found["iso"] else ".", found[0])
        settings["DATE_ORDER"] = "YMD" if found["iso"] else order
        days.append(dateparser.parse(plain, languages=list(languages), settings=settings))
    return [day.date().isoformat() for day in days if day]


def find_issue_and_due_dates(
    lines: Sequence[TextLine], order: str, languages: Sequence[str]
) -> tuple[str | None, str | None]:
    """The dates at their labels; an issue date without one is the first that no other label
    claims."""

    def first(kind: str) -> str | None:
        texts = (
            text for _, row, column in find_labelled_texts(lines, kind) for text in row + column[:1]
        )
        return next((day for text in texts for day in parse_dates(text, order, languages)), None)

    due = first("due")
    free = [
        x.text for x in lines if not {"due", "not_issue"} & {kind for *_, kind in x.label_spans}
    ]
    unlabelled = (day for text in free for day in parse_dates(text, order, languages) if day != due)
    return first("issue") or first("issue_weak") or next(unlabelled, None), due


def parse_amounts(*texts: str) -> list[Decimal]:
    """The amounts with decimals or a currency sign, in the order of the texts."""
    from price_parser import Price

    whole = " | ".join(re.sub("[−–]", "-", text) for text in texts)
    found = [re.sub(r"(?<=[.,])\s", "", match[0]) for match in AMOUNT_PATTERN.finditer(whole)]
    signed = [
        (Price.fromstring(text).amount, "-" in text or text.startswith("(")) for text in found
    ]
    return [-price if negative else price for price, negative in signed if price is not None]


def weigh_amounts(lines: Sequence[TextLine]) -> dict[str, dict[Decimal, float]]:
    """How much speaks for each amount as net, tax and gross: labels (the lower the better) and
    size."""
    every = parse_amounts(*(x.text for x in lines))
    weights = {kind: dict.fromkeys(every, -0.5) for kind in ("net", "tax", "gross")}
    weights["gross"].update({max(every): 0.8} if every else {})
    depth = max(((x.page + 1) * x.box[3] for x in lines), default=1)
    for kind, strength in LABEL_WEIGHTS.items():
        known = weights[kind.removesuffix("_weak")]
        for label, row, column in find_labelled_texts(lines, kind):
            behind, under = parse_amounts(*row)[::-1], parse_amounts(*column)
            sums = [sum(under, Decimal())] if len(under) > 1 and kind in ("net", "tax") else []
            ranked = [(price, 1 / (1 + place)) for place, price in enumerate(behind)]
            for price, share in ranked or [(price, 0.5) for price in under[-1:] + sums]:
                weight = strength * share + (label.page + 1) * label.box[3] / depth
                known[price] = max(known.get(price, 0), weight)
    if labelled := [price for price, weight in weights["gross"].items() if weight > 1.5]:
        weights["gross"][max(labelled)] += 1
    return weights


def find_totals(lines: Sequence[TextLine]) -> dict[str, str]:
    """The net, tax and gross for which most speaks, above all that they add up."""
    weights = weigh_amounts(lines)
    best = [sorted(known, key=known.__getitem__)[-12:] for known in weights.values()]

    def score(trio: tuple[Any, ...]) -> float:
        net, tax, gross = trio
        points = sum(
            known.get(price, 0) for known, price in zip(weights.values(), trio, strict=True)
        )
        points += 3 if net and tax is not None and net + tax == gross else 0
        return float(points - 2 * (abs(net or 0) > abs(gross) or gross == 0))

    trios = product([*best[0], None], [*best[1], None], best[2])
    chosen = dict(zip(weights, max(trios, key=score, default=()), strict=False))
    return {kind: str(price) for kind, price in chosen.items() if price is not None}


def find_seller(lines: Sequence[TextLine]) -> str | None:
    """The piece of the first page most like an issuer: high up, large, with a legal form, a label
    or a web address."""
    first = [x for x in lines if x.page == 0]
    depth = max((x.box[3] for x in first), default=1)
    usual = median([x.box[3] - x.box[1] for x in first] or [1])
    sites = [
        re.sub(r"\W", "", site)
        for x in lines
        for site in re.findall(r"(?:@|www\.)([\w-]{4,})\.", x.text.lower())
    ]
    labelled = {
        text.strip(" :")
        for _, row, column in find_labelled_texts(lines, "seller")
        for text in row + column[:1]
    }
    buyers = [x for x in first if any(kind == "buyer" for *_, kind in x.label_spans)]

    def score(x: TextLine, part: str) -> float:
        left, top, _, bottom = x.box
        plain = re.sub(r"[\W\d_]", "", fold_text(part))
        theirs = any(
            0 <= top - b.box[1] < 6 * usual and abs(left - b.box[0]) < 12 * usual for b in buyers
        )
        points = 1.5 * (1 - top / depth) + min((bottom - top) / usual, 3) * 0.6
        points += (
            2.5 * bool(LEGAL_FORM_PATTERN.search(part)) + 2.5 * (part in labelled) - 3 * theirs
        )
        points += 2 * any(site in plain or (len(plain) > 2 and plain in site) for site in sites)
        return points

    scores: dict[str, float] = {}
    for x in first:
        for part in re.split(r"\s*[·•|*]\s*|\s[-–—]\s|,\s(?!inc|llc|ltd)", x.text, flags=re.I):
            barred = (
                re.search(r"@|www", part)
                or CURRENCY_PATTERN.search(part)
                or sum(map(str.isalpha, part)) < 2
            )
            if not barred and (
                LEGAL_FORM_PATTERN.search(part) or all(start > 0 for start, *_ in x.label_spans)
            ):
                scores[part.strip(" :")] = max(
                    score(x, part.strip(" :")), scores.get(part.strip(" :"), 0)
                )
    return max(scores, key=scores.__getitem__, default=None)


def find_line_items(lines: Sequence[TextLine]) -> list[dict[str, str]]:
    """Rows of words that end with an amount, above the first total."""
    found: list[dict[str, str]] = []
    for x in lines:
        row = sorted((y for y in lines if y.is_in_row_of(x)), key=lambda y: y.box[0])
        if found and any(kind in LABEL_WEIGHTS for y in row for *_, kind in y.label_spans):
            break
        words = max((y.text for y in row), key=lambda text: sum(map(str.isalpha, text)))
        prices = parse_amounts(*(y.text for y in row))
        if row[0] is x and not parse_amounts(words) and parse_amounts(row[-1].text):
            cells = {"description": words, "amount": str(prices[-1])}
            found.append(cells | ({"unit_price": str(prices[-2])} if len(prices) > 1 else {}))
    return found


def find_currency(lines: Sequence[TextLine]) -> str | None:
    """The sign or code printed most often."""
    signs = [
        CURRENCY_CODES[sign.lower()] for x in lines for sign in CURRENCY_PATTERN.findall(x.text)
    ]
    return max(signs, key=signs.count, default=None)


def extract_fields(lines: Sequence[TextLine], languages: Sequence[str]) -> dict[str, Any]:
    """The fields of a document in the shipped schema's keys; what was not found is left out."""
    lines = sorted(lines, key=lambda x: (x.page, x.box[1] + x.box[3], x.box[0]))
    pairs = [
        tuple(map(int, pair))
        for x in lines
        for pair in re.findall(r"\b(\d\d?)[./-](\d\d?)[./-]\d{2,4}", x.text)
    ]
    money = find_currency(lines)
    american = any(b > 12 for _, b in pairs) or (
        money == "USD" and not any(a > 12 for a, _ in pairs)
    )
    issue, due = find_issue_and_due_dates(lines, "MDY" if american else "DMY", languages)
    found = {"invoice_number": find_invoice_number(lines), "issue_date": issue, "due_date": due, "currency": money,
             "seller": {"name": find_seller(lines)}, "totals": find_totals(lines), "line_items": find_line_items(lines)}  # fmt: skip
    return {
        key: value for key, value in found.items() if value not in (None, {}, [], {"name": None})
    }
