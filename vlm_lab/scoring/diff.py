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

        shared = _share_equal_parts(reference, predicted)
        diff: dict[str, Any] = json.loads(DeepDiff(reference, shared).to_json())
        return diff
    # a diff is a convenience, and a library's walk over hostile data may raise anything
    except Exception as error:
        return {"note": f"no diff: {type(error).__name__}"}


def _share_equal_parts(reference: Any, predicted: Any) -> Any:
    """The prediction, in which each part that says the same as the reference's is the reference's
    own: DeepDiff passes over one and the same object, and walks through two that are equal."""
    # 1, 1.0 and True are equal, and not the same to DeepDiff.
    if reference == predicted and repr(reference) == repr(predicted):
        return reference
    if isinstance(reference, dict) and isinstance(predicted, dict):
        return {
            key: _share_equal_parts(reference[key], value) if key in reference else value
            for key, value in predicted.items()
        }
    if isinstance(reference, list) and isinstance(predicted, list):
        shared = [*map(_share_equal_parts, reference, predicted)]
        return [*shared, *predicted[len(shared) :]]
    return predicted
