"""A run and its suite -> a page on this machine alone, on which a person corrects references.

In come documents with their references, what each candidate said, and which values are doubtful;
out goes one file, the suite's corrections.json, changed one decision at a time.
"""

from vlm_lab.corrections_page.opening import open_session
from vlm_lab.corrections_page.page import render_page
from vlm_lab.corrections_page.server import PageServer

__all__ = ["PageServer", "open_session", "render_page"]
