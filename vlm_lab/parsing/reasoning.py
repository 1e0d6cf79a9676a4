"""A reply -> where its answer begins: thoughts are cut from the front, and only from there.

Two tables say how thoughts are marked: elements by their names (`<think>...</think>`), and the
pairs of marks that makers and their chat templates write. A chat template may have opened the
thoughts itself; then only their end is in the reply. What stands before such an end is the answer
where nothing of one comes after it.
"""

import re

# Names of elements: `<think>`, `<seed:think>`, `<Thought time="2s">`.
THOUGHT_NAMES = (
    "think", "thinking", "thought", "thoughts", "reasoning", "reason", "reflection", "reflect",
    "rethink", "analysis", "scratchpad", "inner_monologue", "monologue", "deliberation",
    "chain_of_thought", "cot", "planning", "observation",
)  # fmt: skip
# Beginning and end, as regular expressions, and who writes them.
THOUGHT_MARKS = (
    (r"\[THINK\]", r"\[/THINK\]"),  # Magistral
    ("◁think▷", "◁/think▷"),  # Kimi-VL
    # gpt-oss; without its special tokens, the words alone
    (r"<\|channel\|>\s*(?:analysis|commentary)\b", r"<\|channel\|>\s*final\s*<\|message\|>"),
    (r"analysis(?!\s*[:=])", "assistantfinal"),
    (r"<\|channel>\s*thought\b", r"<channel\|>"),  # Gemma 4
    ("<unused94>", "<unused95>"),  # MedGemma
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),  # OpenThinker, Sky-T1
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),  # Command A
    (r"<\|(?:begin_of_)?think(?:ing)?\|>", r"<\|(?:/|end_of_)think(?:ing)?\|>"),
    (r"Here is my thought process:", r"Here is my response:"),  # Granite 3.2
)
# Some marks are ordinary words: they open thoughts only where their end follows.
_NEEDS_END = ("assistantfinal", "Here is my response:")
_NAMES = "|".join(sorted(THOUGHT_NAMES, key=len, reverse=True))
_ELEMENT_START = re.compile(
    rf"<((?:\w{{1,20}}:)?(?:\w{{1,20}}_)?(?:{_NAMES}))(?:\s[^<>]{{0,80}})?>", re.I
)
_ELEMENT_END = re.compile(rf"</(?:\w{{1,20}}:)?(?:\w{{1,20}}_)?(?:{_NAMES})\s*>", re.I)
_MARKS = [(re.compile(start, re.I), re.compile(end, re.I)) for start, end in THOUGHT_MARKS]
_ANY_END = re.compile("|".join([_ELEMENT_END.pattern, *(end for _, end in THOUGHT_MARKS)]), re.I)
_SPACE = re.compile(r"\s*")
# Something of an answer: a bracket, or a line `label: value`.
_OBJECT_SIGN = re.compile(r"\{")
_ANSWER_SIGN = re.compile(r"[{\[]|[^\W_][^\n]{0,60}?[:=：]\s*\S")
MAX_THOUGHTS = 20  # that follow one another at the front


def find_answer_start(raw: str) -> tuple[int, bool]:
    """The character where the answer begins, and whether thoughts that never end begin there."""
    start = 0
    for _ in range(MAX_THOUGHTS):
        position = _skip_spaces(raw, start)
        end = _find_thought_end(raw, position)
        if end is None:
            break
        if end < 0:
            return _skip_stray_end(raw, position, is_open=True)
        start = end
    return _skip_stray_end(raw, start, is_open=False)


def _skip_spaces(raw: str, start: int) -> int:
    match = _SPACE.match(raw, start)
    return match.end() if match else start


def _find_thought_end(raw: str, start: int) -> int | None:
    """Where the thoughts that open at `start` end; -1 where they never do, None where none open."""
    element = _ELEMENT_START.match(raw, start)
    if element:
        end = re.compile(rf"</{re.escape(element[1])}\s*>", re.I).search(raw, element.end())
        return end.end() if end else -1
    for start_pattern, end_pattern in _MARKS:
        opening = start_pattern.match(raw, start)
        if opening:
            end = end_pattern.search(raw, opening.end())
            if end:
                return end.end()
            return None if end_pattern.pattern in _NEEDS_END else -1
    return None


def _skip_stray_end(raw: str, start: int, is_open: bool) -> tuple[int, bool]:
    """After the last end of thoughts that something of an answer follows; else `start`."""
    ends = [match.end() for match in _ANY_END.finditer(raw, start)]
    if not ends or _is_inside_string(raw, ends[-1]):
        return start, is_open
    has_object_before = "{" in raw[start : ends[-1]]
    sign = _OBJECT_SIGN if has_object_before else _ANSWER_SIGN
    return (ends[-1], False) if sign.search(raw, ends[-1]) else (start, is_open)


def _is_inside_string(raw: str, position: int) -> bool:
    """Whether a mark is rather part of a value: a quote closes right behind it on its line."""
    line_rest = raw[position : raw.find("\n", position) if "\n" in raw[position:] else None]
    return re.match(r'[^"{}\[\]:]*"\s*[,}\]]', line_rest[:2000]) is not None
