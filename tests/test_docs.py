"""pytest tests/test_docs.py: links lead somewhere, and what docs/fields.md says of a type is so."""

import json
import re
from pathlib import Path

import pytest

from vlm_lab.fields.comparison import FIELD_TYPES, compare_values
from vlm_lab.types import Conventions, Field

DOCS = Path(__file__).parents[1] / "docs"
CONVENTIONS = Conventions("dmy", ("en", "de"))
ROWS = re.findall(r"^\| `(\w+)` \| .+ \| (.+) \|$", (DOCS / "fields.md").read_text(), re.MULTILINE)


def read_examples(cell: str) -> list[object]:
    """The two ways of writing one value; a list and a boolean are JSON."""
    texts = re.findall(r"`([^`]+)`", cell)
    return [json.loads(text) if text.startswith("[") else text for text in texts]


def test_every_field_type_is_listed_and_no_other() -> None:
    assert [name for name, _ in ROWS] != []
    assert {name for name, _ in ROWS} == set(FIELD_TYPES)


@pytest.mark.parametrize(("type_name", "cell"), [row for row in ROWS if row[0] != "iban"])
def test_a_types_example_is_one_value_written_in_two_ways(type_name: str, cell: str) -> None:
    expected, actual = read_examples(cell)
    outcome, _ = compare_values(Field("x", type_name), expected, actual, CONVENTIONS)
    assert outcome == "normalized"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_is_in_the_index() -> None:
    pages = {path.name for path in DOCS.glob("*.md")} - {"README.md"}
    listed = set(re.findall(r"\]\((\w[\w-]*\.md)\)", (DOCS / "README.md").read_text()))
    assert listed == pages
