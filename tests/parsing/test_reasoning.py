"""Where the answer begins: thoughts are cut from the front, and only from there."""

import pytest

from vlm_lab.parsing import parse_text

ANSWER = '{"a": "x", "b": "y"}'
DRAFT = '{"a": "0", "b": "1", "c": "2"}'


@pytest.mark.parametrize(
    "raw",
    [
        f"<think>{DRAFT}</think>{ANSWER}",
        f"<thought>{DRAFT}</thought>{ANSWER}",
        f"<Thinking>\n{DRAFT}\n</Thinking>\n{ANSWER}",
        f'<think time="3s">{DRAFT}</think>{ANSWER}',
        f"<seed:think>{DRAFT}</seed:think>{ANSWER}",
        f"<reasoning>{DRAFT}</reasoning>{ANSWER}",
        f"<reflection>{DRAFT}</reflection><output>{ANSWER}</output>",
        f"<think>{DRAFT}</think>\n<reflection>{DRAFT}</reflection>\n{ANSWER}",
        f"[THINK]{DRAFT}[/THINK]{ANSWER}",
        f"◁think▷{DRAFT}◁/think▷{ANSWER}",
        f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant"
        f"<|channel|>final<|message|>{ANSWER}<|return|>",
        f"analysisThe user wants {DRAFT}assistantfinal{ANSWER}",
        f"<|channel>thought\n{DRAFT}<channel|>{ANSWER}",
        f"<unused94>thought\n{DRAFT}<unused95>{ANSWER}",
        f"<|begin_of_thought|>{DRAFT}<|end_of_thought|>{ANSWER}",
        f"<|START_THINKING|>{DRAFT}<|END_THINKING|>{ANSWER}",
        # the chat template opened them
        f"so {DRAFT}</think>{ANSWER}",
        f"so {DRAFT}[/THINK]{ANSWER}",
        # the answer is before a stray end
        f"{ANSWER}\n</think>",
        f"{ANSWER}</think>\nDone: all fields.",
        # thoughts that never end, with a whole answer in them
        f"<think>Let me look.\n{ANSWER}",
    ],
)
def test_the_answer_is_not_the_draft(raw: str) -> None:
    assert parse_text(raw).value == {"a": "x", "b": "y"}


def test_a_mark_inside_a_value_cuts_nothing() -> None:
    value = parse_text('{"a": "text </think> more", "b": "<think>"}').value
    assert value == {"a": "text </think> more", "b": "<think>"}


def test_an_ordinary_word_opens_no_thoughts() -> None:
    assert parse_text("analysis: 5\nreason: paid").value == {"analysis": "5", "reason": "paid"}


@pytest.mark.parametrize("raw", [f"<think>{ANSWER} or", "<thought>well", "[THINK]hm"])
def test_thoughts_that_were_cut_off_are_no_answer(raw: str) -> None:
    prediction = parse_text(raw, "length")
    assert (prediction.value, prediction.status) == (None, "truncated")
    assert prediction.reason == "cut off before the thoughts ended"
