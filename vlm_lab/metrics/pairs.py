"""A file of predictions with their references, one JSON object a line, as other tools write it.

{"id": "17", "reference": {"total": "9.50"}, "prediction": {"total": "9,50"}}
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_lab.errors import UserError

KEY_ALIASES = {"reference": ("reference", "ref"), "prediction": ("prediction", "pred")}
LINE_FORMAT = '{"id": "...", "reference": {...}, "prediction": {...} or null}'


@dataclass(frozen=True, slots=True)
class PredictionPair:
    """A prediction (None: no usable answer) and what it should have been."""

    id: str
    reference: Mapping[str, Any]
    prediction: Mapping[str, Any] | None


def read_pairs(path: Path) -> list[PredictionPair]:
    """The pairs of a file. UserError, with file and line, at the first line that is none, and where
    there is none."""
    pairs: dict[str, PredictionPair] = {}
    for number, line in enumerate(_read_text(path).split("\n"), 1):
        if line.strip():
            pair = _parse_pair(line, f"{path}:{number}")
            if pair.id in pairs:
                raise UserError(
                    f"{path}:{number}: a second line with the id {pair.id!r}; each document has one line"
                )
            pairs[pair.id] = pair
    if not pairs:
        raise UserError(f"{path}: is empty; wanted lines of {LINE_FORMAT}")
    return list(pairs.values())


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text (byte {error.start})") from None


def _parse_pair(line: str, place: str) -> PredictionPair:
    data = _parse_line(line, place)
    identity, reference = data.get("id"), _select_value(data, "reference", place)
    if not isinstance(identity, (str, int)) or isinstance(identity, bool) or identity == "":
        raise UserError(
            f"{place}: id: wanted a text or a whole number, came {_format_value(identity)}"
        )
    if not isinstance(reference, dict):
        raise UserError(
            f"{place}: reference: wanted a JSON object, came {_format_value(reference)}"
        )
    prediction = _select_value(data, "prediction", place)
    if prediction is not None and not isinstance(prediction, dict):
        wanted = "a JSON object, or null where there is no usable answer"
        raise UserError(f"{place}: prediction: wanted {wanted}, came {_format_value(prediction)}")
    return PredictionPair(str(identity), reference, prediction)


def _parse_line(line: str, place: str) -> dict[str, Any]:
    try:
        data = json.loads(line, parse_constant=str)  # NaN is no JSON, and stays legible as text
    except RecursionError:
        raise UserError(f"{place}: is nested too deeply to be read") from None
    except ValueError as error:
        raise UserError(f"{place}: is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise UserError(f"{place}: wanted {LINE_FORMAT}, came {_format_value(data)}")
    return data


def _select_value(data: Mapping[str, Any], name: str, place: str) -> Any:
    found = [key for key in KEY_ALIASES[name] if key in data]
    if len(found) != 1:
        wanted = " or ".join(f'"{key}"' for key in KEY_ALIASES[name])
        raise UserError(
            f"{place}: wanted one key {wanted}, came {', '.join(map(repr, data)) or 'no key'}"
        )
    return data[found[0]]


def _format_value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}..."
