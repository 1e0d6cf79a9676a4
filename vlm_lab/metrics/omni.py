"""OmniAI's JSON accuracy: the share of the reference's fields that a JSON diff leaves alone.

getomni-ai/benchmark, src/evaluation/json.ts, which counts the changes that json-diff 1.0.6 reports
with sorted arrays.

- score: max(0, 1 - (additions + deletions + modifications) / fields of the reference), to four
  decimals.
- Lists of objects: each predicted object goes to the reference object it resembles most; then both
  lists are sorted as texts and compared as sequences, so a changed number in a list is one deletion
  and one addition. Two rows that are alike may be matched badly, and the order of rows then
  matters.
- A whole list that is missing or extra under its key changes nothing, nor does a list inside a
  list: so it is in the original, and the published figures have it.

Ours alone: a prediction that is no object misses every field (the original leaves the document out
of its mean), and with no field in the reference only a perfect prediction scores.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from vlm_lab.metrics.depth import limit_depth
from vlm_lab.metrics.json_diff import JsonDiff


@dataclass(frozen=True, slots=True)
class Changes:
    """Fields that the prediction adds, leaves out and alters."""

    additions: int = 0
    deletions: int = 0
    modifications: int = 0

    def __add__(self, other: "Changes") -> "Changes":
        return Changes(
            self.additions + other.additions,
            self.deletions + other.deletions,
            self.modifications + other.modifications,
        )

    @property
    def total(self) -> int:
        return self.additions + self.deletions + self.modifications


def omni(reference: Any, prediction: Any) -> float:
    """JSON accuracy of one document, 0..1, to four decimals. The published total is their mean."""
    change_count = count_changes(reference, prediction).total
    field_count = count_fields(limit_depth(reference))
    if not field_count:
        return float(change_count == 0)
    score = Decimal(max(0.0, 1 - change_count / field_count))
    return float(score.quantize(Decimal("0.0001"), ROUND_HALF_UP))


def count_changes(reference: Any, prediction: Any) -> Changes:
    """What a diff from the reference to the prediction consists of."""
    reference, prediction = limit_depth(reference), limit_depth(prediction)
    if not isinstance(reference, dict):
        return _count_object_changes(JsonDiff(), {"": reference}, {"": prediction})
    if not isinstance(prediction, dict):
        return Changes(deletions=count_fields(reference))
    return _count_object_changes(JsonDiff(), reference, prediction)


def count_fields(value: Any) -> int:
    """Leaves below `value`; keys with `__` in them are not counted. A leaf by itself has none."""
    if isinstance(value, dict):
        return sum(_count_leaves(item) for key, item in value.items() if "__" not in key)
    if isinstance(value, (list, tuple)):
        return sum(_count_leaves(item) for item in value)
    return 0


def _count_leaves(value: Any) -> int:
    return count_fields(value) if isinstance(value, (dict, list, tuple)) else 1


def _count_object_changes(
    diff: JsonDiff, reference: dict[str, Any], prediction: dict[str, Any]
) -> Changes:
    changes = Changes()
    for key in {**reference, **prediction}:
        if key not in prediction:
            changes += Changes(deletions=_count_one_sided_fields(reference[key]))
        elif key not in reference:
            changes += Changes(additions=_count_one_sided_fields(prediction[key]))
        else:
            changes += _count_value_changes(diff, reference[key], prediction[key])
    return changes


def _count_one_sided_fields(value: Any) -> int:
    """A value that one side lacks; a list is taken for a list of changes there, and has none."""
    return 0 if isinstance(value, list) else _count_leaves(value)


def _count_value_changes(diff: JsonDiff, reference: Any, prediction: Any) -> Changes:
    if diff.compare(reference, prediction).equal:
        return Changes()
    if isinstance(reference, dict) and isinstance(prediction, dict):
        return _count_object_changes(diff, reference, prediction)
    if isinstance(reference, list) and isinstance(prediction, list):
        return _count_list_changes(diff, reference, prediction)
    return Changes(modifications=count_fields(prediction if reference is None else reference) or 1)


def _count_list_changes(diff: JsonDiff, reference: list[Any], prediction: list[Any]) -> Changes:
    changes = Changes()
    for operation, expected, actual in diff.iterate_edits(reference, prediction):
        if operation == "-":
            changes += Changes(deletions=_count_leaves(expected))
        elif operation == "+":
            changes += Changes(additions=_count_leaves(actual))
        elif isinstance(expected, dict):
            changes += _count_object_changes(diff, expected, actual)
    return changes
