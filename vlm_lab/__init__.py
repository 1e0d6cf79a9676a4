"""VLM Lab: choose a vision-language model for your own invoices, with evidence.

pytest benchmarks -k qwen
"""

from vlm_lab.parsing import parse
from vlm_lab.scoring import score

__all__ = ["parse", "score"]
__version__ = "0.1.0"
