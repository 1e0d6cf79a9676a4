"""Plain values and lists of them in the schema's shape: out of what was put around them.

A number becomes the text that it was written as where the schema wants no number.
"""

from typing import Any

from vlm_lab.parsing.fitted_value import FittedValue
from vlm_lab.parsing.json_numbers import PrintedFloat
from vlm_lab.parsing.schema_tree import SchemaNode
from vlm_lab.parsing.wrappers import collect_numbered, decode_text, unwrap_value


def fit_value(value: Any, node: SchemaNode) -> FittedValue:
    reshaped = False
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        value = value[0]
    if isinstance(value, dict):
        is_wrapped, wrapped = unwrap_value(value)
        if not is_wrapped:
            return FittedValue(value)
        value, reshaped = wrapped, True
    if isinstance(value, PrintedFloat):
        value = float(value) if node.is_number else value.text
    return FittedValue(value, frozenset([node.path]), reshaped)


def fit_list(value: Any, node: SchemaNode) -> FittedValue:
    paths = frozenset([node.path])
    if isinstance(value, str):
        decoded = decode_text(value) if value.strip().startswith("[") else None
        if isinstance(decoded, list):
            return fit_list(decoded, node).mark_reshaped()
    if isinstance(value, dict):
        is_wrapped, wrapped = unwrap_value(value)
        items = wrapped if is_wrapped else collect_numbered(value)
        return FittedValue(value, paths) if items is None else fit_list(items, node).mark_reshaped()
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        unwrapped = [unwrap_value(item)[1] if isinstance(item, dict) else item for item in value]
        return FittedValue(unwrapped, paths, True)
    return FittedValue(value, paths)
