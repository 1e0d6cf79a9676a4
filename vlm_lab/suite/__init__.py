"""A folder -> a suite, its documents with their references, and the prompts that models are sent.

In comes what a user wrote (suite.yaml, schema.json, tags, corrections) beside files to be read; out
come `Suite`, `Document`, `Page` and `Prompt`, which is all that a backend ever sees.
"""

from vlm_lab.suite.documents import load_documents
from vlm_lab.suite.prompts import make_prompt
from vlm_lab.suite.suite_file import load_suite

__all__ = ["load_documents", "load_suite", "make_prompt"]
