"""DeepDiff's differences between a reference and a prediction, as plain JSON: for reading, never
for figures."""

import json
from collections.abc import Mapping
from typing import Any

MAX_JSON_LENGTH = 20_000  # characters of both together: a hundred rows would take DeepDiff 100 ms


def compute_diff(reference: Mapping[str, Any], value: Mapping[str, Any] | None) -> dict[str, Any]:
    """`json.loads(DeepDiff(reference, value).to_json())`, or a note why there is none. Never
    raises."""
    given = value or {}
    if reference == given:
        return {}
    try:
        size = len(json.dumps(reference, default=str)) + len(json.dumps(given, default=str))
        if size > MAX_JSON_LENGTH:
            return {
                "note": f"no diff: {size:,} characters of JSON are more than {MAX_JSON_LENGTH:,}"
            }
        from deepdiff import DeepDiff

        found: dict[str, Any] = json.loads(DeepDiff(reference, given).to_json())
        return found
    # a diff is a convenience, and a library's walk over hostile data may raise anything
    except Exception as error:
        return {"note": f"no diff: {type(error).__name__}"}
