"""Answers nested a thousand levels deep exist; recursion over them must not end a run."""

from typing import Any

MAX_DEPTH = 64  # levels; a document with its rows has three or four


def limit_depth(value: Any, levels: int = MAX_DEPTH) -> Any:
    """`value` as plain dicts, lists and tuples, without what lies deeper than `levels`."""
    if isinstance(value, dict):
        if not levels:
            return None
        return {str(key): limit_depth(item, levels - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [limit_depth(item, levels - 1) for item in value] if levels else []
        return tuple(items) if isinstance(value, tuple) else items
    return value
