"""VLM Lab: choose a vision-language model for your own invoices, with evidence.

pytest benchmarks -k qwen
"""

from vlm_lab.parsing import parse
from vlm_lab.scoring import score
from vlm_lab.telemetry import forbid_telemetry

__all__ = ["parse", "score"]
__version__ = "0.1.0"

forbid_telemetry()  # here, because every process of ours imports this first
