"""suite.yaml, schema.json and prompts -> Suite; its documents folder and references -> Documents.

What is wrong with the suite itself is an error; what is wrong with one reference is a note, and that document runs
unscored: a run over three hundred invoices must not end at a comma in one of them.
"""

import csv
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vlm_lab.documents import is_document, shown
from vlm_lab.errors import UserError
from vlm_lab.names import slugs
from vlm_lab.references import read_reference
from vlm_lab.schema import fields_of_schema
from vlm_lab.strict import Source, build, read_yaml
from vlm_lab.types import Conventions, Document, Suite


@dataclass(frozen=True, slots=True)
class SuiteFile:
    """suite.yaml as it is written, every key optional."""

    documents: str = "documents"
    references: str = "references"
    match: str = "{stem}.json"
    unwrap: str | None = None
    map: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    empty: Literal["unlabelled", "absent"] = "unlabelled"
    verified: bool = False
    date_order: Literal["dmy", "mdy", "ymd"] = "dmy"
    languages: tuple[str, ...] = ("en",)
    tags: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[Literal["max", "dpi"], int] = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=lambda: {"default": "prompt.md"})


def load_suite(
    folder: Path, documents: Path | None = None, references: Path | None = None, schema: Path | None = None
) -> Suite:
    """Reads a suite's folder; the three paths stand in for the suite's own. UserError names file and key."""
    source = _source(folder)
    said = build(SuiteFile, source, [], source.data or {})
    schema_path = schema or folder / "schema.json"
    read = _read_schema(schema_path) if schema or schema_path.exists() else {}
    for key, number in said.pages.items():
        if number < 1:
            raise source.error(["pages", key], f"must be 1 or more (got {number})")
    return Suite(
        name=folder.resolve().name,
        folder=folder,
        documents=documents or folder / said.documents,
        references=references or folder / said.references,
        match=said.match,
        unwrap=said.unwrap,
        map=said.map,
        ignore=said.ignore,
        empty=said.empty,
        verified=said.verified,
        conventions=Conventions(said.date_order, said.languages),
        tags=said.tags,
        max_pages=said.pages.get("max", 4),
        dpi=said.pages.get("dpi", 150),
        prompts=_read_prompts(source, folder, said.prompts),
        schema=read,
        fields=fields_of_schema(read),
    )


def load_documents(suite: Suite) -> tuple[tuple[Document, ...], tuple[str, ...]]:
    """All documents in the order of their names, and one line for each thing that a user should know about them."""
    names = _find(suite)
    root = suite.documents if suite.documents.is_dir() else suite.documents.parent
    index = ReferenceIndex(suite)
    ids, notes = slugs(names)
    table = _tag_table(suite)
    documents = []
    for name, identity in zip(names, ids, strict=True):
        path = root / name
        reference_path = index.find(name)
        reference, told = (None, ()) if reference_path is None else read_reference(reference_path, suite)
        notes += told
        tags = _tags(suite, name, reference, table)
        documents.append(Document(id=identity, name=name, path=path, suite=suite, tags=tags,
                                  reference=reference, reference_path=reference_path))  # fmt: skip
    return tuple(documents), (*notes, *_unmatched(suite, documents, index))


def _source(folder: Path) -> Source:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such suite; a suite is a folder with suite.yaml, schema.json and prompt.md")
    path = folder / "suite.yaml"
    return read_yaml(path) if path.exists() else Source(path, {}, None)


def _read_schema(path: Path) -> dict[str, Any]:
    try:
        schema = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error})") from None
    if not isinstance(schema, dict):
        raise UserError(f"{path}: must be a JSON Schema, an object with `properties` (got {type(schema).__name__})")
    return schema


def _read_prompts(source: Source, folder: Path, names: Mapping[str, str]) -> dict[str, str]:
    texts = {}
    for prompt_id, name in names.items():
        path = folder / name
        if path.exists():
            texts[prompt_id] = path.read_text("utf-8-sig")
        elif (source.data or {}).get("prompts"):
            raise source.error(["prompts", prompt_id], f"no file {path}")
    return texts


def _find(suite: Suite) -> list[str]:
    place = suite.documents
    if place.is_file():
        return [place.name]
    if not place.is_dir():
        raise UserError(f"{place}: no such folder of documents (suite {suite.name!r}); give one with --documents=PATH")
    files = (path for path in place.rglob("*") if path.is_file() and not _hidden(path.relative_to(place)))
    names = sorted(path.relative_to(place).as_posix() for path in files if is_document(path))
    if not names:
        raise UserError(f"{place}: holds no document (PDF, JPEG, PNG, TIFF, WEBP); give a folder with --documents=PATH")
    return names


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


class ReferenceIndex:
    """The reference files, by their names in composed form: macOS and zip files write ё as two characters."""

    def __init__(self, suite: Suite) -> None:
        self.match = suite.match
        root = suite.references
        paths = [root] if root.is_file() else sorted(root.rglob("*.json")) if root.is_dir() else []
        base = root.parent if root.is_file() else root
        self.paths = {_composed(path.relative_to(base).as_posix()): path for path in paths}
        self.by_name: dict[str, list[Path]] = {}
        for name, path in self.paths.items():
            self.by_name.setdefault(name.rpartition("/")[2], []).append(path)
        self.used: set[Path] = set()

    def find(self, document: str) -> Path | None:
        """The reference of a document: beside its own relative path first, else the only one of that name."""
        folder, _, name = _composed(document).rpartition("/")
        wanted = self.match.format(stem=name.rpartition(".")[0] or name, name=name)
        found = self.paths.get(f"{folder}/{wanted}" if folder else wanted) or self.paths.get(wanted)
        if found is None and len(self.by_name.get(wanted, [])) == 1:
            found = self.by_name[wanted][0]
        if found:
            self.used.add(found)
        return found


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _tag_table(suite: Suite) -> dict[str, dict[str, str]]:
    """tags.csv: a column `document` (relative path) and one column a tag."""
    name = suite.tags.get("file")
    if not name:
        return {}
    path = suite.folder / name
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); suite.yaml names it under tags.file") from None
    if rows and "document" not in rows[0]:
        raise UserError(f"{path}: must have a column `document` (got {', '.join(rows[0])})")
    return {_composed(row.pop("document")): {key: value for key, value in row.items() if value} for row in rows}


def _tags(suite: Suite, name: str, reference: Mapping[str, Any] | None, table: Mapping[str, Any]) -> dict[str, str]:
    tags = dict(table.get(_composed(name), {}))
    for tag, source in suite.tags.items():
        if tag == "file":
            continue
        value = name.rpartition("/")[0] if source == "parent" else _at(reference, source)
        if value:
            tags[tag] = str(value)
    return tags


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return None if isinstance(value, Mapping | list) else value


def _unmatched(suite: Suite, documents: Sequence[Document], index: ReferenceIndex) -> Iterable[str]:
    alone = [document.name for document in documents if document.reference_path is None]
    if alone:
        yield f"{_count(alone, 'document')} without reference: {_few(alone)}; they run unscored"
    unused = [name for name, path in index.paths.items() if path not in index.used]
    if unused:
        yield f"{_count(unused, 'reference')} without document: {_few(unused)}"


def _count(names: Sequence[str], noun: str) -> str:
    return f"{len(names)} {noun}{'s' if len(names) > 1 else ''}"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(shown(name) for name in names[:3]) + more
