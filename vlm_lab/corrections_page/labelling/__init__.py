"""Documents that were drawn for labels -> a page on which a person labels them, by keyboard.

In come documents without a reference and what candidates agree on; out go drafts, and of each
document that is finished its reference, a line of verified.txt, and what became of what was
prefilled.
"""

from vlm_lab.corrections_page.labelling.opening import open_labelling_session
from vlm_lab.corrections_page.labelling.page import render_labelling_page

__all__ = ["open_labelling_session", "render_labelling_page"]
