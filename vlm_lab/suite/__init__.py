"""A folder -> a suite, its documents with their references, and the prompts that models are sent.

In comes what a user wrote (suite.yaml, schema.json, tags, corrections) beside files to be read; out
come `Suite`, `Document`, `Page` and `Prompt`, which is all that a backend ever sees.
"""

from vlm_lab.suite.loader import load_documents, load_suite
from vlm_lab.suite.prompts import make_prompt

__all__ = ["load_documents", "load_suite", "make_prompt"]
