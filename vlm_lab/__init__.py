"""VLM Lab: choose a vision-language model for your own invoices, with evidence.

pytest benchmarks -k qwen
"""

__version__ = "0.1.0"
