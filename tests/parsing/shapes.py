"""One answer in many shapes, by name: what models and services put around an invoice's values."""

import json
from collections.abc import Callable
from typing import Any

from vlm_lab.fields.schema import collect_schema_fields

ANSWER = {
    "number": "R-0815",
    "date": "2024-11-30",
    "seller": {"name": "Ostwerk AG", "tax_id": "CHE-116.281.710"},
    "totals": {"net": "400.00", "gross": "432.40"},
    "rows": [
        {"text": "Cable, 5 m", "amount": "150.00"},
        {"text": "Labour", "amount": "250.00"},
    ],
    "tags": ["paid", "copy"],
}
SCHEMA = {
    "properties": {
        "number": {"x-vlm-lab": "identifier"},
        "date": {"format": "date"},
        "seller": {
            "properties": {"name": {"x-vlm-lab": "name"}, "tax_id": {"x-vlm-lab": "tax_id"}}
        },
        "totals": {"properties": {"net": {"format": "decimal"}, "gross": {"format": "decimal"}}},
        "rows": {"items": {"properties": {"text": {}, "amount": {"format": "decimal"}}}},
        "tags": {"items": {"type": "string"}},
    }
}
FIELDS = collect_schema_fields(SCHEMA)
Answer = dict[str, Any]


def wrap_values(value: Any, wrap: Callable[[str], Any]) -> Any:
    """A copy with each plain value in something."""
    if isinstance(value, dict):
        return {key: wrap_values(child, wrap) for key, child in value.items()}
    if isinstance(value, list):
        return [wrap_values(child, wrap) for child in value]
    return wrap(value)


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """`rows[0].amount` -> value; a list of plain values stays whole."""
    if isinstance(value, dict):
        return {
            leaf: item
            for key, child in value.items()
            for leaf, item in flatten(child, f"{path}.{key}" if path else key).items()
        }
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {
            leaf: item
            for index, child in enumerate(value)
            for leaf, item in flatten(child, f"{path}[{index}]").items()
        }
    return {path: value}


def with_rows(answer: Answer, reshape: Callable[[list[dict[str, str]]], Any]) -> Answer:
    return {**answer, "rows": reshape(answer["rows"])}


def columns(rows: list[dict[str, str]]) -> dict[str, list[str]]:
    return {key: [row[key] for row in rows] for key in rows[0]}


def first_half(answer: Answer) -> Answer:
    return {key: answer[key] for key in ("number", "date", "seller")}


def second_half(answer: Answer) -> Answer:
    return {key: answer[key] for key in ("totals", "rows", "tags")}


def call(answer: Answer) -> Answer:
    return {"name": "save", "arguments": json.dumps(answer)}


# Data around, inside or instead of the schema's own.
DATA: dict[str, Callable[[Answer], Any]] = {
    "an envelope": lambda answer: {"document": answer},
    "two envelopes": lambda answer: {"status": "ok", "result": {"document": answer}},
    "an envelope of a list": lambda answer: {"documents": [answer]},
    "a tool call": lambda answer: {"name": "save", "arguments": answer},
    "OpenAI's function call": lambda answer: {"function_call": call(answer)},
    "OpenAI's tool calls": lambda answer: {"tool_calls": [{"id": "1", "function": call(answer)}]},
    "a whole response": lambda answer: {
        "choices": [{"message": {"content": f"```json\n{json.dumps(answer)}\n```"}}]
    },
    "JSON in a string": lambda answer: {"output": json.dumps(answer)},
    "encoded twice": json.dumps,
    "encoded three times": lambda answer: json.dumps(json.dumps(answer, indent=1)),
    "values with a confidence": lambda answer: wrap_values(
        answer, lambda value: {"value": value, "confidence": 0.71}
    ),
    "values with a box": lambda answer: wrap_values(
        answer, lambda value: {"text": value, "bbox": [10, 20, 30, 40], "page": 1}
    ),
    "a list for each value": lambda answer: {
        **wrap_values(answer, lambda value: [{"value": value, "score": 1}]),
        "tags": answer["tags"],
    },
    "every member with a confidence": lambda answer: {
        key: {"value": value, "confidence": 0.5} for key, value in answer.items()
    },
    "a list of one": lambda answer: [answer],
    "pages": lambda answer: [first_half(answer), second_half(answer)],
    "pages with numbers": lambda answer: {
        "pages": [{"page": 1, "data": first_half(answer)}, {"page": 2, "data": second_half(answer)}]
    },
    "pages by name": lambda answer: {"page_1": first_half(answer), "page_2": second_half(answer)},
    "rows on two pages": lambda answer: [
        with_rows(answer, lambda rows: rows[:1]),
        {"number": None, "rows": answer["rows"][1:]},
    ],
    "the same page twice": lambda answer: [answer, answer],
    "sections": lambda answer: {"head": first_half(answer), "body": second_half(answer)},
    "a section beside known keys": lambda answer: {
        "head": first_half(answer), **second_half(answer),
    },
    "columns": lambda answer: with_rows(answer, columns),
    "columns of numbered cells": lambda answer: with_rows(
        answer,
        lambda rows: {
            key: {str(index): cell for index, cell in enumerate(cells)}
            for key, cells in columns(rows).items()
        },
    ),
    "columns apart from cells": lambda answer: with_rows(
        answer,
        lambda rows: {
            "columns": [*rows[0]],
            "data": [[row[key] for key in rows[0]] for row in rows],
        },
    ),
    "a head row": lambda answer: with_rows(
        answer, lambda rows: [[*rows[0]], *([row[key] for key in rows[0]] for row in rows)]
    ),
    "numbered rows": lambda answer: with_rows(
        answer, lambda rows: {f"{index}": row for index, row in enumerate(rows, 1)}
    ),
    "rows in an envelope": lambda answer: with_rows(
        answer, lambda rows: {"items": rows, "count": len(rows)}
    ),
    "an envelope for each row": lambda answer: with_rows(
        answer, lambda rows: [{"row": row} for row in rows]
    ),
    "rows in a string": lambda answer: with_rows(answer, json.dumps),
    "a string for each row": lambda answer: with_rows(
        answer, lambda rows: [json.dumps(row) for row in rows]
    ),
    "keys and values": lambda answer: [
        {"key": key, "value": value} for key, value in answer.items()
    ],
    "paths and values": lambda answer: {
        "fields": [
            {"name": path, "value": value, "confidence": 1}
            for path, value in flatten(answer).items()
        ]
    },
    "pairs": lambda answer: [[key, value] for key, value in answer.items()],
    "an object for each key": lambda answer: [{key: value} for key, value in answer.items()],
    "paths": flatten,
    "pointers": lambda answer: {
        "/" + path.replace("[", "/").replace("]", "").replace(".", "/"): value
        for path, value in flatten(answer).items()
    },
    "a part as a list": lambda answer: {**answer, "seller": [answer["seller"]]},
    "a part in a string": lambda answer: {**answer, "seller": json.dumps(answer["seller"])},
    "a draft beside the answer": lambda answer: {
        "draft": {**answer, "number": "R-1"}, "final": answer,
    },
    "thoughts beside the answer": lambda answer: {"reasoning": "{net} + tax", "answer": answer},
}  # fmt: skip

# Text around JSON that is as it was asked for, or whose parts are.
TEXTS: dict[str, Callable[[Answer], str]] = {
    "a tool call in tags": lambda answer: (
        f"<tool_call>\n{json.dumps({'name': 'save', 'arguments': answer})}\n</tool_call>"
    ),
    "a function in tags": lambda answer: f"<function=save>{json.dumps(answer)}</function>",
    "Mistral's call": lambda answer: (
        f"[TOOL_CALLS]{json.dumps([{'name': 'save', 'arguments': answer}])}"
    ),
    "encoded twice in a fence": lambda answer: f"```json\n{json.dumps(json.dumps(answer))}\n```",
    "lines of JSON": lambda answer: "\n".join(
        json.dumps({key: value}) for key, value in answer.items()
    ),
    "two fences": lambda answer: (
        f"```json\n{json.dumps(second_half(answer))}\n```\nand\n"
        f"```json\n{json.dumps(first_half(answer))}\n```"
    ),
    "a draft": lambda answer: (
        f"{json.dumps({**answer, 'number': 'R-1'})}\nChecked again:\n{json.dumps(answer)}"
    ),
    "a draft in another shape": lambda answer: (
        f"{json.dumps({**answer, 'number': 'R-1'})}\nSo:\n{json.dumps({'final': answer})}"
    ),
    "a correction": lambda answer: (
        f"{json.dumps({**answer, 'totals': {'net': '400.00', 'gross': '4'}})}\n"
        f"I misread the total:\n{json.dumps({'totals': {'gross': answer['totals']['gross']}})}"
    ),
    "a template before": lambda answer: (
        f"{json.dumps(wrap_values(answer, lambda value: 'string'))}\n{json.dumps(answer)}"
    ),
    "a template after": lambda answer: (
        f"{json.dumps(answer)}\nin this form:\n"
        f"{json.dumps(wrap_values(answer, lambda value: '<value>'))}"
    ),
    "a box": lambda answer: f"\\boxed{{{json.dumps(answer)}}}",
    "Python": repr,
}
