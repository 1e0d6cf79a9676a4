"""A raw reply -> a `Prediction`: the JSON in it, why there is none, and how sure the model was."""

from vlm_lab.parsing.parser import merge_predictions, parse, parse_text

__all__ = ["merge_predictions", "parse", "parse_text"]
