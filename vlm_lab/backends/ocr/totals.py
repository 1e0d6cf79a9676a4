"""The net, tax and gross of an invoice: the printed amounts for which labels speak and that add
up."""

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from typing import Any

from vlm_lab.backends.ocr.text_lines import TextLine, find_labelled_texts

GROUPED_DIGITS = r"\d{1,3}(?:(?P<g>[.,'’ ])\d{3})(?:(?P=g)\d{3})*|\d{1,3}(?:,\d{2})+,\d{3}|\d*"
DECIMALS = r"[.,]\s?\d{2}(?![\d%]|\s?%|[.,/:-]\d)-?"
WHOLE_AMOUNT = r"(?<=[$€£¥])\d[\d,]*(?![\d.,])|\d[\d,]*(?=\s?円)"
AMOUNT_PATTERN = re.compile(
    rf"(?<![\d.,/])[-(]?\s?[$€£¥]?-?\s?(?:(?:{GROUPED_DIGITS}){DECIMALS}|{WHOLE_AMOUNT})"
)
LABEL_WEIGHTS = {"net": 3.0, "tax": 3.0, "gross": 3.0, "gross_weak": 2.0}  # of labels


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
