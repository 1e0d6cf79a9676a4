"""DeepDiff's differences of reference and prediction, as JSON: for reading, never for figures."""

import json
from collections.abc import Mapping
from typing import Any

MAX_JSON_LENGTH = 20_000  # characters of both together: a hundred rows would take DeepDiff 100 ms


def compute_diff(
    reference: Mapping[str, Any], prediction: Mapping[str, Any] | None
) -> dict[str, Any]:
    """DeepDiff's JSON of the two, or a note why there is none. Never raises."""
    predicted = prediction or {}
    if reference == predicted:
        return {}
    try:
        size = len(json.dumps(reference, default=str)) + len(json.dumps(predicted, default=str))
        if size > MAX_JSON_LENGTH:
            return {
                "note": f"no diff: {size:,} characters of JSON are more than {MAX_JSON_LENGTH:,}"
            }
        from deepdiff import DeepDiff

        diff: dict[str, Any] = json.loads(DeepDiff(reference, predicted).to_json())
        return diff
    # a diff is a convenience, and a library's walk over hostile data may raise anything
    except Exception as error:
        return {"note": f"no diff: {type(error).__name__}"}
