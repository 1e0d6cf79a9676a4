"""The dates of an invoice: in which shapes they are printed, and which is the issue's and the due
one."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from vlm_lab.backends.ocr.text_lines import TextLine, find_labelled_texts, has_label

DAY, YEAR = r"\d{1,2}(?:st|nd|rd|th|er|º)?", r"'?(?:\d{4}|\d{2})(?!\d)"
ISO_DATE = r"(?P<iso>\d{4}\s?[-./年]\s?\d{1,2}\s?[-./月]\s?\d{1,2})(?!\d)"
NUMERIC_DATE = rf"\d{{1,2}}\s?[./-]\s?\d{{1,2}}\s?[./-]\s?{YEAR}"
NAMED_MONTH_DATE = rf"{DAY}[.\s-]{{0,2}}(?:de\s)?[^\W\d]{{3,10}}[.,]?[\s-]?(?:del?\s)?{YEAR}"
DATE_PATTERN = re.compile(
    rf"(?<![\d.,/-])(?:{ISO_DATE}|{NUMERIC_DATE}|{NAMED_MONTH_DATE}|[^\W\d]{{3,10}}\.?\s?{DAY}[\s,.-]{{1,3}}\d{{4}})"
)
NUMERIC_PAIR_PATTERN = re.compile(r"\b(\d\d?)[./-](\d\d?)[./-]\d{2,4}")


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
        unclaimed_texts = (line.text for line in lines if not has_label(line, "due", "not_issue"))
        issue_date = find_first_date(unclaimed_texts, other_than=due_date)
    return issue_date, due_date


def guess_date_order(lines: Sequence[TextLine], currency: str | None) -> str:
    """MDY where a second number is above 12, or for US dollars where no first one is; else DMY."""
    pairs = list(chain.from_iterable(NUMERIC_PAIR_PATTERN.findall(line.text) for line in lines))
    if any(int(second) > 12 for _, second in pairs):
        return "MDY"
    is_month_first = currency == "USD" and not any(int(first) > 12 for first, _ in pairs)
    return "MDY" if is_month_first else "DMY"
