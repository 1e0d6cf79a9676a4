"""A file of predictions with their references, one JSON object a line, as other tools write it.

{"id": "17", "reference": {"total": "9.50"}, "prediction": {"total": "9,50"}}
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_lab.errors import UserError
from vlm_lab.files import MAX_DATA_BYTES, read_bounded_text

KEY_ALIASES = {"reference": ("reference", "ref"), "prediction": ("prediction", "pred")}
LINE_FORMAT = '{"id": "...", "reference": {...}, "prediction": {...} or null}'


@dataclass(frozen=True, slots=True)
class PredictionPair:
    """A prediction (None: no usable answer) and what it should have been."""

    id: str
    reference: Mapping[str, Any]
    prediction: Mapping[str, Any] | None


def read_pairs(path: Path) -> list[PredictionPair]:
    """The pairs of a file. UserError at the first line that is none, and where there is no line."""
    pairs: dict[str, PredictionPair] = {}
    for number, line in enumerate(_read_text(path).split("\n"), 1):
        if line.strip():
            pair = _parse_pair(line, f"{path}:{number}")
            if pair.id in pairs:
                raise UserError(
                    f"{path}:{number}: a second line with the id {pair.id!r}; "
                    "each document has one line"
                )
            pairs[pair.id] = pair
    if not pairs:
        raise UserError(f"{path}: is empty; wanted lines of {LINE_FORMAT}")
    return list(pairs.values())


def _read_text(path: Path) -> str:
    try:
        return read_bounded_text(path, limit=MAX_DATA_BYTES)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text (byte {error.start})") from None


def _parse_pair(line: str, line_label: str) -> PredictionPair:
    data = _parse_line(line, line_label)
    document_id, reference = data.get("id"), _select_value(data, "reference", line_label)
    if (
        not isinstance(document_id, (str, int))
        or isinstance(document_id, bool)
        or document_id == ""
    ):
        raise UserError(
            f"{line_label}: id: wanted a text or a whole number, came {_format_value(document_id)}"
        )
    if not isinstance(reference, dict):
        raise UserError(
            f"{line_label}: reference: wanted a JSON object, came {_format_value(reference)}"
        )
    prediction = _select_value(data, "prediction", line_label)
    if prediction is not None and not isinstance(prediction, dict):
        expected_format = "a JSON object, or null where there is no usable answer"
        raise UserError(
            f"{line_label}: prediction: wanted {expected_format}, came {_format_value(prediction)}"
        )
    return PredictionPair(str(document_id), reference, prediction)


def _parse_line(line: str, line_label: str) -> dict[str, Any]:
    try:
        data = json.loads(line, parse_constant=str)  # NaN is no JSON, and stays legible as text
    except RecursionError:
        raise UserError(f"{line_label}: is nested too deeply to be read") from None
    except ValueError as error:
        raise UserError(f"{line_label}: is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise UserError(f"{line_label}: wanted {LINE_FORMAT}, came {_format_value(data)}")
    return data


def _select_value(data: Mapping[str, Any], name: str, line_label: str) -> Any:
    present_keys = [key for key in KEY_ALIASES[name] if key in data]
    if len(present_keys) != 1:
        expected_keys = " or ".join(f'"{key}"' for key in KEY_ALIASES[name])
        given_keys = ", ".join(map(repr, data)) or "no key"
        raise UserError(f"{line_label}: wanted one key {expected_keys}, came {given_keys}")
    return data[present_keys[0]]


def _format_value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}..."
