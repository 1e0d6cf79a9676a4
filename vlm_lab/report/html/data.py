"""Records -> the tables that report.html carries: compact, because 10 models x 500 documents x 20
fields are 100,000 results. Long texts (replies, prompts) go into one small script a document,
loaded when somebody asks for it: a page that was opened from disk may load scripts and nothing
else.

A document's `paths`, `fields` (as numbers: their names stand once for all documents) and `expected`
stand once. A cell has one letter a path (`outcomes`; `n`: not in this answer), by a path's index
the predictions that are not simply exact, each with its type of error, and the confidences. A value
of more than MAX_VALUE_LENGTH characters has its beginning here, its length in `lengths`, and all of
it beside the replies.
"""

import json
from collections.abc import Iterable, Mapping
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from vlm_lab.analysis.judged_records import is_own_reference
from vlm_lab.errors import UserError
from vlm_lab.files import atomic_private_file, make_private_folder
from vlm_lab.messages import ENGLISH, translate_message
from vlm_lab.report.images.pages import REPORT_FILES, DocumentKey
from vlm_lab.sanitize import shorten
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
TEXTS_FOLDER = f"{REPORT_FILES}/texts"
MAX_VALUE_LENGTH = 400  # characters of a value that stand in the page


class _DocumentTexts:
    """The long texts of one document: reply and prompt by column, and the values that were cut, by
    column ("expected" for the reference's) and a path's index."""

    def __init__(self) -> None:
        self.replies: dict[int, tuple[str | None, str | None]] = {}
        self.values: dict[int | str, dict[int, str]] = {}

    def cut_value(self, value: Any, column: int | str, index: int, lengths: dict[int, int]) -> Any:
        """The value, or the beginning of its text where that is long."""
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        if len(text) <= MAX_VALUE_LENGTH:
            return value
        lengths[index] = len(text)
        self.values.setdefault(column, {})[index] = text
        return text[:MAX_VALUE_LENGTH]


def build_page_data(
    report: Report,
    records: Iterable[Record],
    folder: Path,
    catalogue: NullTranslations = ENGLISH,
) -> dict[str, Any]:
    """The tables; replies and prompts are written into `folder` on the way."""
    candidates = [summary.candidate for summary in report.summaries]
    column_by_candidate = {candidate: column for column, candidate in enumerate(candidates)}
    documents = {
        (document["suite"], document["id"]): _build_document(document)
        for document in report.documents
    }
    field_numbers: dict[str, int] = {}
    texts_by_document: dict[DocumentKey, _DocumentTexts] = {}
    for record in records:
        key = record.suite, record.document
        if record.candidate not in column_by_candidate or key not in documents:
            raise UserError(
                f"{folder / 'report.json'}: has a record of {shorten(record.case)}, whose candidate"
                " or document it does not describe; ask for the run's folder anew"
            )
        column = column_by_candidate[record.candidate]
        texts = texts_by_document.setdefault(key, _DocumentTexts())
        cell = _build_cell(record, column, documents[key], field_numbers, texts)
        if record.failure_reason:
            reason = translate_message(record.failure_reason, catalogue)
            cell["reason"] = reason.removeprefix(f"{record.model}: ")  # which stands above it
        documents[key]["cells"][column] = cell
        texts.replies[column] = record.raw_response, record.prompt
    if texts_by_document:
        make_private_folder(folder / TEXTS_FOLDER, folder)
    for key, texts in texts_by_document.items():
        documents[key]["texts"] = _write_texts(folder, key, texts)
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
    return {
        **description,
        "paths": [],
        "fields": [],
        "expected": [],
        "lengths": {},
        "cells": {},
    }


def _build_cell(
    record: Record,
    column: int,
    document: dict[str, Any],
    field_numbers: dict[str, int],
    texts: _DocumentTexts,
) -> dict[str, Any]:
    """One answer; a path that no other answer had is added to the document."""
    known_paths = zip(document["fields"], document["paths"], strict=True)
    index_by_path = {path: index for index, path in enumerate(known_paths)}
    codes: dict[int, str] = {}
    predictions: dict[int, list[Any]] = {}
    confidences: dict[int, float] = {}
    lengths: dict[int, int] = {}
    for result in record.fields:
        field_number = field_numbers.setdefault(result.field, len(field_numbers))
        index = index_by_path.get((field_number, result.path))
        if index is None:
            index = index_by_path[field_number, result.path] = len(index_by_path)
            document["fields"].append(field_number)
            document["paths"].append(result.path)
            expected = texts.cut_value(result.expected, "expected", index, document["lengths"])
            document["expected"].append(expected)
        codes[index] = OUTCOME_CODES[result.outcome]
        if result.outcome != "exact":
            told = result.kind or (result.note or "").replace("_", " ")
            actual = texts.cut_value(result.actual, column, index, lengths)
            predictions[index] = [actual, *([told] if told else [])]
        if result.confidence is not None:
            confidences[index] = round(result.confidence, 3)
    outcomes = "".join(codes.get(index, ABSENT_CODE) for index in range(len(index_by_path)))
    optional_entries = {
        "predictions": predictions,
        "confidences": confidences,
        "lengths": lengths,
        "seconds": record.elapsed_seconds and round(record.elapsed_seconds, 3),
        "own_reference": is_own_reference(record),
    }
    present_entries = {key: value for key, value in optional_entries.items() if value}
    return {"status": record.status, "outcomes": outcomes, **present_entries}


def _write_texts(folder: Path, key: DocumentKey, texts: _DocumentTexts) -> str:
    """Replies by column, each prompt once, and what was cut; the address of the script."""
    prompts = list(dict.fromkeys(prompt for _, prompt in texts.replies.values()))
    replies = {
        column: [reply, prompts.index(prompt)] for column, (reply, prompt) in texts.replies.items()
    }
    content = {"prompts": prompts, "replies": replies, "values": texts.values}
    arguments = f"{encode_script_json(key)}, {encode_script_json(content)}"
    address = f"{TEXTS_FOLDER}/{make_slug(key[0])}--{key[1]}.js"
    with atomic_private_file(folder / address) as file:
        file.write(f"vlmTexts({arguments});\n".encode())
    return address


def encode_script_json(value: Any) -> str:
    """JSON in ASCII that can neither end nor begin an element, wherever in HTML it stands."""
    text = json.dumps(value, separators=(",", ":"), default=str)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
