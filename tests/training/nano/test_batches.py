"""Strips, prompts and answers: the answer says what the strip shows and the prompt asks for, and no
more."""

import json
import random
from pathlib import Path

from training.nano import batches
from training.nano.batches import Strip
from training.nano.random_documents import wish
from training.nano.rendering import CELL, FIELDS, picture
from vlm_lab.suite import load_suite
from vlm_lab.suite.prompts import render_prompt_text

CHANCE = random.Random(4)
PICTURE = picture(CHANCE, wish(CHANCE, ("slip",)))
WHOLE = PICTURE.pixels.shape[0] // CELL
SCHEMA = {
    "type": "object",
    "properties": {
        "invoice_number": {"type": "string"},
        "seller": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "tax_id": {"type": "string"}},
        },
        "totals": {"type": "object", "properties": {"gross": {"type": "string"}}},
    },
}


def test_a_whole_page_shows_all_and_its_top_shows_the_seller() -> None:
    assert Strip(PICTURE, 0, WHOLE).seen == PICTURE.values
    top = Strip(PICTURE, 0, WHOLE // 4).seen
    assert top["seller.name"] == PICTURE.values["seller.name"]
    assert "totals.gross" not in top


def test_strips_have_the_height_that_was_asked_for_and_rarely_cut_a_value() -> None:
    strips = [batches.strip(random.Random(seed), PICTURE, 8) for seed in range(40)]
    assert {each.bottom - each.top for each in strips} == {8}
    assert sum(each.cuts for each in strips) <= 2


def test_a_batch_is_of_one_size() -> None:
    chance = random.Random(1)
    groups = batches.grouped([picture(chance, wish(chance, ("till",))) for _ in range(40)])
    sizes = {each.picture.pixels.shape for each in batches.batch(chance, groups, 6, 9)}
    assert len(sizes) == 1


def test_an_answer_is_json_in_the_schemas_nesting() -> None:
    said = batches.answer(
        {"totals.gross": "12.00", "invoice_number": "7/24", "seller.name": "Zé & Co"}
    )
    assert json.loads(said) == {
        "invoice_number": "7/24",
        "seller": {"name": "Zé & Co"},
        "totals": {"gross": "12.00"},
    }


def test_a_pruned_schema_asks_for_these_fields_alone() -> None:
    kept = batches.pruned(SCHEMA, ["seller.name"])
    assert kept["properties"] == {
        "seller": {"type": "object", "properties": {"name": {"type": "string"}}}
    }


def test_a_prompt_names_the_fields_it_wants() -> None:
    for seed in range(20):
        text, wanted = batches.prompt(random.Random(seed), ("", "Read: {{ schema }}"), SCHEMA)
        known = {
            "invoice_number": '"invoice_number"',
            "seller.name": '"name"',
            "totals.gross": '"gross"',
        }
        if text.startswith("Read:") and len(wanted) < len(FIELDS):
            assert all((token in text) == (name in wanted) for name, token in known.items())


def test_what_is_taught_are_the_words_that_the_suite_sends() -> None:
    root = Path(__file__).resolve().parents[3]
    texts, schema = batches.taught(root)
    assert list(texts) == ["default", "terse"]
    for name, text in texts.items():
        asked = {batches.prompt(random.Random(seed), [text], schema)[0] for seed in range(20)}
        assert render_prompt_text(text, load_suite(root / "benchmarks" / "invoices"), name) in asked
