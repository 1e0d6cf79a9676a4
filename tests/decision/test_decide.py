"""pytest tests/decision/test_decide.py: no word without its evidence."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from vlm_lab.analysis.comparison import adjust_p_values
from vlm_lab.decision.decide import make_decisions
from vlm_lab.decision.run_decisions import decide_counts, decide_run
from vlm_lab.messages import translate_messages
from vlm_lab.types import (
    Comparison,
    Decision,
    Estimate,
    FieldSummary,
    Model,
    Report,
    Rules,
    Speed,
    Summary,
)

RULES = Rules({"field_f1": 0.95, "max_error_rate": 0.01})
UNVERIFIED = "nobody has checked the suite's references (verified: false)"


def summary(
    model: str = "a", low: float = 0.96, value: float = 0.97, high: float = 0.98, **other: object
) -> Summary:
    made = Summary(
        suite="s",
        model=model,
        prompt_id="default",
        documents=100,
        statuses={"ok": 100},
        scores={"field_f1": Estimate(value, low, high, 100)},
        fields={"totals.gross": FieldSummary({}, Estimate(0.99, 0.985, 0.995, 100))},
        speed=Speed(
            timed=100, median_seconds=2.0, p95_seconds=4.0, peak_memory_bytes=5_000_000_000
        ),
    )
    return replace(made, **other)  # type: ignore[arg-type]


def decided(
    *summaries: Summary,
    rules: Rules = RULES,
    comparisons: Sequence[Comparison] = (),
    models: Sequence[Model] = (),
    verified: bool = True,
) -> list[Decision]:
    return make_decisions(summaries, comparisons, models, rules, {"s": verified})


def versus(first: str, second: str, value: float, p_value: float) -> Comparison:
    interval = Estimate(value, value - 0.01, value + 0.01, 100)
    return Comparison(
        suite="s",
        first=(first, "default"),
        second=(second, "default"),
        score="field_f1",
        difference=interval,
        p_value=p_value,
        p_adjusted=p_value,
    )


@pytest.mark.parametrize(
    ("low", "value", "high", "word"),
    [
        (0.951, 0.97, 0.98, "chosen"),
        (0.95, 0.97, 0.98, "chosen"),
        (0.947, 0.97, 0.98, "chosen"),  # the bound of a rule is one-sided
        (0.943, 0.97, 0.98, "needs_more_data"),
        (0.90, 0.94, 0.96, "needs_more_data"),
        (0.90, 0.92, 0.957, "needs_more_data"),
        (0.90, 0.92, 0.951, "rejected"),
    ],
)
def test_the_bounds_decide(low: float, value: float, high: float, word: str) -> None:
    (made,) = decided(summary(low=low, value=value, high=high))
    assert made.verdict == word
    assert (made.more_documents is not None) == (word == "needs_more_data")


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        ({"ok": 100}, "chosen"),
        ({"ok": 90, "unparsed": 10}, "chosen"),  # counted in the figures
        ({"ok": 99, "error": 1}, "chosen"),
        ({"ok": 98, "error": 2}, "needs_more_data"),
        ({"ok": 99, "skipped": 1}, "needs_more_data"),
        ({"ok": 99, "not_run": 1}, "needs_more_data"),
        ({"dry_run": 100}, "needs_more_data"),
    ],
)
def test_never_chosen_from_what_was_not_measured(statuses: dict[str, int], word: str) -> None:
    (made,) = decided(summary(statuses=statuses))
    assert made.verdict == word


@pytest.mark.parametrize(
    ("status", "models"), [("skipped", ["a"]), ("not_run", ["a"]), ("error", ["a", "gone"])]
)
def test_a_candidate_that_was_not_asked_has_no_word(status: str, models: list[str]) -> None:
    summaries = [summary(), summary("gone", statuses={status: 100})]
    report = Report(
        run={}, suites=[{"name": "s", "verified": True}], models=[], prompts=[], summaries=summaries
    )
    assert sorted(each.model for each in decide_run(report, [], RULES)[1]) == models


def test_a_partial_run_rejects_nobody() -> None:
    few = {"field_f1": Estimate(0.2, 0.1, 0.3, 5)}
    (made,) = decided(summary(scores=few, statuses={"ok": 5, "not_run": 95}))
    assert made.verdict == "needs_more_data"
    assert (
        translate_messages(made.reasons_for("against"))[0]
        == "95 of 100 cells were not run: the run is partial"
    )


@pytest.mark.parametrize(
    ("skipped", "word"), [(0, "rejected"), (4, "rejected"), (60, "needs_more_data")]
)
def test_a_rule_that_is_out_of_reach_rejects_while_cells_are_skipped(
    skipped: int, word: str
) -> None:
    """Four perfect documents would make 0.816 of 22 no more than 0.844."""
    scores = {"field_f1": Estimate(0.816, 0.781, 0.830, 22)}
    statuses = {"ok": 22, "skipped": skipped} if skipped else {"ok": 22}
    (made,) = decided(summary(scores=scores, documents=22 + skipped, statuses=statuses))
    assert made.verdict == word
    if skipped:
        assert (
            f"{skipped} of {22 + skipped} cells"
            in translate_messages(made.reasons_for("against"))[0]
        )


@pytest.mark.parametrize(
    ("name", "rule", "word"),
    [
        ("totals.gross", 0.98, "chosen"),
        ("totals.gross", 0.999, "rejected"),
        ("totals.gros", 0.98, "needs_more_data"),
        ("p95_seconds", 4, "chosen"),
        ("p95_seconds", 3.9, "rejected"),
        ("median_seconds", 1, "rejected"),
        ("peak_memory_gb", 5, "chosen"),
        ("peak_memory_gb", 4, "rejected"),
        ("cost_per_1000", 4, "needs_more_data"),  # no price
        ("row_f1", 0.5, "needs_more_data"),  # no rows
    ],
)
def test_rules(name: str, rule: float, word: str) -> None:
    (made,) = decided(summary(), rules=Rules({name: rule}))
    assert made.verdict == word
    assert any(
        name in line
        for line in (
            *translate_messages(made.reasons_for("evidence")),
            *translate_messages(made.reasons_for("against")),
        )
    )


def test_p95_of_few_says_little() -> None:
    (made,) = decided(
        summary(speed=Speed(timed=5, p95_seconds=1.0)), rules=Rules({"p95_seconds": 8})
    )
    assert (made.verdict, made.more_documents) == ("needs_more_data", 15)


def test_the_clearly_better_one_is_chosen() -> None:
    compared = adjust_p_values([versus("b", "a", 0.02, 0.001)])
    best, other = decided(summary("a"), summary("b", value=0.975), comparisons=compared)
    assert [(each.model, each.verdict) for each in (best, other)] == [
        ("b", "chosen"),
        ("a", "rejected"),
    ]
    assert translate_messages(other.reasons_for("against"))[0] == (
        "meets every rule, but b (default) differs by +0.020 (+0.010 to +0.030)"
        " in field_f1 on 100 documents"
    )


@pytest.mark.parametrize(
    ("rules", "evidence"),
    [
        ({"field_f1": 0.99, "p95_seconds": 5}, ["p95_seconds 4, rule 5"]),
        ({"field_f1": 0.975, "cost_per_1000": 5}, []),
        ({}, []),
    ],
)
def test_only_what_is_met_is_evidence(rules: dict[str, float], evidence: list[str]) -> None:
    (made,) = decided(summary(), rules=Rules(rules))
    always = "max_error_rate 0, rule 0.01"
    assert sorted(translate_messages(made.reasons_for("evidence"))) == sorted([*evidence, always])


def test_the_limit_of_failed_cells_is_kept_where_the_rules_name_others() -> None:
    rules = Rules({"field_f1": 0.95})
    (made,) = decided(summary(statuses={"ok": 60, "error": 40}), rules=rules)
    assert made.verdict == "needs_more_data"
    assert "max_error_rate 0.4, rule 0.01" in translate_messages(made.reasons_for("against"))[0]
    (made,) = decided(
        summary(low=0.5, value=0.6, high=0.7, statuses={"ok": 60, "error": 40}), rules=rules
    )
    assert translate_messages(made.reasons_for("evidence")) == ["no rule is met for certain"]


def test_reasons_are_what_the_sentences_are_made_of() -> None:
    (made,) = decided(summary(low=0.93), verified=False)
    open_rule = made.reasons["against"][0]
    assert open_rule.kind == "open"
    assert open_rule.figures["what"].figures == {
        "name": "field_f1",
        "value": 0.97,
        "low": pytest.approx(0.937, abs=0.001),
        "high": pytest.approx(0.979, abs=0.001),
        "n": 100,
        "rule": 0.95,
    }


def test_two_alike_are_both_shown_the_better_on_the_next_figure_first() -> None:
    slow, fast = Speed(timed=100, p95_seconds=9.0), Speed(timed=100, p95_seconds=2.0)
    rules = Rules({"field_f1": 0.95}, ("field_f1", "p95_seconds"))
    made = decided(
        summary("a", value=0.975, speed=slow),
        summary("b", speed=fast),
        comparisons=[versus("a", "b", 0.005, 0.4)],
        rules=rules,
    )
    assert [(each.model, each.verdict) for each in made] == [("b", "chosen"), ("a", "chosen")]
    assert "cannot be told from a" in translate_messages(made[0].reasons_for("against"))[0]


def test_a_models_word_is_that_of_its_best_prompt() -> None:
    (made,) = decided(
        summary(low=0.5, value=0.6, high=0.7), summary(low=0.948, value=0.98, prompt_id="terse")
    )
    assert (made.verdict, made.prompt_id) == ("needs_more_data", "terse"), (
        "the best of two must clear a bound that allows for both"
    )
    (made,) = decided(
        summary(low=0.5, value=0.6, high=0.7), summary(low=0.965, value=0.98, prompt_id="terse")
    )
    assert (made.verdict, made.prompt_id) == ("chosen", "terse")
    assert any(
        "best of 2 prompts" in line for line in translate_messages(made.reasons_for("against"))
    )


def test_the_bounds_allow_for_all_models_that_were_tried() -> None:
    alone = decided(summary("a", low=0.948, value=0.98))
    among_three = decided(
        summary("a", low=0.948, value=0.98),
        summary("b", low=0.5, value=0.6, high=0.7),
        summary("c", low=0.5, value=0.6, high=0.7),
    )
    assert alone[0].verdict == "chosen"
    assert among_three[0].verdict == "needs_more_data"
    lenient = Rules({"field_f1": 0.95}, familywise_error_rate=0.2)
    (made, *_) = decided(
        summary("a", low=0.948, value=0.98),
        summary("b", low=0.5, value=0.6, high=0.7),
        rules=lenient,
    )
    assert made.verdict == "chosen"


def test_beside_todays_pipeline_and_unchecked_references() -> None:
    models = [
        Model(name="a", model_id="x"),
        Model(name="old", model_id="out", backend="replay", incumbent=True),
    ]
    compared = [versus("old", "a", -0.07, 0.001)]
    new, old = decided(
        summary("a"),
        summary("old", 0.85, 0.9, 0.93),
        models=models,
        comparisons=compared,
        verified=False,
    )
    assert translate_messages(new.reasons_for("pipeline")) == [
        "beside old, a (default) differs by +0.070 (+0.060 to +0.080) in field_f1 on 100 documents"
    ]
    assert translate_messages(old.reasons_for("pipeline")) == []
    against = translate_messages(new.reasons_for("against"))
    assert (new.verified, against[-1]) == (
        False,
        "nobody has checked the suite's references (verified: false)",
    )


@pytest.mark.parametrize(
    ("verified_count", "said"),
    [(None, UNVERIFIED), (0, UNVERIFIED), (2, "nobody has checked 1 of the suite's 3 references")],
)
def test_references_that_a_person_has_checked_are_counted(
    verified_count: int | None, said: str
) -> None:
    entry = {"name": "s", "verified": False, "references": 3}
    entry |= {"verified_references": verified_count}
    run = {"id": "r", "dry_run": False, "partial": [], "looks": {}}
    report = Report(
        run=run,
        suites=[entry],
        models=[Model(name="a", model_id="x")],
        prompts=[],
        summaries=(summary("a"),),
    )
    _, (decision,) = decide_counts(report, {}, RULES)
    assert translate_messages(decision.reasons_for("against"))[-1] == said
