"""suite.yaml, schema.json and prompts -> Suite.

What is wrong with the suite itself is an error that names file, line and key: nothing could be
believed of a run over it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
from vlm_lab.sanitize import quote_value, terminal_safe
from vlm_lab.suite.corrections import CORRECTIONS_FILE as CORRECTIONS
from vlm_lab.suite.reference_index import fill_match
from vlm_lab.suite.schema_and_prompts import parse_fields, read_schema, read_template
from vlm_lab.types import Conventions, Suite

MAX_PROMPT_ID_BYTES = 60  # beside a candidate's name in that of a folder


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
    _check_pages(source, suite_file)
    _check_paths(source, suite_file)
    _check_sampling_keys(source, suite_file)
    suite = _build_suite(folder, source, suite_file)
    return replace(
        suite,
        documents=documents or suite.documents,
        has_own_documents=documents is None,
        references=references or suite.references,
        # Who checked the suite's own references has not seen others.
        verified=suite.verified and references is None,
        schema=schema_data,
        fields=parse_fields(schema_data, schema_path),
    )


def _build_suite(folder: Path, source: YamlSource, suite_file: SuiteFile) -> Suite:
    """What suite.yaml says, still without its schema."""
    return Suite(
        name=folder.resolve().name,
        folder=folder,
        documents=folder / suite_file.documents,
        references=folder / suite_file.references,
        match=suite_file.match,
        unwrap=suite_file.unwrap,
        map=suite_file.map,
        ignore=suite_file.ignore,
        empty=suite_file.empty,
        verified=suite_file.verified,
        conventions=Conventions(
            suite_file.date_order, suite_file.languages, suite_file.decimal_mark
        ),
        tags=suite_file.tags,
        max_pages=suite_file.pages.get("max", 4),
        dpi=suite_file.pages.get("dpi", 150),
        prompts=_read_prompts(source, folder, suite_file.prompts),
        prompt_files={key: folder / name for key, name in suite_file.prompts.items()},
        corrections=_find_corrections(source, folder, suite_file.corrections),
        cluster=suite_file.cluster,
        holdout=suite_file.holdout,
    )


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


def _check_pages(source: YamlSource, suite_file: SuiteFile) -> None:
    for key, value in suite_file.pages.items():
        if value < 1:
            raise source.make_error(["pages", key], f"must be 1 or more (got {value})")


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
