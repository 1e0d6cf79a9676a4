"""pytest tests/types/test_outcomes.py: which outcomes count as what, once."""

import re
from pathlib import Path

from vlm_lab.types import ANSWERED, CORRECT, EXPECTED, JUDGED, OUTCOMES, PREDICTED

PACKAGE = Path(__file__).parents[2] / "vlm_lab"


def test_what_counts_as_what() -> None:
    assert OUTCOMES == ("exact", "normalized", "wrong", "missing", "spurious", "unlabelled")
    assert set(OUTCOMES) - set(JUDGED) == {"unlabelled"}
    assert set(EXPECTED) == set(JUDGED) - {"spurious"}
    assert set(PREDICTED) == set(JUDGED) - {"missing"}
    assert set(CORRECT) == set(EXPECTED) & set(PREDICTED) - {"wrong"}
    assert ANSWERED == ("ok", "unparsed", "truncated", "refused")


def test_nobody_else_says_it() -> None:
    """`("exact", "normalized"` and `("ok", "unparsed"` stand in the types and here alone."""
    said = re.compile(r'\(\s*("exact",\s*"normalized"|"ok",\s*"unparsed")')
    sources = {path: path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    assert [path.name for path, text in sources.items() if said.search(text)] == ["outcomes.py"]
