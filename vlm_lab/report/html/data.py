"""Records -> the tables that report.html carries: compact, because 10 models x 500 documents x 20
fields are 100,000 results. Long texts (replies, prompts) go into one small script a document,
loaded when somebody asks for it: a page that was opened from disk may load scripts and nothing
else.

A document's `paths`, `fields` (as numbers: their names stand once for all documents) and `expected`
stand once. A cell has one letter a path (`n`: not in this answer), and the values, kinds and
confidences of those that are not simply exact.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vlm_lab.files import atomic_private_file
from vlm_lab.report.images.pages import REPORT_FILES, DocumentKey
from vlm_lab.suite.document_ids import make_slug
from vlm_lab.types import CandidateKey, Report

OUTCOME_CODES = {
    "exact": "e",
    "normalized": "f",
    "wrong": "w",
    "missing": "m",
    "spurious": "s",
    "unlabelled": "u",
}
ABSENT_CODE = "n"


def build_page_data(
    report: Report, rows: Iterable[Mapping[str, Any]], folder: Path
) -> dict[str, Any]:
    """The tables; replies and prompts are written into `folder` on the way."""
    candidates = [each.candidate for each in report.summaries]
    columns = {key: place for place, key in enumerate(candidates)}
    documents = {(each["suite"], each["id"]): _build_document(each) for each in report.documents}
    fields: dict[str, int] = {}
    texts: dict[DocumentKey, dict[int, tuple[Any, Any]]] = {}
    for row in rows:
        column, key = columns[CandidateKey.from_record(row)], (row["suite"], row["document"])
        documents[key]["cells"][column] = _build_cell(row, documents[key], fields)
        texts.setdefault(key, {})[column] = row.get("raw_response"), row.get("prompt")
    for key, said in texts.items():
        documents[key]["texts"] = _write_texts(folder, key, said)
    return {
        "candidates": [
            {"suite": suite, "model": model, "prompt": prompt}
            for suite, model, prompt in candidates
        ],
        "fields": list(fields),
        "documents": list(documents.values()),
    }


def _build_document(document: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: document[key] for key in ("suite", "id", "name", "tags")}
    return {**known, "paths": [], "fields": [], "expected": [], "cells": {}}


def _build_cell(
    row: Mapping[str, Any], document: dict[str, Any], fields: dict[str, int]
) -> dict[str, Any]:
    keys = zip(document["fields"], document["paths"], strict=True)
    places = {key: place for place, key in enumerate(keys)}
    letters: dict[int, str] = {}
    said: dict[int, list[Any]] = {}
    sure: dict[int, float] = {}
    for each in row["fields"]:
        number = fields.setdefault(each["field"], len(fields))
        place = places.get((number, each["path"]))
        if place is None:
            place = places[number, each["path"]] = len(places)
            document["fields"].append(number)
            document["paths"].append(each["path"])
            document["expected"].append(each["expected"])
        letters[place] = OUTCOME_CODES[each["outcome"]]
        if each["outcome"] != "exact":
            said[place] = [each["actual"], *([each["kind"]] if each["kind"] else [])]
        if each["confidence"] is not None:
            sure[place] = round(each["confidence"], 3)
    cell = {
        "status": row["status"],
        "o": "".join(letters.get(place, ABSENT_CODE) for place in range(len(places))),
    }
    extra = {"said": said, "sure": sure, "seconds": _round_seconds(row), "why": _find_reason(row)}
    return {**cell, **{key: value for key, value in extra.items() if value}}


def _round_seconds(row: Mapping[str, Any]) -> float | None:
    return None if row["elapsed_seconds"] is None else round(row["elapsed_seconds"], 3)


def _find_reason(row: Mapping[str, Any]) -> str:
    return (row.get("error") or {}).get("message") or row.get("reason") or ""


def _write_texts(folder: Path, key: DocumentKey, said: Mapping[int, tuple[Any, Any]]) -> str:
    """Replies by column, and each prompt once; the address of the script."""
    prompts = list(dict.fromkeys(prompt for _, prompt in said.values()))
    texts = {
        "prompts": prompts,
        "said": {
            column: [reply, prompts.index(prompt)] for column, (reply, prompt) in said.items()
        },
    }
    address = f"{REPORT_FILES}/texts/{make_slug(key[0])}--{key[1]}.js"
    (folder / address).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with atomic_private_file(folder / address) as file:
        file.write(f"vlmTexts({encode_script_json(key)}, {encode_script_json(texts)});\n".encode())
    return address


def encode_script_json(value: Any) -> str:
    """JSON in ASCII that can neither end nor begin an element, wherever in HTML it stands."""
    text = json.dumps(value, separators=(",", ":"), default=str)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
