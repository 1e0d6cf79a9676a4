"""schema.json -> fields, and two values of a field -> whether they are the same.

In come JSON values as a person, a pipeline or a model wrote them; out come flat paths, types and
canonical values. How often a field was right is `scoring`'s question.
"""

from vlm_lab.fields.comparison import canonicalize_value, compare_values

__all__ = ["canonicalize_value", "compare_values"]
