"""The documents that carry an e-invoice -> rows of tags.csv, so that reports show them apart."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vlm_lab.files import MAX_DATA_BYTES, atomic_file, read_bounded_text
from vlm_lab.scaffold.new_files import write_new_file
from vlm_lab.scaffold.reading import format_first_names
from vlm_lab.suite.reference_index import normalize_unicode
from vlm_lab.suite.tags import TAGS_FILE, read_tag_table
from vlm_lab.types import Suite

TAG = "e-invoice"
HEADER = ["document", TAG]


def write_tags(suite: Suite, names: Sequence[str]) -> list[str]:
    """Writes tags.csv, or adds to the one that this wrote before; a table of somebody's own is
    left as it is. What was done, or is to be done."""
    file_name = suite.tags.get("file") or TAGS_FILE
    path = suite.folder / file_name
    if not path.exists():
        write_new_file(path, _format_rows([HEADER, *([name, "yes"] for name in names)]))
        return [f"wrote {file_name}: {len(names)} documents have the tag {TAG}"]
    table = read_tag_table(replace(suite, tags={"file": file_name}))
    untagged = [name for name in names if not table.get(normalize_unicode(name), {}).get(TAG)]
    if not untagged:
        return []
    text = read_bounded_text(path, limit=MAX_DATA_BYTES)
    if next(csv.reader([text.partition("\n")[0]]), []) != HEADER:
        return [
            f"{file_name} is yours and not changed: give it a column {TAG}, with yes for "
            f"{len(untagged)} documents, {format_first_names(untagged)}"
        ]
    _append_rows(path, text, [[name, "yes"] for name in untagged])
    return [f"{file_name}: {len(untagged)} more documents have the tag {TAG}"]


def _append_rows(path: Path, text: str, rows: Sequence[Sequence[str]]) -> None:
    ended_text = text if text.endswith("\n") else f"{text}\n"
    with atomic_file(path) as file:
        file.write((ended_text + _format_rows(rows)).encode())


def _format_rows(rows: Sequence[Sequence[str]]) -> str:
    table = io.StringIO(newline="")
    csv.writer(table, lineterminator="\n").writerows(rows)
    return table.getvalue()
