"""The text of the files that `vlm-lab init` writes: suite.yaml, schema.json, prompt.md, fields.md and the test.

Keys and values are somebody else's text: YAML and JSON are written by their libraries, Jinja's braces and Markdown's
bars are escaped, and no comment has a line break in it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from vlm_lab.sanitize import shown
from vlm_lab.scaffold.overlay import Node
from vlm_lab.scaffold.type_guessing import Guess, clip
from vlm_lab.types import Conventions

ISO = re.compile(r"\d{4}-\d\d-\d\d")
POINT = re.compile(r"-?\d+(\.\d+)?")
WRITTEN = (
    ("date", "Dates", ISO, "as YYYY-MM-DD"),
    ("amount", "Amounts", POINT, "as decimal numbers with a dot and no thousands separator"),
    ("currency", "Currency", re.compile("[A-Z]{3}"), "as an ISO 4217 code"),
)  # what is written otherwise in most references is asked for as printed
FEW = 6  # keys that a sentence names
FORMATS = {"amount": "decimal"}

TEST = '''"""One case per model x prompt x document of the suite in the folder beside this file."""

from vlm_lab import parse, score


def test_document(model, document, prompt, generate, record):
    generation = generate(model, prompt)  # timed by pytest-benchmark; a cached reply is not timed
    prediction = parse(generation)
    record(generation, prediction, score(prediction, document))
'''


def suite_yaml(rows: Sequence[tuple[str, Any, str]]) -> str:
    """(key, value, what to know about it) -> YAML with the remarks as comments."""
    text = "# Guesses of `vlm-lab init`. Every key is optional, paths are relative to this file.\n"
    for key, value, remark in rows:
        text += f"# {shown(remark)}\n" if remark else ""
        text += yaml.safe_dump({key: value}, allow_unicode=True, sort_keys=False, width=10_000)
    return text


def schema_json(root: Node, guesses: Mapping[str, Guess]) -> str:
    """The references' own keys as JSON Schema, types by `format` and `x-vlm-lab`."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_object(root, "", guesses)}
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def prompt_md(guesses: Sequence[Guess]) -> str:
    """The words sent: which keys are dates and amounts, and how the references write them."""
    lines = [
        "Read this document and answer with one JSON object that follows this JSON Schema:",
        "",
        "{{ schema }}",
        "",
    ]
    for kind, noun, pattern, how in WRITTEN:
        lines += _sentence(guesses, kind, noun, pattern, how)
    lines += [
        "Copy all other values as printed on the page. Use the keys of the schema, as they are written there.",
        "Leave out what the document does not show. Answer with the JSON object alone.",
    ]
    return "\n".join(lines) + "\n"


def fields_md(guesses: Sequence[Guess], notes: Sequence[str]) -> str:
    """The side table: what each field was taken for, from what, and what is doubtful."""
    lines = ["# Fields, as guessed from the references", ""]
    lines += [f"- {_cell(note)}" for note in notes]
    lines += ["", "To correct a type, change `x-vlm-lab` in schema.json. This page is read by nobody but you.", ""]
    lines += ["| field | type | filled | empty | examples | doubts |", "|---|---|---|---|---|---|"]
    lines += [_row(guess) for guess in guesses]
    return "\n".join(lines) + "\n"


def _object(node: Node, path: str, guesses: Mapping[str, Guess]) -> dict[str, Any]:
    properties = {}
    for key, child in node.children.items():
        own = f"{path}.{key}" if path else key
        properties[key] = _property(child, own, guesses)
    return {"type": "object", "properties": properties}


def _property(node: Node, path: str, guesses: Mapping[str, Guess]) -> dict[str, Any]:
    if node.is_rows:
        return {"type": "array", "items": _object(node, f"{path}[]", guesses)}
    if node.children:
        return _object(node, path, guesses)
    if node.is_list:
        return {"type": "array", "items": {"type": "string"}}
    return _leaf(guesses[path])


def _leaf(guess: Guess) -> dict[str, Any]:
    kind = guess.field.type
    if kind == "boolean":
        return {"type": "boolean"}
    if kind == "date" and mostly(ISO, guess):
        return {"type": "string", "format": "date"}
    if kind in FORMATS:
        return {"type": "string", "format": FORMATS[kind]}
    return {"type": "string"} if kind == "text" else {"type": "string", "x-vlm-lab": {"type": kind}}


def mostly(pattern: re.Pattern[str], guess: Guess) -> bool:
    """Whether at least half of a column's values are written so."""
    values = guess.column.values
    return 2 * sum(bool(pattern.fullmatch(str(value).strip())) for value in values) >= len(values) > 0


def _sentence(guesses: Sequence[Guess], kind: str, noun: str, pattern: re.Pattern[str], how: str) -> Iterator[str]:
    """`Dates (`Дата`, `Срок`) as YYYY-MM-DD.`, and a sentence for those that are written otherwise."""
    of_kind = [guess for guess in guesses if guess.field.type == kind]
    for like, so in ((True, how), (False, "as printed")):
        names = list(dict.fromkeys(guess.column.key for guess in of_kind if mostly(pattern, guess) is like))
        if names:
            more = ", ..." if len(names) > FEW else ""
            yield f"{noun} ({', '.join(f'`{template_text(name)}`' for name in names[:FEW])}{more}) {so}."


def template_text(text: str) -> str:
    """Text that Jinja prints as it is, whatever it contains; on one line."""
    return shown(text).replace("{", '{{ "{" }}')


def _row(guess: Guess) -> str:
    column = guess.column
    examples = ", ".join(clip(value) for value in list(dict.fromkeys(map(str, column.values)))[:3])
    filled = f"{len(column.values)} of {column.places}"
    cells = (column.path, guess.field.type, filled, str(column.empty), examples, "; ".join(guess.doubts))
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Text that is no Markdown and no HTML, whatever it contains."""
    return re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", shown(text))


def conventions_rows(conventions: Conventions) -> list[tuple[str, Any, str]]:
    """The rows of suite.yaml that say how values are written."""
    return [
        ("languages", list(conventions.languages), "of the documents: month words, and the script that OCR looks for"),
        ("date_order", conventions.date_order, "dmy: 03.04.2024 is the third of April"),
    ]
