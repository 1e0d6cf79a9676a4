"""`--documents` of a run over many machines -> documents.parquet in the run's folder: a row a
document, with its reference, so that no worker needs the suite's folder.

A folder, a Parquet file with a column `path` (and `name`, where references are named otherwise), or
an address that fsspec opens (`s3://bucket/invoices`): paths must lead to the same file on all
machines. Names and ids are held together once, while this is written.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from vlm_lab.commands import format_package_command
from vlm_lab.errors import UserError
from vlm_lab.files import atomic_private_file
from vlm_lab.records.parquet_records import import_pyarrow
from vlm_lab.records.record_lines import encode_json_line, validate_json_line
from vlm_lab.suite.document_files import DOCUMENT_SUFFIXES
from vlm_lab.suite.documents import find_documents
from vlm_lab.types import Document, Suite

PLAN_FILE = "documents.parquet"
LINE = "document"  # the one column
GROUP_ROWS = 96  # documents that one task reads


class Source(NamedTuple):
    """A document's name, by which its reference is found, and where it lies."""

    name: str
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDocument:
    """A `Document` without its suite. `location` is a path, or an address that fsspec opens."""

    id: str
    name: str
    location: str
    reference: Mapping[str, Any] | None = None
    reference_path: str | None = None
    tags: Mapping[str, str]
    verified: bool = False
    decided: tuple[str, ...] = ()

    def build_document(self, suite: Suite, path: Path) -> Document:
        """The document, whose file lies at `path` on this machine."""
        return Document(
            id=self.id,
            name=self.name,
            path=path,
            suite=suite,
            reference=self.reference,
            reference_path=Path(self.reference_path) if self.reference_path else None,
            tags=self.tags,
            verified=self.verified,
            decided=frozenset(self.decided),
        )


def is_address(text: str) -> bool:
    """Whether it is for fsspec, and no path."""
    return "://" in text


def list_sources(suite: Suite, source: str) -> list[Source]:
    """All documents, sorted by their names. UserError where there is none."""
    if source.endswith(".parquet"):
        return sorted(_read_manifest(source))
    if is_address(source):
        return sorted(_list_store(source))
    root = suite.documents if suite.documents.is_dir() else suite.documents.parent
    return [Source(name, str((root / name).absolute())) for name in find_documents(suite)]


def _read_manifest(manifest: str) -> Iterator[Source]:
    arrow = import_pyarrow()
    root = manifest.rpartition("/")[0] if is_address(manifest) else str(Path(manifest).parent)
    try:
        with open_location(manifest) as file, arrow.parquet.ParquetFile(file) as parquet:
            columns = [name for name in ("path", "name") if name in parquet.schema_arrow.names]
            for batch in parquet.iter_batches(columns=columns):
                yield from (_make_source(row, root, manifest) for row in batch.to_pylist())
    except (OSError, arrow.ArrowException) as error:
        raise UserError(
            f"--documents {manifest}: cannot be read as a Parquet file ({error}); it needs a column"
            " `path`, and may have `name`"
        ) from None


def _make_source(row: Mapping[str, Any], root: str, manifest: str) -> Source:
    path = row.get("path")
    if not isinstance(path, str) or not path:
        raise UserError(
            f"--documents {manifest}: each row needs a text under `path`, the document's file (got"
            f" {path!r})"
        )
    is_whole = is_address(path) or Path(path).is_absolute()
    location = path if is_whole else f"{root}/{path}"
    return Source(str(row.get("name") or path.rpartition("/")[2]), location)


def _list_store(address: str) -> Iterator[Source]:
    file_system, root = _open_store(address)
    try:
        paths = file_system.find(root)
    except OSError as error:
        raise UserError(f"--documents {address}: cannot be listed ({error})") from None
    prefix = root.rstrip("/") + "/"
    found = [path for path in paths if Path(path).suffix.lower() in DOCUMENT_SUFFIXES]
    if not found:
        raise UserError(f"--documents {address}: holds no document")
    for path in found:
        yield Source(path.removeprefix(prefix), str(file_system.unstrip_protocol(path)))


def _open_store(address: str) -> tuple[Any, str]:
    """fsspec's file system of an address, and the path in it."""
    try:
        import fsspec

        file_system, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        name = getattr(error, "name", None) or "the package that it names"
        raise UserError(
            f"{address}: cannot be opened here ({error}); {format_package_command(name)}"
        ) from None
    return file_system, str(path)


def open_location(location: str) -> Any:
    """A document or a list, open for reading."""
    if not is_address(location):
        return open(location, "rb")
    file_system, path = _open_store(location)
    return file_system.open(path, "rb")


def plan_documents(
    documents: Iterable[Document], sources: Iterable[Source]
) -> Iterator[PlannedDocument]:
    """What is written of each document."""
    for document, source in zip(documents, sources, strict=True):
        yield PlannedDocument(
            id=document.id,
            name=document.name,
            location=source.location,
            reference=document.reference,
            reference_path=str(document.reference_path) if document.reference_path else None,
            tags=document.tags,
            verified=document.verified,
            decided=tuple(sorted(document.decided)),
        )


def write_plan(folder: Path, documents: Iterable[PlannedDocument]) -> None:
    """Writes documents.parquet, whole, in groups that are read one by one."""
    parquet, schema = import_pyarrow().parquet, _build_schema()
    with (
        atomic_private_file(folder / PLAN_FILE, durable=True) as file,
        parquet.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        lines = map(_encode_ascii, documents)
        while group := list(islice(lines, GROUP_ROWS)):
            writer.write_table(import_pyarrow().table({LINE: group}, schema))


def _build_schema() -> Any:
    arrow = import_pyarrow()
    return arrow.schema([(LINE, arrow.string())])


def _encode_ascii(document: PlannedDocument) -> str:
    """Names of files may hold half characters, which only an escape can spell."""
    return json.dumps(json.loads(encode_json_line(document)))


def decode_document(line: str) -> PlannedDocument:
    """One row's."""
    return validate_json_line(PlannedDocument, line.encode())


def count_groups(plan: Path) -> int:
    """How many groups of rows there are."""
    with import_pyarrow().parquet.ParquetFile(plan) as file:
        return int(file.num_row_groups)


def read_group(plan: Path, number: int) -> Any:
    """One group of rows, as Arrow has it."""
    with import_pyarrow().parquet.ParquetFile(plan) as file:
        return file.read_row_group(number)


def read_plan(plan: Path) -> Iterator[PlannedDocument]:
    """All documents, one group at a time in memory."""
    for number in range(count_groups(plan)):
        for line in read_group(plan, number).column(LINE).to_pylist():
            yield decode_document(line)


def remove_planned(run: Path, is_removed: Callable[[PlannedDocument], bool]) -> None:
    """Writes documents.parquet of a run without some of its documents, where the run has one."""
    plan = run / PLAN_FILE
    if plan.is_file():
        write_plan(run, (document for document in read_plan(plan) if not is_removed(document)))


def point_suite_at(suite: Suite, source: str) -> Suite:
    """The suite over documents that lie in no folder of its own."""
    if is_address(source) or source.endswith(".parquet"):
        return replace(suite, documents=Path(source), has_own_documents=False)
    return suite
