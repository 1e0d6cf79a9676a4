"""pytest tests/report/test_plain_words.py: what a candidate comes to for those who know no F1."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.case_records import failed, record
from tests.report.candidates import answer, decide, make_report, summarize
from vlm_lab.messages import ENGLISH, Message
from vlm_lab.report.cards import build_cards, describe_common_reasons, describe_lead
from vlm_lab.report.plain_words import compute_cost_per_right, describe_candidate, describe_cost
from vlm_lab.report.terminal import format_closing_lines
from vlm_lab.report.trade_table import (
    COST_LEGEND,
    TRADE_COLUMNS,
    TRADE_LEGEND,
    TradeTable,
    build_trade_table,
)
from vlm_lab.report.translation import load_catalogue
from vlm_lab.types import AmountError, Comparison, Estimate, ExpectedCost, LabelError, Record

RUSSIAN = load_catalogue("ru")
UNVERIFIED = Message("unverified")


ROWS = [
    answer("a", "exact"),
    answer("b", "wrong"),
    answer("c", "missing"),
    failed("d", model="perfect", fields=()),
    record("e", {}, model="perfect", scores={}),
]
OFF = {"totals.gross": {"EUR": AmountError(wrong=Decimal(30), count=3)}}
CELLS_OFF = {"rows[].sum": {"EUR": AmountError(wrong=Decimal(9), count=2)}}


@pytest.mark.parametrize(
    ("rows", "amount_error", "words"),
    [
        (ROWS[:1], {}, "1 of 1 document fully right"),
        (
            ROWS,
            {},
            "1 of 3 documents fully right; 1 field read wrong, 1 field not read;"
            " 1 document not answered, 1 document without a reference",
        ),
        (
            ROWS[:2],
            {**OFF, **CELLS_OFF},
            "1 of 2 documents fully right; 1 field read wrong;"
            " 3 totals are wrong, 30.00 EUR off in all",
        ),
        (
            [failed("a", "skipped", model="perfect", fields=())],
            {},
            "no document could be judged; 1 document not asked about",
        ),
    ],
)
def test_a_candidate_in_words(rows: list[Record], amount_error: Any, words: str) -> None:
    (summary,) = summarize(rows)
    summary = replace(summary, amount_error=amount_error)
    assert describe_candidate(summary, make_report([summary]), ENGLISH) == words


def test_a_candidate_in_russian_words() -> None:
    (summary,) = summarize(ROWS[:2])
    summary = replace(summary, amount_error=OFF)
    assert describe_candidate(summary, make_report([summary]), RUSSIAN) == (
        "полностью верно 1 из 2 документов; 1 поле прочитано неверно;"
        " неверны 3 суммы, расхождение всего 30,00 EUR"
    )


@pytest.mark.parametrize(
    ("first", "value", "p_adjusted", "bounds", "words"),
    [
        ("cheap", 0.1, 0.01, None, "better than today's pipeline"),
        ("cheap", -0.1, 0.01, None, "worse than today's pipeline"),
        ("today", -0.1, 0.01, None, "better than today's pipeline"),
        ("cheap", 0.1, 0.2, None, "no difference from today's pipeline is shown"),
        ("cheap", 0.1, 0.2, (-0.02, 0.3), "is shown; at worst 2.0% more fields are wrong"),
        ("today", 0.1, 0.2, (-0.02, 0.3), "is shown; at worst 30.0% more fields are wrong"),
    ],
)
def test_it_says_whether_it_is_worse_than_today(
    first: str,
    value: float,
    p_adjusted: float,
    bounds: tuple[float, float] | None,
    words: str,
) -> None:
    summaries = summarize([answer("a", "exact", model) for model in ("cheap", "today")])
    second = "today" if first == "cheap" else "cheap"
    comparison = Comparison(
        suite="invoices",
        first=(first, "default"),
        second=(second, "default"),
        score="field_f1",
        difference=Estimate(value, n=9),
        p_adjusted=p_adjusted,
        bounds=bounds,
    )
    report = make_report(summaries, comparisons=[comparison])
    described = [describe_candidate(summary, report, ENGLISH) for summary in summaries]
    assert described[0].endswith(words)
    assert described[1].endswith("; this is today's pipeline")


def test_what_is_as_good_within_the_margin_is_not_worse() -> None:
    summaries = summarize([answer("a", "exact", model) for model in ("cheap", "today")])
    comparison = Comparison(
        suite="invoices",
        first=("cheap", "default"),
        second=("today", "default"),
        score="field_f1",
        difference=Estimate(0.0, n=9),
    )
    figures = {"models": "perfect, today", "name": "field_f1", "limit": 0.02}
    reasons: Any = {"evidence": (Message("equivalent", figures),)}
    decision = replace(decide("cheap", "chosen"), reasons=reasons)
    report = make_report(summaries, comparisons=[comparison], decisions=[decision])
    words = describe_candidate(summaries[0], report, ENGLISH)
    assert words.endswith("; not worse than today's pipeline")


def test_the_first_sentence_says_who_how_well_and_what_next() -> None:
    summaries = summarize([*ROWS[:2], answer("a", "wrong", "cheap"), answer("b", "exact", "today")])
    perfect = replace(summaries[0], amount_error=OFF)
    suspects = [LabelError("invoices", str(n), "number", "1", {}, ()) for n in range(15)]
    report = make_report([perfect, *summaries[1:]], suspects=suspects)
    assert describe_lead(report, "invoices", report.summaries, ENGLISH) == (
        "perfect reads 1 of 2 documents fully right; 3 totals are wrong, 30.00 EUR off in all;"
        " next: check 15 doubtful references."
    )
    chosen = replace(report, decisions=[decide("cheap", "chosen")])
    assert describe_lead(chosen, "invoices", report.summaries, ENGLISH).startswith("cheap reads 0")


def test_what_is_common_to_all_is_said_once() -> None:
    summaries = summarize([answer("a", "wrong", model) for model in ("perfect", "cheap")])
    shared, own = Message("not_run", {"n": 2, "documents": 9}), Message("too_few", {"name": "x"})
    decisions = [
        decide("perfect", "needs_more_data", UNVERIFIED, shared),
        decide("cheap", "rejected", shared, Message("no_document"), UNVERIFIED),
    ]
    report = make_report(summaries, decisions=decisions)
    assert describe_common_reasons(report, "invoices", ENGLISH) == (
        "For all candidates: nobody has checked the suite's references (verified: false),"
        " 2 of 9 cells were not run: the run is partial."
    )
    first, second = build_cards(report, "invoices", ENGLISH)
    assert (first.against, second.against) == ([], ["no document was planned"])
    alone = make_report(summaries[:1], decisions=[decide("perfect", "rejected", UNVERIFIED, own)])
    assert "too few" not in describe_common_reasons(alone, "invoices", ENGLISH)
    assert "nobody has checked" in describe_common_reasons(alone, "invoices", ENGLISH)


def expect(model: str, reading: float | None, unseen_errors: float) -> ExpectedCost:
    return ExpectedCost(
        suite="invoices",
        model=model,
        prompt_id="default",
        documents=2,
        reading=reading,
        corrections=0.25,
        unseen_errors=unseen_errors,
    )


def test_money_beside_today() -> None:
    perfect, today = summarize([*ROWS[:2], answer("a", "exact", "today")])
    perfect = replace(perfect, speed=replace(perfect.speed, cost_per_1000=4.0))
    costs = [expect("perfect", 0.004, 1), expect("today", None, 2)]
    report = make_report([perfect, today], expected_costs=costs)
    assert compute_cost_per_right(perfect) == 0.008
    assert describe_cost(perfect, report, ENGLISH) == (
        "4.00 for 1,000 documents; 0.008 for each that is fully right; a document is expected to"
        " cost 1.25 (model 0.004, corrections 0.25, errors that nobody sees 1.00); with today's"
        " pipeline 2.25"
    )
    assert describe_cost(today, report, ENGLISH) == (
        "a document is expected to cost 2.25 (corrections 0.25, errors that nobody sees 2.00;"
        " what the model itself costs is not known)"
    )
    table = build_trade_table(report, report.summaries, RUSSIAN)
    assert table.columns[:3] == ["model", "prompt", "fully right"]
    assert "not on the document" not in table.columns
    assert table.legends == [TRADE_LEGEND, COST_LEGEND]
    assert build_trade_table(make_report([perfect]), [perfect], RUSSIAN).legends == [TRADE_LEGEND]
    assert TradeTable(["model", "prompt", "not read"], []).legends == []
    ranked = [[cell.text for cell in row] for row in table.rows]
    assert [row[0] for row in ranked] == ["today", "perfect"]
    cost = table.columns.index("one is expected to cost")
    assert [row[cost] for row in ranked] == ["2,25", "1,25"]


def test_that_no_document_is_fully_right_is_seen_and_unknown_is_not() -> None:
    for rows, columns, cell in [
        (ROWS[1:3], ["fully right", "read wrong", "not read"], "0/2"),
        (ROWS[4:], [], None),
    ]:
        (summary,) = summarize(rows)
        table = build_trade_table(make_report([summary]), [summary], RUSSIAN)
        assert [name for name in table.columns if name in TRADE_COLUMNS[2:5]] == columns
        assert cell is None or table.rows[0][2].text == cell


def test_the_terminal_ends_without_f1() -> None:
    summaries = summarize(ROWS[:2])
    report = make_report(summaries, decisions=[decide("perfect", "rejected", UNVERIFIED)])
    lines = format_closing_lines(report)
    assert lines[1].startswith("perfect (default), rejected: 1 of 2 documents fully right")
    assert lines[-1].startswith("No model is chosen. perfect reads 1 of 2 documents fully right")
    assert not any(word in "\n".join(lines) for word in ("F1", "f1", "p95", "TOST"))
    assert format_closing_lines(make_report(summaries)) == []
