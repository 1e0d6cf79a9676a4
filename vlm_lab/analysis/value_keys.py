"""A value -> the key by which candidates' values are grouped: equal for two ways of writing one
value of its type."""

from collections.abc import Hashable
from typing import Any

from vlm_lab.fields import canonicalize_value
from vlm_lab.fields.nothing import says_nothing
from vlm_lab.types import Conventions, Field

NOTHING = ()  # what values mean that say nothing


def make_value_key(field: Field, value: Any, conventions: Conventions) -> Hashable:
    """The value as its type reads it; its text where it is none of the type, and NOTHING where it
    says nothing."""
    if says_nothing(value):
        return NOTHING
    canonical_value = canonicalize_value(field, value, conventions)
    return canonical_value if canonical_value is not None else str(value)
