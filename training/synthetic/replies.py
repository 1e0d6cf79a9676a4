"""A reference -> a reply that nobody gave: a line that the backend `replay` reads, with seeded
mistakes and seconds, so that there is something to compare on any machine."""

import json
import random
from typing import Any


def make_reply(
    document: str, prompt: str, reference: Any, rate: float, seconds: float, dice: random.Random
) -> dict[str, Any]:
    """The answer to one document: `rate` is the share of values that are misread, `seconds` the
    median of what it seems to take."""
    return {
        "document": document,
        "prompt_id": prompt,
        "raw_response": json.dumps(misread(reference, rate, dice), ensure_ascii=False, indent=1),
        "elapsed_seconds": seconds * dice.lognormvariate(0, 0.3),
    }


def seeded(*parts: str) -> random.Random:
    """The same draws for the same words."""
    return random.Random(" ".join(parts))  # noqa: S311 - not for secrets


def misread(value: Any, rate: float, dice: random.Random) -> Any:
    """The same data, with a character changed here and a value left out there."""
    if isinstance(value, dict):
        return {
            key: misread(each, rate, dice)
            for key, each in value.items()
            if dice.random() > rate / 3
        }
    if isinstance(value, list):
        return [misread(each, rate, dice) for each in value]
    if isinstance(value, str) and len(value) > 1 and dice.random() < rate:
        place = dice.randrange(len(value))
        return value[:place] + dice.choice("0123456789") + value[place + 1 :]
    return value
