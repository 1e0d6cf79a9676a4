"""Raw reply -> Prediction: JSON bare, fenced, inside prose, broken, cut off; `key: value` lines; a refusal; an echo.

Replies are hostile text. Nothing here raises: what cannot be read is `unparsed`, with the reason.
"""

from collections.abc import Sequence

from vlm_lab.types import Generation, Prediction


def parse(generation: Generation) -> Prediction:
    """The prediction of a reply; of a reply page by page the merged one."""
    if generation.page_responses:
        return merge([parse_text(page, generation.finish_reason) for page in generation.page_responses])
    return parse_text(generation.raw_response, generation.finish_reason)


def parse_text(raw: str, finish_reason: str | None = None) -> Prediction:
    """The prediction of one text. `finish_reason` "length" says that it was cut off."""
    import json

    try:
        start = raw.index("{")
        value = json.loads(raw[start : raw.rindex("}") + 1])
    except (ValueError, RecursionError):
        return Prediction(value=None, status="unparsed", reason="no JSON object")
    return Prediction(value=value)


def merge(pages: Sequence[Prediction]) -> Prediction:
    """One prediction of several pages."""
    return pages[0]
