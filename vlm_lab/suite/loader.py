"""suite.yaml, schema.json and prompts -> Suite; its documents folder and references -> Documents.

What is wrong with the suite itself is an error; what is wrong with one reference is a note, and
that document runs unscored: a run over three hundred invoices must not end at a comma in one of
them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vlm_lab.config.strict_yaml import (
    YamlKey,
    YamlSource,
    format_suggestion,
    parse_dataclass,
    read_yaml,
)
from vlm_lab.errors import UserError
from vlm_lab.files import find_path_fault, is_path_part
from vlm_lab.messages import Message, list_first_names
from vlm_lab.sanitize import quote_value, terminal_safe
from vlm_lab.suite.corrections import CORRECTIONS_FILE as CORRECTIONS
from vlm_lab.suite.corrections import Corrections, read_corrections
from vlm_lab.suite.document_files import (
    READABLE_FORMATS,
    explain_no_document,
    is_document,
    is_system_file,
)
from vlm_lab.suite.document_ids import make_unique_slugs
from vlm_lab.suite.label_draws import read_label_draws
from vlm_lab.suite.label_files import LABEL_SUFFIXES
from vlm_lab.suite.reference_files import summarize_notes
from vlm_lab.suite.reference_index import ReferenceIndex, fill_match
from vlm_lab.suite.references import read_reference
from vlm_lab.suite.schema_and_prompts import parse_fields, read_schema, read_template
from vlm_lab.suite.tags import (
    check_verified_names,
    collect_tags,
    is_verified,
    read_tag_table,
    read_verified_names,
)
from vlm_lab.types import Conventions, Document, Suite

MAX_PROMPT_ID_BYTES = 60  # beside a candidate's name in that of a folder
MAX_OTHER_NAMES = 20  # files that a note names: all of them, but in a folder that is no suite's


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
    decimal_mark: Literal["", ".", ","] = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[Literal["max", "dpi"], int] = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=lambda: {"default": "prompt.md"})
    corrections: str | None = None
    cluster: str = ""
    holdout: float = 0.0


def load_suite(
    folder: Path,
    documents: Path | None = None,
    references: Path | None = None,
    schema: Path | None = None,
) -> Suite:
    """Reads a suite's folder; the three paths replace its own. UserError names file and key."""
    if references and not references.exists():
        raise UserError(
            f"{references}: no such folder of references; correct --references=PATH, "
            "or leave it out"
        )
    source = _read_source(folder)
    suite_file = parse_dataclass(SuiteFile, source, [], source.data or {})
    schema_path = schema or folder / "schema.json"
    schema_data = read_schema(schema_path) if schema or schema_path.exists() else {}
    for key, value in suite_file.pages.items():
        if value < 1:
            raise source.make_error(["pages", key], f"must be 1 or more (got {value})")
    _check_paths(source, suite_file)
    _check_sampling_keys(source, suite_file)
    return Suite(
        name=folder.resolve().name,
        folder=folder,
        documents=documents or folder / suite_file.documents,
        has_own_documents=documents is None,
        references=references or folder / suite_file.references,
        match=suite_file.match,
        unwrap=suite_file.unwrap,
        map=suite_file.map,
        ignore=suite_file.ignore,
        empty=suite_file.empty,
        # Who checked the suite's own references has not seen others.
        verified=suite_file.verified and references is None,
        conventions=Conventions(
            suite_file.date_order, suite_file.languages, suite_file.decimal_mark
        ),
        tags=suite_file.tags,
        max_pages=suite_file.pages.get("max", 4),
        dpi=suite_file.pages.get("dpi", 150),
        prompts=_read_prompts(source, folder, suite_file.prompts),
        prompt_files={key: folder / name for key, name in suite_file.prompts.items()},
        schema=schema_data,
        fields=parse_fields(schema_data, schema_path),
        corrections=_find_corrections(source, folder, suite_file.corrections),
        cluster=suite_file.cluster,
        holdout=suite_file.holdout,
    )


def load_documents(suite: Suite) -> tuple[tuple[Document, ...], tuple[Message, ...]]:
    """All documents in the order of their names, and notes on what users should know of them."""
    reader = DocumentReader(suite, find_documents(suite))
    documents = tuple(reader.read_documents())
    return documents, tuple(reader.collect_notes())


class DocumentReader:
    """A suite's documents of these names, one after another: they may be more than fit into
    memory."""

    def __init__(self, suite: Suite, names: Sequence[str]) -> None:
        self._suite, self._names = suite, names
        self._root = suite.documents if suite.documents.is_dir() else suite.documents.parent
        self._index = ReferenceIndex(suite)
        self._ids, self._notes = make_unique_slugs(names)
        self._tag_table, self._verified_names = read_tag_table(suite), read_verified_names(suite)
        if suite.has_own_documents:
            ids_and_names = dict(zip(self._ids, names, strict=True))
            check_verified_names(suite, self._verified_names, ids_and_names)
        self._corrections = (
            read_corrections(suite.corrections) if suite.corrections else Corrections()
        )
        self._probabilities = {
            draw.document: draw.inclusion_probability for draw in read_label_draws(suite.folder)
        }
        self._reference_notes: list[Message] = []
        self._unmatched_names: list[str] = []
        self._has_cluster = False

    def read_documents(self) -> Iterator[Document]:
        """In the order of the names, each with its reference."""
        for name, document_id in zip(self._names, self._ids, strict=True):
            yield self._read_document(name, document_id)

    def _read_document(self, name: str, document_id: str) -> Document:
        suite, corrections, found = self._suite, self._corrections, self._index.find(name)
        reference, found_notes = read_reference(found, suite) if found else (None, ())
        self._reference_notes += found_notes
        reference, correction_notes = corrections.apply(document_id, name, reference)
        self._notes += correction_notes
        tags = collect_tags(suite, name, reference, self._tag_table)
        self._has_cluster = self._has_cluster or bool(tags.get(suite.cluster))
        if found is None:
            self._unmatched_names.append(terminal_safe(name))
        return Document(
            id=document_id,
            name=name,
            path=self._root / name,
            suite=suite,
            tags=tags,
            reference=reference,
            reference_path=found.path if found else None,
            decided=corrections.find_decided(document_id, name, reference),
            verified=is_verified(suite, document_id, name, tags, self._verified_names),
            inclusion_probability=self._probabilities.get(document_id),
        )

    def collect_notes(self) -> Iterator[Message]:
        """What users should know of the documents, when all have been read."""
        suite = self._suite
        yield from self._notes
        yield from summarize_notes(self._reference_notes)
        yield from self._corrections.find_unused()
        if suite.cluster and not self._has_cluster:  # each document then stands for itself
            yield Message("no_cluster", {"suite": suite.name, "tag": suite.cluster})
        yield from _find_other_files(suite, self._names)
        yield from _describe_unmatched(self._unmatched_names, self._index)


def _read_source(folder: Path) -> YamlSource:
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such suite; a suite is a folder with suite.yaml, schema.json "
            "and prompt.md"
        )
    path = folder / "suite.yaml"
    return read_yaml(path) if path.exists() else YamlSource(path, {}, None)


def _read_prompts(source: YamlSource, folder: Path, names: Mapping[str, str]) -> dict[str, str]:
    """The templates. What is wrong with one is said when it is rendered: the others run."""
    texts = {}
    for prompt_id, name in names.items():
        path = folder / name
        if path.exists():
            texts[prompt_id] = read_template(path)
        elif (source.data or {}).get("prompts"):
            raise source.make_error(["prompts", prompt_id], f"no file {terminal_safe(str(path))}")
    return texts


def find_documents(suite: Suite) -> list[str]:
    """The relative paths of all documents, sorted. UserError where there is none."""
    folder = suite.documents
    if folder.is_file():
        return [folder.name]
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder of documents (suite {suite.name!r}); "
            "give one with --documents=PATH"
        )
    files = _list_files(folder)
    names = sorted(path.relative_to(folder).as_posix() for path in files if is_document(path))
    if not names:
        raise UserError(
            f"{folder}: holds no document ({READABLE_FORMATS}); give a folder with --documents=PATH"
        )
    return names


def _list_files(folder: Path) -> list[Path]:
    """The files that a person put there."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not _is_hidden(path.relative_to(folder))
        and not is_system_file(path.name)
    ]


def _find_other_files(suite: Suite, names: Sequence[str]) -> Iterable[Message]:
    """What lies among the documents and is none, by the reason."""
    if not suite.documents.is_dir():
        return
    document_names, names_by_reason = set(names), dict[str, list[str]]()
    for path in sorted(_list_files(suite.documents)):
        name = path.relative_to(suite.documents).as_posix()
        if name not in document_names and not _belongs_to_suite(suite, path):
            names_by_reason.setdefault(explain_no_document(path), []).append(terminal_safe(name))
    for reason, other_names in names_by_reason.items():
        listed = list_first_names(other_names, MAX_OTHER_NAMES)
        yield Message("no_documents", {"n": len(other_names), "why": reason, "names": listed})


def _belongs_to_suite(suite: Suite, path: Path) -> bool:
    """Whether a file is one of the suite's own, which may lie among its documents."""
    is_reference = path.is_relative_to(suite.references) and path.suffix.lower() in LABEL_SUFFIXES
    return is_reference or path.parent == suite.folder


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _check_paths(source: YamlSource, suite_file: SuiteFile) -> None:
    """What would otherwise be a traceback at the first document."""
    try:
        fill_match(suite_file.match, "a.pdf")
    except ValueError:
        raise source.make_error(
            ["match"],
            "must be a file name with {stem} or {name} and nothing else in braces "
            f"(got {quote_value(suite_file.match)})",
        ) from None
    for keys, text in _list_paths(suite_file):
        if fault := find_path_fault(text):
            raise source.make_error(keys, f"{fault} (got {quote_value(text)})")
    for prompt_id in suite_file.prompts:
        if not is_path_part(prompt_id) or len(prompt_id.encode()) > MAX_PROMPT_ID_BYTES:
            raise source.make_error(
                ["prompts", prompt_id],
                f"a prompt's id becomes a folder's name, and cannot (got {quote_value(prompt_id)})",
            )
    for our_path, their_path in suite_file.map.items():
        if our_path.count("[].") != their_path.count("[]."):
            raise source.make_error(
                ["map", our_path],
                f"must have as many lists as its key has (got {quote_value(their_path)})",
            )


def _check_sampling_keys(source: YamlSource, suite_file: SuiteFile) -> None:
    """UserError for a `cluster` that is no tag, and a `holdout` that is no share."""
    cluster, tags = suite_file.cluster, [tag for tag in suite_file.tags if tag != "file"]
    # A table of tags may have further columns; what it lacks is said when it is read.
    if cluster and cluster not in tags and "file" not in suite_file.tags:
        raise source.make_error(
            ["cluster"],
            f"must be one of the suite's `tags` ({', '.join(tags) or 'it has none'}; got"
            f" {quote_value(cluster)}){format_suggestion(cluster, tags)}",
        )
    if not 0 <= suite_file.holdout < 1:
        raise source.make_error(
            ["holdout"], f"must be a share from 0 to 1, for example 0.5 (got {suite_file.holdout})"
        )


def _list_paths(suite_file: SuiteFile) -> Iterable[tuple[list[YamlKey], str]]:
    """All values that are paths, each with its keys."""
    yield ["documents"], suite_file.documents
    yield ["references"], suite_file.references
    yield ["corrections"], suite_file.corrections or ""
    yield ["tags", "file"], suite_file.tags.get("file", "")
    for prompt_id, name in suite_file.prompts.items():
        yield ["prompts", prompt_id], name


def _find_corrections(source: YamlSource, folder: Path, name: str | None) -> Path | None:
    """The file that `corrections` names, or corrections.json beside suite.yaml if there is one."""
    path = folder / (name or CORRECTIONS)
    if name and not path.is_file():
        raise source.make_error(["corrections"], f"no file {terminal_safe(str(path))}")
    return path if path.is_file() else None


def _describe_unmatched(names: Sequence[str], index: ReferenceIndex) -> Iterable[Message]:
    """Documents without a reference, given by their names, and references without a document."""
    if names:
        yield Message("unmatched", {"n": len(names), "names": list_first_names(names)})
    unused_names = [*map(terminal_safe, index.list_unused())]
    if unused_names:
        figures = {"n": len(unused_names), "names": list_first_names(unused_names)}
        yield Message("unused", figures)
