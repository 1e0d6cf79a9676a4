"""VLM Lab: choose a vision-language model for your own invoices, with evidence.

pytest benchmarks -k qwen
"""

from typing import TYPE_CHECKING, Any

from vlm_lab.telemetry import forbid_telemetry

if TYPE_CHECKING:
    from vlm_lab.parsing import parse
    from vlm_lab.scoring import score

__all__ = ["parse", "score"]
__version__ = "0.1.0"

forbid_telemetry()  # here, because every process of ours imports this first


def __getattr__(name: str) -> Any:
    """`parse` and `score`, imported when somebody asks: a worker needs neither, and where the
    requirements are not installed, the commands can still say so."""
    if name == "parse":
        from vlm_lab.parsing import parse

        return parse
    if name == "score":
        from vlm_lab.scoring import score

        return score
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
