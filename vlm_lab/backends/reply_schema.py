"""What a reply is held to, of a server and of a local model alike: `response_format` and the
suite's schema -> the JSON Schema that a grammar is made of, or None where the reply is free.

In this interpreter, where llguidance is installed, a schema that no grammar can be made of is found
before any model is loaded.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from vlm_lab.errors import GenerationError
from vlm_lab.fields.schema import build_grammar_schema
from vlm_lab.messages import Message
from vlm_lab.types import Prompt

RESPONSE_FORMAT = "response_format"
JSON_SCHEMA = "json_schema"  # the one form that there is


def build_reply_schema(response_format: str | None, prompt: Prompt) -> dict[str, Any] | None:
    """The schema that the reply to a prompt must keep to; None where it is free."""
    if response_format != JSON_SCHEMA or not prompt.schema:
        return None
    return build_grammar_schema(prompt.schema)


def check_reply_schema(schema: Mapping[str, Any]) -> None:
    """GenerationError where llguidance is here and can make no grammar of a schema."""
    if complaint := _find_complaint(json.dumps(schema)):
        raise GenerationError("Grammar", Message("no_grammar", {"said": complaint}))


@lru_cache(maxsize=64)  # a suite's schema comes with each of its documents
def _find_complaint(schema_json: str) -> str:
    try:
        from llguidance import LLMatcher
    except ImportError:
        return ""  # a worker has an interpreter of its own, and says so itself
    grammar = LLMatcher.grammar_from_json_schema(schema_json)
    return " ".join(str(LLMatcher.validate_grammar(grammar)).split())
