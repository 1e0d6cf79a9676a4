"""schema.json -> fields, and fields of a reference where there is no schema."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from vlm_lab.errors import UserError
from vlm_lab.fields.schema import (
    DECIMAL_PATTERN,
    GRAMMAR_FORMATS,
    build_grammar_schema,
    build_prompt_schema,
    collect_reference_fields,
    collect_schema_fields,
    find_unknown_paths,
)
from vlm_lab.types import Field

SHIPPED = json.loads(
    (Path(__file__).parents[2] / "benchmarks" / "invoices" / "schema.json").read_text("utf-8")
)


def types_of(schema: dict) -> dict[str, str]:
    return {field.path: field.type for field in collect_schema_fields(schema)}


def test_the_shipped_schema_has_the_fields_that_its_prompt_asks_for():
    types = types_of(SHIPPED)
    assert list(types)[:4] == ["invoice_number", "issue_date", "due_date", "currency"]
    assert types["invoice_number"] == "identifier"
    assert types["totals.gross"] == "amount"
    assert types["line_items[].quantity"] == "quantity"
    assert len(types) == 16


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "text"),
        ({"type": "number"}, "amount"),
        ({"type": "integer"}, "amount"),
        ({"type": "boolean"}, "boolean"),
        ({"type": ["null", "number"]}, "amount"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "decimal"}, "amount"),
        ({"type": "string", "format": "email"}, "text"),
        ({"type": "string", "format": "date", "x-vlm-lab": "identifier"}, "identifier"),
        ({"type": "string", "x-vlm-lab": {"type": "iban"}}, "iban"),
        ({"anyOf": [{"type": "null"}, {"type": "string", "format": "date"}]}, "date"),
        ({"$ref": "#/$defs/money"}, "amount"),
        ({"$ref": "#/$defs/nowhere"}, "text"),
        ({}, "text"),
        (True, "text"),
    ],
)
def test_a_type_comes_from_our_key_else_the_format_else_the_json_type(schema, expected):
    assert types_of({"properties": {"x": schema}, "$defs": {"money": {"type": "number"}}}) == {
        "x": expected
    }


def test_objects_lists_and_lists_of_lists_have_paths():
    row = {
        "properties": {
            "name": {},
            "parts": {"type": "array", "items": {"properties": {"size": {}}}},
        }
    }
    schema = {
        "properties": {
            "seller": {"properties": {"name": {}}},
            "rows": {"type": "array", "items": row},
            "tags": {"type": "array", "items": {"type": "string"}},
        }
    }
    assert types_of(schema) == {
        "seller.name": "text",
        "rows[].name": "text",
        "rows[].parts[].size": "text",
        "tags[]": "list",
    }


def test_a_tolerance_is_kept():
    schema = {"properties": {"x": {"x-vlm-lab": {"type": "amount", "tolerance": "0.01"}}}}
    assert collect_schema_fields(schema) == (Field("x", "amount", "0.01"),)


def test_a_schema_that_refers_to_itself_ends():
    node = {"properties": {"name": {}, "child": {"$ref": "#/$defs/node"}}}
    assert (
        collect_schema_fields({"$ref": "#/$defs/node", "$defs": {"node": node}})[0].path == "name"
    )
    assert collect_schema_fields({"$ref": "#"}) == ()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("amonut", "seller.iban: no field type 'amonut'; known: address, amount"),
        ({"type": "amount", "tolerance": "a bit"}, "seller.iban: tolerance must be a number"),
        ({"typ": "amount"}, "seller.iban: x-vlm-lab must be"),
    ],
)
def test_a_typo_in_our_key_names_the_field(said, message):
    schema = {"properties": {"seller": {"properties": {"iban": {"x-vlm-lab": said}}}}}
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        collect_schema_fields(schema)


def test_lean_leaves_out_what_only_we_read():
    text = json.dumps(build_prompt_schema(SHIPPED))
    assert "x-vlm-lab" not in text
    assert "$schema" not in text
    assert build_prompt_schema(SHIPPED)["properties"]["totals"]["properties"]["net"] == {
        "type": "string",
        "format": "decimal",
        "description": "total without tax",
    }


def test_types_of_a_reference_are_inferred_only_where_all_values_are_of_them():
    reference = {
        "date": "2024-03-12",
        "number": "007",
        "phone": "0301234567",
        "paid": True,
        "total": 12.5,
        "rows": [
            {"price": "60.000", "count": "1 x", "name": "A"},
            {"price": "", "count": "2", "name": "4"},
        ],
        "tags": ["a", "b"],
        "empty": None,
    }
    assert {field.path: field.type for field in collect_reference_fields(reference)} == {
        "date": "date",
        "number": "text",
        "phone": "text",
        "paid": "boolean",
        "total": "amount",
        "rows[].price": "amount",
        "rows[].count": "quantity",
        "rows[].name": "text",
        "tags[]": "list",
        "empty": "text",
    }


def test_paths_that_no_field_has_are_named_once():
    reference = {
        "invoice_number": "1",
        "iban": "x",
        "line_items": [{"amount": "1", "vat": "2"}, {"vat": "3"}],
    }
    assert find_unknown_paths(reference, collect_schema_fields(SHIPPED)) == [
        "iban",
        "line_items[].vat",
    ]


@pytest.mark.parametrize(
    ("reference", "unknown"),
    [({"line_items": []}, []), ({"line_items": None}, []), ({"seller": None}, []),
     ({"seller": ""}, []), ({"seller": {}}, []), ({"rows": []}, ["rows[]"]),
     ({"seller": "Acme"}, ["seller"]), ({"line_items": ["x"]}, ["line_items[]"]),
     ({"line_items": [{"tax": None}]}, ["line_items[].tax"])],
)  # fmt: skip
def test_what_is_empty_in_one_document_is_known_by_what_is_in_it(
    reference: dict[str, Any], unknown: list[str]
) -> None:
    assert find_unknown_paths(reference, collect_schema_fields(SHIPPED)) == unknown


def test_a_property_may_be_named_as_a_keyword_is():
    named = {
        "x-ref": {"type": "string"},
        "format": {"type": "string", "format": "decimal"},
        "$schema": {},
    }
    schema = {"properties": named, "x-vlm-lab": "text", "enum": [{"x-kept": 1}]}
    assert build_prompt_schema(schema) == {"properties": named, "enum": [{"x-kept": 1}]}
    decimal = {"type": "string", "pattern": DECIMAL_PATTERN}
    assert build_grammar_schema(schema)["properties"] == {**named, "format": decimal}


FORMATS = ["decimal", "date", "iri", "our-own", *GRAMMAR_FORMATS]


@pytest.mark.parametrize(
    "schema", [SHIPPED, *({"properties": {"a": {"format": name}}} for name in FORMATS)]
)
def test_what_a_server_is_sent_compiles_to_a_grammar(schema):
    """llguidance is what vLLM and llama.cpp compile with; it refuses a format that it does not
    know."""
    llguidance = pytest.importorskip("llguidance")
    grammar = llguidance.LLMatcher.grammar_from_json_schema(
        json.dumps(build_grammar_schema(schema))
    )
    assert llguidance.LLMatcher.validate_grammar(grammar) == ""
    unknown = llguidance.LLMatcher.grammar_from_json_schema(
        json.dumps({"type": "string", "format": "decimal"})
    )
    assert "Unknown format: decimal" in llguidance.LLMatcher.validate_grammar(unknown)


def test_a_decimal_is_a_pattern_and_ones_own_pattern_stays():
    sent = build_grammar_schema(SHIPPED)["properties"]["totals"]["properties"]["net"]
    assert "format" not in sent
    for text, fits in {
        "119.00": True,
        "-5": True,
        "119,00": False,
        "EUR 5": False,
        "": False,
    }.items():
        assert bool(re.search(sent["pattern"], text)) == fits
    own = {"properties": {"a": {"format": "decimal", "pattern": "^[0-9]{2}$"}}}
    assert build_grammar_schema(own) == {"properties": {"a": {"pattern": "^[0-9]{2}$"}}}
