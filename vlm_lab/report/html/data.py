"""Records -> the tables that report.html carries: compact, because 10 models x 500 documents x 20
fields are 100,000 results. Long texts (replies, prompts) go into one small script a document,
loaded when somebody asks for it: a page that was opened from disk may load scripts and nothing
else.

A document's `paths`, `fields` (as numbers: their names stand once for all documents) and `expected`
stand once. A cell has one letter a path (`outcomes`; `n`: not in this answer), by a path's index
the predictions that are not simply exact, each with its type of error, and the confidences.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vlm_lab.files import atomic_private_file, make_private_folder
from vlm_lab.report.images.pages import REPORT_FILES, DocumentKey
from vlm_lab.suite.document_ids import make_slug
from vlm_lab.types import Record, Report

OUTCOME_CODES = {
    "exact": "e",
    "normalized": "f",
    "wrong": "w",
    "missing": "m",
    "spurious": "s",
    "unlabelled": "u",
}
ABSENT_CODE = "n"


def build_page_data(report: Report, records: Iterable[Record], folder: Path) -> dict[str, Any]:
    """The tables; replies and prompts are written into `folder` on the way."""
    candidates = [summary.candidate for summary in report.summaries]
    column_by_candidate = {candidate: column for column, candidate in enumerate(candidates)}
    documents = {
        (document["suite"], document["id"]): _build_document(document)
        for document in report.documents
    }
    field_numbers: dict[str, int] = {}
    texts_by_document: dict[DocumentKey, dict[int, tuple[Any, Any]]] = {}
    for record in records:
        column, key = column_by_candidate[record.candidate], (record.suite, record.document)
        documents[key]["cells"][column] = _build_cell(record, documents[key], field_numbers)
        texts = texts_by_document.setdefault(key, {})
        texts[column] = record.raw_response, record.prompt
    for key, texts_by_column in texts_by_document.items():
        documents[key]["texts"] = _write_texts(folder, key, texts_by_column)
    return {
        "candidates": [
            {"suite": suite, "model": model, "prompt": prompt}
            for suite, model, prompt in candidates
        ],
        "fields": list(field_numbers),
        "documents": list(documents.values()),
    }


def _build_document(document: Mapping[str, Any]) -> dict[str, Any]:
    description = {key: document[key] for key in ("suite", "id", "name", "tags")}
    return {**description, "paths": [], "fields": [], "expected": [], "cells": {}}


def _build_cell(
    record: Record, document: dict[str, Any], field_numbers: dict[str, int]
) -> dict[str, Any]:
    """One answer; a path that no other answer had is added to the document."""
    known_paths = zip(document["fields"], document["paths"], strict=True)
    index_by_path = {path: index for index, path in enumerate(known_paths)}
    codes: dict[int, str] = {}
    predictions: dict[int, list[Any]] = {}
    confidences: dict[int, float] = {}
    for result in record.fields:
        field_number = field_numbers.setdefault(result.field, len(field_numbers))
        index = index_by_path.get((field_number, result.path))
        if index is None:
            index = index_by_path[field_number, result.path] = len(index_by_path)
            document["fields"].append(field_number)
            document["paths"].append(result.path)
            document["expected"].append(result.expected)
        codes[index] = OUTCOME_CODES[result.outcome]
        if result.outcome != "exact":
            told = result.kind or (result.note or "").replace("_", " ")
            predictions[index] = [result.actual, *([told] if told else [])]
        if result.confidence is not None:
            confidences[index] = round(result.confidence, 3)
    outcomes = "".join(codes.get(index, ABSENT_CODE) for index in range(len(index_by_path)))
    optional_entries = {
        "predictions": predictions,
        "confidences": confidences,
        "seconds": record.elapsed_seconds and round(record.elapsed_seconds, 3),
        "reason": record.failure_reason,
    }
    present_entries = {key: value for key, value in optional_entries.items() if value}
    return {"status": record.status, "outcomes": outcomes, **present_entries}


def _write_texts(
    folder: Path, key: DocumentKey, texts_by_column: Mapping[int, tuple[Any, Any]]
) -> str:
    """Replies by column, and each prompt once; the address of the script."""
    prompts = list(dict.fromkeys(prompt for _, prompt in texts_by_column.values()))
    replies = {
        column: [reply, prompts.index(prompt)]
        for column, (reply, prompt) in texts_by_column.items()
    }
    texts = {"prompts": prompts, "replies": replies}
    arguments = f"{encode_script_json(key)}, {encode_script_json(texts)}"
    address = f"{REPORT_FILES}/texts/{make_slug(key[0])}--{key[1]}.js"
    make_private_folder((folder / address).parent, folder)
    with atomic_private_file(folder / address) as file:
        file.write(f"vlmTexts({arguments});\n".encode())
    return address


def encode_script_json(value: Any) -> str:
    """JSON in ASCII that can neither end nor begin an element, wherever in HTML it stands."""
    text = json.dumps(value, separators=(",", ":"), default=str)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
