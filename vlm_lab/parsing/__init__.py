"""A raw reply -> a `Prediction`: the JSON in it, why there is none, and how sure the model was."""

from vlm_lab.parsing.parser import merge, parse, parse_text

__all__ = ["merge", "parse", "parse_text"]
