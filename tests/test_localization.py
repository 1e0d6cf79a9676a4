"""pytest tests/test_localization.py: figures as each language writes them."""

from decimal import Decimal
from typing import Any

import pytest

from vlm_lab.localization import localize_argument, localize_figure
from vlm_lab.messages import ENGLISH, Message, translate_message
from vlm_lab.report.formatting import format_amount, format_interval, format_number
from vlm_lab.report.translation import load_catalogue
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Estimate

RUSSIAN = load_catalogue("ru")


@pytest.mark.parametrize(
    ("english", "russian"),
    [
        ("0.873", "0,873"),
        ("-1,234.50", "-1 234,50"),
        ("95%", "95 %"),
        ("+0.05 … +0.20", "+0,05 … +0,20"),
        ("17", "17"),
    ],
)
def test_a_figure_in_each_language(english: str, russian: str) -> None:
    assert localize_figure(english, ENGLISH) == english
    assert localize_figure(english, RUSSIAN) == russian
    assert terminal_safe(russian) == russian


@pytest.mark.parametrize("value", ["1.5", True, None, Message("dry")])
def test_what_is_no_figure_stays_as_it_is(value: Any) -> None:
    assert localize_argument(value, RUSSIAN) is value


def test_figures_in_sentences_follow_the_language() -> None:
    reason = Message("limit", {"name": "p95_seconds", "value": 1.25, "rule": 0.5})
    assert translate_message(reason, ENGLISH) == "p95_seconds 1.25, rule 0.5"
    assert "1,25" in translate_message(reason, RUSSIAN)
    tokens = Message("too_long", {"n": 12345, "limit": 9000, "document": "a.b"})
    assert "12 345" in translate_message(tokens, RUSSIAN)
    assert "a.b" in translate_message(tokens, RUSSIAN)


def test_figures_in_tables_follow_the_language() -> None:
    assert format_number(None, ".1f", RUSSIAN) == "-"
    assert format_interval(Estimate(0.9, 0.82, 0.91, 4), RUSSIAN) == "0,82-0,91"
    assert format_amount(Decimal("1234.5"), ENGLISH) == "1 234.50"
    assert format_amount(Decimal("1234.5"), RUSSIAN) == "1 234,50"
