"""The issuer's name: the piece of the first page that looks most like it."""

import re
from collections.abc import Sequence
from itertools import chain
from statistics import median

from vlm_lab.backends.ocr.text_lines import TextLine, find_labelled_texts, has_label
from vlm_lab.backends.ocr.words import CURRENCY_PATTERN, LEGAL_FORM_PATTERN, fold_text

WEB_NAME_PATTERN = re.compile(r"(?:@|www\.)([\w-]{4,})\.")
NAME_SEPARATOR_PATTERN = re.compile(r"\s*[·•|*]\s*|\s[-–—]\s|,\s(?!inc|llc|ltd)", re.I)


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
    buyers = [line for line in first_page if has_label(line, "buyer")]

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
