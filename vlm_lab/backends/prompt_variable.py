"""`"{{ prompt }}"` as the value of a chat template's variable: the prompt's text goes there, and
the message has the pages alone.

    chat_template_kwargs: {template: "{{ prompt }}"}

NuExtract is asked that way: what to extract is a variable of its chat template. Runs inside the
worker, too, perhaps in another interpreter: valid on Python 3.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROMPT_VALUE = "{{ prompt }}"


def takes_prompt(variables: Mapping[str, Any]) -> bool:
    """Whether the prompt's text belongs into a variable instead of the message."""
    return PROMPT_VALUE in [value for value in variables.values() if isinstance(value, str)]


def fill_prompt_in(variables: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The variables of one prompt."""
    return {name: text if value == PROMPT_VALUE else value for name, value in variables.items()}
