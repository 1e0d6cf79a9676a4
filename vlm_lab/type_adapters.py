"""A type -> what reads and writes its values as JSON, checked.

Made when it is first needed, once a process: one takes up to 30 ms, together as long as a document,
and a run needs few of them before its first answer.
"""

from typing import Any, TypeVar

from pydantic import TypeAdapter

Value = TypeVar("Value")
_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def get_adapter(cls: type[Value]) -> TypeAdapter[Value]:
    """pydantic's adapter of a type."""
    if cls not in _ADAPTERS:
        _ADAPTERS[cls] = TypeAdapter(cls)
    return _ADAPTERS[cls]
