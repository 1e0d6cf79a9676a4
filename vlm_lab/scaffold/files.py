"""The text of the files that `vlm-lab init` writes: suite, schema, prompt, fields.md and test.

Keys and values are somebody else's text: YAML and JSON are written by their libraries, Jinja's
braces and Markdown's bars are escaped, and no comment has a line break in it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from vlm_lab.sanitize import terminal_safe
from vlm_lab.scaffold.overlay import Node
from vlm_lab.scaffold.type_guessing import FieldGuess, format_example
from vlm_lab.types import Conventions

ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
PLAIN_DECIMAL = re.compile(r"-?\d+(\.\d+)?")
# What is written otherwise in most references is asked for as printed.
PROMPT_FORMATS = (
    ("date", "Dates", ISO_DATE, "as YYYY-MM-DD"),
    (
        "amount",
        "Amounts",
        PLAIN_DECIMAL,
        "as decimal numbers with a dot and no thousands separator",
    ),
    ("currency", "Currency", re.compile("[A-Z]{3}"), "as an ISO 4217 code"),
)
MAX_NAMED_KEYS = 6  # keys that a sentence names
SCHEMA_FORMATS = {"amount": "decimal"}

TEST_TEXT = '''\
"""One case per model x prompt x document of the suite in the folder beside this file."""

from vlm_lab import parse, score


def test_document(model, document, prompt, generate, record):
    generation = generate(model, prompt)  # timed by pytest-benchmark; a cached reply is not timed
    prediction = parse(generation)
    record(generation, prediction, score(prediction, document))
'''


def render_suite_yaml(rows: Sequence[tuple[str, Any, str]]) -> str:
    """(key, value, what to know about it) -> YAML with the remarks as comments."""
    text = (
        "# Guesses from your references. Every key is optional, paths are relative to this file.\n"
    )
    for key, value, remark in rows:
        text += f"# {terminal_safe(remark)}\n" if remark else ""
        text += yaml.safe_dump({key: value}, allow_unicode=True, sort_keys=False, width=10_000)
    return text


def render_schema_json(root: Node, guesses: Mapping[str, FieldGuess]) -> str:
    """The references' own keys as JSON Schema, types by `format` and `x-vlm-lab`."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_build_object_schema(root, "", guesses),
    }
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def render_prompt_md(guesses: Sequence[FieldGuess]) -> str:
    """The words sent: which keys are dates and amounts, and how the references write them."""
    lines = [
        "Read this document and answer with one JSON object that follows this JSON Schema:",
        "",
        "{{ schema }}",
        "",
    ]
    for type_name, noun, pattern, notation in PROMPT_FORMATS:
        lines += _format_sentences(guesses, type_name, noun, pattern, notation)
    lines += [
        "Copy all other values as printed on the page. "
        "Use the keys of the schema, as they are written there.",
        "Leave out what the document does not show. Answer with the JSON object alone.",
    ]
    return "\n".join(lines) + "\n"


def render_fields_md(guesses: Sequence[FieldGuess], notes: Sequence[str]) -> str:
    """The side table: what each field was taken for, from what, and what is doubtful."""
    lines = ["# Fields, as guessed from the references", ""]
    lines += [f"- {_escape_markdown(note)}" for note in notes]
    lines += [
        "",
        "To correct a type, change `x-vlm-lab` in schema.json. "
        "This page is read by nobody but you.",
        "",
    ]
    lines += ["| field | type | filled | empty | examples | doubts |", "|---|---|---|---|---|---|"]
    lines += [_format_table_row(guess) for guess in guesses]
    return "\n".join(lines) + "\n"


def _build_object_schema(
    node: Node, path: str, guesses: Mapping[str, FieldGuess]
) -> dict[str, Any]:
    properties = {}
    for key, child in node.children.items():
        child_path = f"{path}.{key}" if path else key
        properties[key] = _build_property_schema(child, child_path, guesses)
    return {"type": "object", "properties": properties}


def _build_property_schema(
    node: Node, path: str, guesses: Mapping[str, FieldGuess]
) -> dict[str, Any]:
    if node.is_rows:
        return {"type": "array", "items": _build_object_schema(node, f"{path}[]", guesses)}
    if node.children:
        return _build_object_schema(node, path, guesses)
    if node.is_list:
        return {"type": "array", "items": {"type": "string"}}
    return _build_leaf_schema(guesses[path])


def _build_leaf_schema(guess: FieldGuess) -> dict[str, Any]:
    type_name = guess.field.type
    if type_name == "boolean":
        return {"type": "boolean"}
    if type_name == "date" and matches_mostly(ISO_DATE, guess):
        return {"type": "string", "format": "date"}
    if type_name in SCHEMA_FORMATS:
        return {"type": "string", "format": SCHEMA_FORMATS[type_name]}
    if type_name == "text":
        return {"type": "string"}
    return {"type": "string", "x-vlm-lab": {"type": type_name}}


def matches_mostly(pattern: re.Pattern[str], guess: FieldGuess) -> bool:
    """Whether at least half of a column's values are written so."""
    values = guess.column.values
    match_count = sum(bool(pattern.fullmatch(str(value).strip())) for value in values)
    return 2 * match_count >= len(values) > 0


def _format_sentences(
    guesses: Sequence[FieldGuess],
    type_name: str,
    noun: str,
    pattern: re.Pattern[str],
    notation: str,
) -> Iterator[str]:
    """`Dates (`Дата`, `Срок`) as YYYY-MM-DD.`, and a sentence for those written otherwise."""
    guesses_of_type = [guess for guess in guesses if guess.field.type == type_name]
    for is_standard, instruction in ((True, notation), (False, "as printed")):
        written_so = [
            guess for guess in guesses_of_type if matches_mostly(pattern, guess) is is_standard
        ]
        keys = list(dict.fromkeys(guess.column.key for guess in written_so))
        if keys:
            names = ", ".join(f"`{escape_jinja(key)}`" for key in keys[:MAX_NAMED_KEYS])
            ellipsis = ", ..." if len(keys) > MAX_NAMED_KEYS else ""
            yield f"{noun} ({names}{ellipsis}) {instruction}."


def escape_jinja(text: str) -> str:
    """Text that Jinja prints as it is, whatever it contains; on one line."""
    return terminal_safe(text).replace("{", '{{ "{" }}')


def _format_table_row(guess: FieldGuess) -> str:
    column = guess.column
    distinct_values = list(dict.fromkeys(map(str, column.values)))
    cells = (
        column.path,
        guess.field.type,
        f"{len(column.values)} of {column.slot_count}",
        str(column.empty_count),
        ", ".join(map(format_example, distinct_values[:3])),
        "; ".join(guess.warnings),
    )
    return f"| {' | '.join(map(_escape_markdown, cells))} |"


def _escape_markdown(text: str) -> str:
    """Text that is no Markdown and no HTML, whatever it contains."""
    return re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", terminal_safe(text))


def build_conventions_rows(conventions: Conventions) -> list[tuple[str, Any, str]]:
    """The rows of suite.yaml that say how values are written."""
    rows: list[tuple[str, Any, str]] = [
        (
            "languages",
            list(conventions.languages),
            "of the documents: month words, and the script that OCR looks for",
        ),
        ("date_order", conventions.date_order, "dmy: 03.04.2024 is the third of April"),
    ]
    if mark := conventions.decimal_mark:
        thousand = "1.234" if mark == "," else "1,234"
        rows.append(("decimal_mark", mark, f"{thousand} is more than a thousand"))
    return rows
