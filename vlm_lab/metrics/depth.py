"""Answers nested a thousand levels deep exist; recursion over them must not end a run."""

from typing import Any

MAX_DEPTH = 64  # levels; a document with its rows has three or four


def limit_depth(value: Any, levels: int = MAX_DEPTH) -> Any:
    """`value` with dicts, lists and tuples of any kind as plain ones, and what lies deeper than
    `levels` left out."""
    if isinstance(value, dict):
        return (
            {str(key): limit_depth(item, levels - 1) for key, item in value.items()}
            if levels
            else None
        )
    if isinstance(value, (list, tuple)):
        items = [limit_depth(item, levels - 1) for item in value] if levels else []
        return tuple(items) if isinstance(value, tuple) else items
    return value
