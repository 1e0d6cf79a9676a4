"""A raw reply -> a `Prediction`: the JSON in it, why there is none, and how sure the model was.

In comes text as a model wrote it, which may be broken, cut off or hostile; out comes data that
scoring can compare, so that nobody else reads a model's text. Nothing here raises.
"""

from vlm_lab.parsing.parser import merge_predictions, parse, parse_text
from vlm_lab.parsing.shapes import fit_to_fields

__all__ = ["fit_to_fields", "merge_predictions", "parse", "parse_text"]
