"""One file with the references of many documents -> an entry for each.

A file is a table (CSV, TSV) or JSON values, and the entries are
- a map of names: {"d1.jpg": {...}}, also with pandas' orients `index` and `columns`;
- records of which one key names the document: [{"file_name": "d1.jpg", ...}], JSON Lines, rows of a
  table, pandas' orients `records`, `split` and `table`;
- what annotation tools export (`annotation_tools`).
Both may lie some objects down ({"documents": [...]}). Text that is JSON (`ground_truth` of the
Hugging Face hub) is read as what it says. What names no document is no entry.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlm_lab.fields.roles import split_key
from vlm_lab.suite.annotation_tools import convert_annotations, parse_cvat_xml
from vlm_lab.suite.json_values import ParsedFile, parse_nested_text, parse_values

JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
TABLE_SUFFIXES = {".csv": ",;\t|", ".tsv": "\t"}  # with the delimiters that are tried
XML_SUFFIX = ".xml"
LABEL_SUFFIXES = (*JSON_SUFFIXES, *TABLE_SUFFIXES, XML_SUFFIX)
DOCUMENT_SUFFIX = re.compile(
    r"\.(pdf|jpe?g|png|tiff?|webp|bmp|gif|hei[cf]|avif|jp2|jfif)(?=$|[?#])", re.I
)
# Keys that name a document, the surest first; of the rest only values with a document's suffix do.
DOCUMENT_KEYS = re.compile(
    r"(image|document|doc|pdf|source|src|img)? ?file ?(name|path)?"
    r"|(file|image|document|doc|img|source|pdf) ?(name|path|url|uri|id)?|path|key|stem|id|name"
    r"|имя ?файла|файл|документ"
)
NUMBER_KEYS = re.compile(r"|id|index|idx|unnamed ?\d*|level ?\d+|split|row ?(id|number)?")
SPLIT_NAMES = ("train", "test", "val", "valid", "validation", "dev")
MAX_NESTING = 3  # objects around the entries
MAX_CELL_CHARACTERS = 10_000_000


@dataclass(frozen=True, slots=True, eq=False)
class LabelEntry:
    """A document's name as the file has it (perhaps a path, perhaps without suffix), and what the
    file says about the document."""

    document: str
    data: Any


def parse_label_file(text: str, suffix: str) -> ParsedFile:
    """The values of a file by its suffix (lower case): JSON values, or a list of a table's rows."""
    if suffix in TABLE_SUFFIXES:
        return ParsedFile([_read_table(text, TABLE_SUFFIXES[suffix])])
    if suffix == XML_SUFFIX:
        return ParsedFile([parse_cvat_xml(text)])
    return parse_values(text)


def collect_entries(values: Sequence[Any]) -> list[list[LabelEntry]]:
    """Lists of entries, one for each map or list of the file that might be the one with the
    documents; none of them names a document where the file is one document's own."""
    value = values[0] if len(values) == 1 else list(values)
    return [entries for entries in _walk_value(value, 0) if entries]


def _walk_value(value: Any, depth: int) -> Iterator[list[LabelEntry]]:
    converted = convert_annotations(value)
    if converted is not None:
        yield [LabelEntry(document, fields) for document, fields in converted]
    elif isinstance(value, list):
        yield _list_records(value)
    elif isinstance(value, Mapping):
        yield from _walk_mapping(value, depth)


def _walk_mapping(value: Mapping[str, Any], depth: int) -> Iterator[list[LabelEntry]]:
    records = _read_split_orient(value)
    if records is not None:
        yield _list_records(records)
        return
    yield _list_records([value])
    children = {str(key): parse_nested_text(child) for key, child in value.items()}
    objects = {key: child for key, child in children.items() if _has_fields(child)}
    yield [LabelEntry(key, child) for key, child in objects.items()]
    if all(key.isdigit() for key in children):
        yield _list_records([*children.values()])
    columns = _read_column_orient(children)
    yield [LabelEntry(key, record) for key, record in columns.items()]
    yield _list_records([*columns.values()])
    if depth < MAX_NESTING:
        for child in objects.values():
            yield from _walk_value(child, depth + 1)


def _has_fields(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(item, Mapping) for item in value)
    return isinstance(value, Mapping)


def _list_records(values: Sequence[Any]) -> list[LabelEntry]:
    entries = []
    for record in values:
        key = _find_document_key(record) if isinstance(record, Mapping) else None
        if key is not None:
            entries.append(LabelEntry(str(_get_name(record[key])), _build_fields(record, key)))
    return entries


def _find_document_key(record: Mapping[str, Any]) -> str | None:
    """A file's name under a key that says so, else under any key, else whatever such a key says."""
    file_keys = [key for key, value in record.items() if _is_file_name(_get_name(value))]
    named_keys = [key for key in record if DOCUMENT_KEYS.fullmatch(split_key(str(key)))]
    for key in [key for key in file_keys if key in named_keys] + file_keys:
        return str(key)
    for key in sorted(named_keys, key=_rank_document_key):
        if isinstance(_get_name(record[key]), str | int):
            return str(key)
    return None


def _get_name(value: Any) -> Any:
    """The name in {"path": "d1.jpg", "bytes": null}, as datasets write images."""
    return value.get("path") if isinstance(value, Mapping) and len(value) <= 2 else value


def _is_file_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) < 2000 and bool(DOCUMENT_SUFFIX.search(value))


def _rank_document_key(key: str) -> int:
    """Numbers of rows say least."""
    words = split_key(key)
    return 2 if words in ("id", "key", "name") else int("id" in words.split())


def _build_fields(record: Mapping[str, Any], document_key: str) -> dict[str, Any]:
    """The record without its document's name and the numbers that tables give to their rows."""
    fields = {}
    for key, value in record.items():
        is_row_number = NUMBER_KEYS.fullmatch(split_key(str(key))) and (
            isinstance(value, int) or str(value).isdigit() or value in SPLIT_NAMES
        )
        if str(key) != document_key and not is_row_number:
            fields[str(key)] = parse_nested_text(value)
    return fields


def _read_split_orient(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """pandas' {"columns": [...], "index": [...], "data": [[...]]} as records; None where it is
    not."""
    columns, rows = value.get("columns"), value.get("data")
    if not isinstance(columns, list) or not isinstance(rows, list):
        return None
    if not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
        return None
    names = [str(column) for column in columns]
    records = [dict(zip(names, row, strict=True)) for row in rows]
    index = value.get("index")
    if isinstance(index, list) and len(index) == len(records):
        for record, name in zip(records, index, strict=True):
            if isinstance(name, str):
                record.setdefault("file_name", name)
    return records


def _read_column_orient(columns: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """pandas' {"total": {"d1.jpg": 1, "d2.jpg": 2}, "date": {...}} as records by name."""
    if len(columns) < 2 or not all(isinstance(column, Mapping) for column in columns.values()):
        return {}
    first_names, *other_names = [list(map(str, column)) for column in columns.values()]
    if not first_names or any(names != first_names for names in other_names):
        return {}
    return {
        name: {key: column.get(name) for key, column in columns.items()} for name in first_names
    }


def _read_table(text: str, delimiters: str) -> list[dict[str, Any]]:
    """A table's rows by its header; an empty cell is null. ValueError where there is no header with
    names of its own."""
    header_line = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(delimiters, key=header_line.count)
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    try:
        rows = list(csv.reader(io.StringIO(text.lstrip("\r\n")), delimiter=delimiter))
    except csv.Error as error:
        raise ValueError(str(error)) from None
    header = [name.strip() for name in rows[0]] if rows else []
    if len(set(header)) < len(header) or not any(header):
        raise ValueError(f"a table's first row must name its columns, each once (got {header})")
    records = []
    for row in rows[1:]:
        cells = [cell if cell.strip() else None for cell in row]
        cells += [None] * (len(header) - len(cells))
        if any(cells):
            records.append(dict(zip(header, cells, strict=False)))
    return records
