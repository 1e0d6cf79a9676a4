"""Several parts of an answer -> one: pages side by side, or a correction over what it corrects."""

from collections.abc import Mapping
from typing import Any

from vlm_lab.fields.placeholders import is_placeholder


def merge_values(earlier: Any, later: Any) -> Any:
    """Pages: the first value that is not empty, key by key; rows appended."""
    if isinstance(earlier, Mapping) and isinstance(later, Mapping):
        keys = dict.fromkeys((*earlier, *later))
        return {key: merge_values(earlier.get(key), later.get(key)) for key in keys}
    if isinstance(earlier, list) and isinstance(later, list):
        return earlier + later
    return later if earlier in (None, "", [], {}) else earlier


def overlay_values(base: Any, correction: Any) -> Any:
    """A correction: what it says replaces what was said, key by key; a list as a whole."""
    if isinstance(base, Mapping) and isinstance(correction, Mapping):
        overlaid = dict(base)
        for key, value in correction.items():
            overlaid[key] = overlay_values(base[key], value) if key in base else value
        return overlaid
    return base if is_placeholder(correction) or correction == [] else correction
