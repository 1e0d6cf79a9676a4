"""Lines of an invoice -> its fields, by label words, position and arithmetic.

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
NUMERIC_PAIR_PATTERN = re.compile(r"\b(\d\d?)[./-](\d\d?)[./-]\d{2,4}")
NUMBER_PATTERN = re.compile(
    r"[\s:.#°º№-]*(?:(?:nr|no|n)\b[\s:.#°º]*)?((?=[\w./-]*\d)\w[\w./-]*\w|\d)", re.I
)
WEB_NAME_PATTERN = re.compile(r"(?:@|www\.)([\w-]{4,})\.")
NAME_SEPARATOR_PATTERN = re.compile(r"\s*[·•|*]\s*|\s[-–—]\s|,\s(?!inc|llc|ltd)", re.I)
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
        (_, top, _, bottom), (_, other_top, _, other_bottom) = self.box, other.box
        height = min(bottom - top, other_bottom - other_top)
        distance = abs(top + bottom - other_top - other_bottom)
        return self.page == other.page and distance < 1.1 * height

    def is_below(self, other: "TextLine") -> bool:
        """In the same column, at most four lines down."""
        (left, top, right, _) = self.box
        (other_left, other_top, other_right, other_bottom) = other.box
        if self.page != other.page or right <= other_left - 10 or left >= other_right + 10:
            return False
        is_near = 0 < top - other_top < 4 * (other_bottom - other_top)
        return is_near and not self.is_in_row_of(other)


def fold_text(text: str) -> str:
    """Lower case without accents, character for character."""
    return "".join(unicodedata.normalize("NFKD", letter)[0].lower()[0] for letter in text)


def _compile_label_pattern(words: Iterable[str]) -> re.Pattern[str]:
    alternatives = "|".join(words).replace("№", "n").replace(" ", r"[\W_]*")
    return re.compile(rf"(?<![a-zа-я0-9])(?:{alternatives})(?![a-zа-я])")


LABEL_PATTERNS = {
    kind: _compile_label_pattern(words.values()) for kind, words in WORDS["labels"].items()
}


def build_text_line(page: int, box: tuple[float, float, float, float], text: str) -> TextLine:
    """A line with its labels found, except for those in brackets: in "Total (incl. VAT)" VAT is no
    label."""
    text = unicodedata.normalize("NFC", text)
    bracket_spans = [match.span() for match in re.finditer(r"\([^)]+\)", text)]
    folded_text = fold_text(text)
    candidates: list[tuple[int, int, str]] = []
    for kind, pattern in LABEL_PATTERNS.items():
        candidates += [(*match.span(), kind) for match in pattern.finditer(folded_text)]
    label_spans: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(candidates, key=lambda span: span[0] - span[1]):
        is_free = all(end <= taken[0] or start >= taken[1] for taken in label_spans)
        is_in_brackets = any(opening < start < closing for opening, closing in bracket_spans)
        if start < end and is_free and not is_in_brackets:
            label_spans.append((start, end, kind))
    return TextLine(page, box, text, tuple(sorted(label_spans)))


def find_labelled_texts(
    lines: Sequence[TextLine], kind: str
) -> Iterator[tuple[TextLine, list[str], list[str]]]:
    """Each label of a kind, the texts behind and right of it up to the next label, and the texts
    below it."""
    for label in lines:
        next_spans = [*label.label_spans[1:], None]
        for (_, end, label_kind), next_span in zip(label.label_spans, next_spans, strict=False):
            if label_kind != kind:
                continue
            row_texts = [label.text[end : next_span[0] if next_span else None]]
            if next_span is None:
                row_texts += _collect_texts_right_of(label, lines)
            yield label, row_texts, _collect_texts_below(label, lines)


def _collect_texts_right_of(label: TextLine, lines: Sequence[TextLine]) -> list[str]:
    """Up to the next piece with a label in it."""
    row_lines = [line for line in lines if line.box[0] > label.box[0] and line.is_in_row_of(label)]
    row_lines.sort(key=_get_left)
    return [line.text for line in takewhile(lambda line: not line.label_spans, row_lines)]


def _collect_texts_below(label: TextLine, lines: Sequence[TextLine]) -> list[str]:
    """A column: each piece is below the one before."""
    column_lines = [label]
    for line in lines:
        if line.is_below(column_lines[-1]):
            column_lines.append(line)
    return [line.text for line in column_lines[1:]]


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


def parse_dates(text: str, order: str, languages: Sequence[str]) -> list[str]:
    """The dates in a text, ISO. Only whole dates in listed shapes reach the parser, which would
    guess at others."""
    import dateparser

    settings: dict[str, Any] = {
        "REQUIRE_PARTS": ["day", "month", "year"],
        "PARSERS": ["absolute-time"],
    }
    dates = []
    for match in DATE_PATTERN.finditer(text):
        normalized = re.sub(r"\s*[年月./]\s*", "-" if match["iso"] else ".", match[0])
        settings["DATE_ORDER"] = "YMD" if match["iso"] else order
        moment = dateparser.parse(normalized, languages=list(languages), settings=settings)
        if moment:
            dates.append(moment.date().isoformat())
    return dates


def find_issue_and_due_dates(
    lines: Sequence[TextLine], order: str, languages: Sequence[str]
) -> tuple[str | None, str | None]:
    """The dates at their labels; an issue date without one is the first that no other label
    claims."""

    def find_first_date(texts: Iterable[str], other_than: str | None = None) -> str | None:
        for text in texts:
            for date in parse_dates(text, order, languages):
                if date != other_than:
                    return date
        return None

    def find_labelled_date(kind: str) -> str | None:
        labelled = (row + column[:1] for _, row, column in find_labelled_texts(lines, kind))
        return find_first_date(chain.from_iterable(labelled))

    due_date = find_labelled_date("due")
    issue_date = find_labelled_date("issue") or find_labelled_date("issue_weak")
    if issue_date is None:
        unclaimed_texts = (line.text for line in lines if not _has_label(line, "due", "not_issue"))
        issue_date = find_first_date(unclaimed_texts, other_than=due_date)
    return issue_date, due_date


def _has_label(line: TextLine, *kinds: str) -> bool:
    return any(kind in kinds for *_, kind in line.label_spans)


def parse_amounts(*texts: str) -> list[Decimal]:
    """The amounts with decimals or a currency sign, in the order of the texts."""
    from price_parser import Price

    joined_text = " | ".join(re.sub("[−–]", "-", text) for text in texts)
    amounts = []
    for match in AMOUNT_PATTERN.finditer(joined_text):
        amount_text = re.sub(r"(?<=[.,])\s", "", match[0])
        amount: Decimal | None = Price.fromstring(amount_text).amount
        if amount is not None:
            is_negative = "-" in amount_text or amount_text.startswith("(")
            amounts.append(-amount if is_negative else amount)
    return amounts


def weigh_amounts(lines: Sequence[TextLine]) -> dict[str, dict[Decimal, float]]:
    """How much speaks for each amount as net, tax and gross: labels (the lower the better) and
    size."""
    all_amounts = parse_amounts(*(line.text for line in lines))
    weights = {kind: dict.fromkeys(all_amounts, -0.5) for kind in ("net", "tax", "gross")}
    if all_amounts:
        weights["gross"][max(all_amounts)] = 0.8
    document_height = max(((line.page + 1) * line.box[3] for line in lines), default=1)
    for kind, strength in LABEL_WEIGHTS.items():
        kind_weights = weights[kind.removesuffix("_weak")]
        for label, row, column in find_labelled_texts(lines, kind):
            row_amounts, column_amounts = parse_amounts(*row)[::-1], parse_amounts(*column)
            shares = [(amount, 1 / (1 + rank)) for rank, amount in enumerate(row_amounts)]
            if not shares:
                below = column_amounts[-1:]
                if len(column_amounts) > 1 and kind in ("net", "tax"):
                    below.append(sum(column_amounts, Decimal()))
                shares = [(amount, 0.5) for amount in below]
            depth = (label.page + 1) * label.box[3] / document_height
            for amount, share in shares:
                kind_weights[amount] = max(kind_weights.get(amount, 0), strength * share + depth)
    if labelled := [amount for amount, weight in weights["gross"].items() if weight > 1.5]:
        weights["gross"][max(labelled)] += 1
    return weights


def find_totals(lines: Sequence[TextLine]) -> dict[str, str]:
    """The net, tax and gross for which most speaks, above all that they add up."""
    weights = weigh_amounts(lines)
    nets, taxes, grosses = (
        sorted(kind_weights, key=kind_weights.__getitem__)[-12:]
        for kind_weights in weights.values()
    )

    def score_trio(trio: tuple[Any, ...]) -> float:
        net, tax, gross = trio
        pairs = zip(weights.values(), trio, strict=True)
        points = sum(kind_weights.get(amount, 0) for kind_weights, amount in pairs)
        if net and tax is not None and net + tax == gross:
            points += 3
        if abs(net or 0) > abs(gross) or gross == 0:
            points -= 2
        return float(points)

    trios = product([*nets, None], [*taxes, None], grosses)
    best_trio = max(trios, key=score_trio, default=())
    totals = zip(weights, best_trio, strict=False)
    return {kind: str(amount) for kind, amount in totals if amount is not None}


def find_seller(lines: Sequence[TextLine]) -> str | None:
    """The piece of the first page most like an issuer: high up, large, with a legal form, a label
    or a web address."""
    first_page = [line for line in lines if line.page == 0]
    page_height = max((line.box[3] for line in first_page), default=1)
    median_height = median([line.box[3] - line.box[1] for line in first_page] or [1])
    sites: list[str] = []
    for line in lines:
        names = WEB_NAME_PATTERN.findall(line.text.lower())
        sites += [re.sub(r"\W", "", name) for name in names]
    labelled_rows = (row + column[:1] for _, row, column in find_labelled_texts(lines, "seller"))
    labelled = {text.strip(" :") for text in chain.from_iterable(labelled_rows)}
    buyers = [line for line in first_page if _has_label(line, "buyer")]

    def is_near_buyer(line: TextLine) -> bool:
        left, top, _, _ = line.box
        return any(
            0 <= top - buyer.box[1] < 6 * median_height
            and abs(left - buyer.box[0]) < 12 * median_height
            for buyer in buyers
        )

    def score_part(line: TextLine, part: str) -> float:
        _, top, _, bottom = line.box
        letters = re.sub(r"[\W\d_]", "", fold_text(part))
        points = 1.5 * (1 - top / page_height) + min((bottom - top) / median_height, 3) * 0.6
        points += 2.5 * bool(LEGAL_FORM_PATTERN.search(part)) + 2.5 * (part in labelled)
        points -= 3 * is_near_buyer(line)
        if any(site in letters or (len(letters) > 2 and letters in site) for site in sites):
            points += 2
        return points

    scores: dict[str, float] = {}
    for line in first_page:
        starts_with_label = any(start == 0 for start, *_ in line.label_spans)
        for part in NAME_SEPARATOR_PATTERN.split(line.text):
            if _is_no_name(part) or (starts_with_label and not LEGAL_FORM_PATTERN.search(part)):
                continue
            name = part.strip(" :")
            scores[name] = max(score_part(line, name), scores.get(name, 0))
    return max(scores, key=scores.__getitem__, default=None)


def _is_no_name(part: str) -> bool:
    """An address on the web, an amount, or hardly a letter."""
    letter_count = sum(map(str.isalpha, part))
    return bool(re.search(r"@|www", part) or CURRENCY_PATTERN.search(part)) or letter_count < 2


def find_line_items(lines: Sequence[TextLine]) -> list[dict[str, str]]:
    """Rows of words that end with an amount, above the first total."""
    line_items: list[dict[str, str]] = []
    for line in lines:
        row = sorted((other for other in lines if other.is_in_row_of(line)), key=_get_left)
        if line_items and any(_has_label(part, *LABEL_WEIGHTS) for part in row):
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


def _get_left(line: TextLine) -> float:
    return line.box[0]


def find_currency(lines: Sequence[TextLine]) -> str | None:
    """The sign or code printed most often."""
    signs = chain.from_iterable(CURRENCY_PATTERN.findall(line.text) for line in lines)
    codes = [CURRENCY_CODES[sign.lower()] for sign in signs]
    return max(codes, key=codes.count, default=None)


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


def guess_date_order(lines: Sequence[TextLine], currency: str | None) -> str:
    """MDY where a second number is above 12, or for US dollars where no first one is; else DMY."""
    pairs = list(chain.from_iterable(NUMERIC_PAIR_PATTERN.findall(line.text) for line in lines))
    if any(int(second) > 12 for _, second in pairs):
        return "MDY"
    is_month_first = currency == "USD" and not any(int(first) > 12 for first, _ in pairs)
    return "MDY" if is_month_first else "DMY"
