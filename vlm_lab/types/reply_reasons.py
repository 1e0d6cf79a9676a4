"""Why a reply cannot be used, as the parser says it in English -> a sentence for every language.

A prediction's `reason` is plain text: it is what `vlm_lab.parse` gives to anybody's code. What a
model said itself, a refusal, is in no list here and stays as it is.
"""

import re

from vlm_lab.messages import MESSAGES, Message

_KINDS = (
    "empty_reply",
    "no_json_object",
    "nested_reply",
    "cut_value",
    "cut_thoughts",
    "schema_reply",
    "repetition_reply",
)
_KIND_BY_TEXT = {MESSAGES[kind][0]: kind for kind in _KINDS}
_PAGE = re.compile(r"(?:^|; )page (\d{1,6}): ")
_LIST = re.compile(r"a list of (\d{1,9}) at the top, no object")


def find_reply_reason(text: str) -> Message | str:
    """The sentence that a reason is; of several pages each says which page it is of."""
    before, *numbers_and_texts = _PAGE.split(text)
    if before or not numbers_and_texts:
        return _find_one_reason(text)
    pages = [
        Message("page_reply", {"page": int(number), "what": _find_one_reason(page_text)})
        for number, page_text in zip(numbers_and_texts[::2], numbers_and_texts[1::2], strict=True)
    ]
    return Message("page_replies", {"pages": pages})


def _find_one_reason(text: str) -> Message | str:
    if text in _KIND_BY_TEXT:
        return Message(_KIND_BY_TEXT[text])
    match = _LIST.fullmatch(text)
    return Message("list_reply", {"n": int(match[1])}) if match else text
