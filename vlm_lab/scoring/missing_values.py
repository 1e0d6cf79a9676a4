"""Why values are missing where the reply as a whole is the reason: the kinds of error of a reply.

In come what the parser says of a reply and, where none of its data is the fields', that data; out
comes one name for all that is missing, or None where single values were left out.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from vlm_lab.fields.flattening import reduce_spelling
from vlm_lab.fields.nothing import says_nothing
from vlm_lab.fields.schema import flatten_json
from vlm_lab.parsing.parser import LIST_AT_TOP, REPETITION, SCHEMA_ECHO
from vlm_lab.types import Field, PredictionStatus

ERROR_TYPES_BY_STATUS = {"truncated": "truncated", "refused": "refusal", "unparsed": "no answer"}
# Of a reply that says something, but nothing that was asked for: under other keys, or with these
# keys in an order that cannot be read.
OTHER_KEYS, OTHER_SHAPE = "other_keys", "other_shape"
UNMATCHED_ERROR_TYPES = frozenset((OTHER_KEYS, OTHER_SHAPE))
# What a prediction's reason says -> the kind of error; it is more than the status says.
ERROR_TYPES_BY_REASON = {
    SCHEMA_ECHO: "schema echo",
    REPETITION: "repetition",
    LIST_AT_TOP: OTHER_SHAPE,
}
# Every kind that a missing value can have.
MISSING_ERROR_TYPES = tuple(
    dict.fromkeys(
        (
            *ERROR_TYPES_BY_STATUS.values(),
            *ERROR_TYPES_BY_REASON.values(),
            OTHER_KEYS,
            OTHER_SHAPE,
        )
    )
)


def find_missing_error_type(
    status: PredictionStatus,
    reason: str,
    unmatched: Mapping[str, Any] | None,
    fields: Iterable[Field],
) -> str | None:
    """Why values are missing, where the reply as a whole says. `unmatched` is its data where that
    has no path of the fields."""
    if status in ("unparsed", "truncated"):
        for phrase, error_type in ERROR_TYPES_BY_REASON.items():
            if phrase in reason:
                return error_type
    if status != "ok":
        return ERROR_TYPES_BY_STATUS[status]
    said_paths = [path for path, leaf in flatten_json(unmatched or {}) if not says_nothing(leaf)]
    if not said_paths:
        return None
    said_keys = {reduce_spelling(key) for path in said_paths for key in _split_path(path)}
    asked_keys = {reduce_spelling(key) for field in fields for key in _split_path(field.path)}
    return OTHER_SHAPE if said_keys & asked_keys else OTHER_KEYS


def _split_path(path: str) -> list[str]:
    return path.replace("[]", "").split(".")
