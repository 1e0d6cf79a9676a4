"""A folder of documents and the JSON that a pipeline wrote for them -> a suite in the user's keys.

vlm-lab init benchmarks/schet --documents=../pipeline/docs --references=../pipeline/output/json

Everything here is a guess that a person checks; nothing that is there already is overwritten.
"""

import difflib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from vlm_lab.errors import UserError
from vlm_lab.fields.nothing import is_null
from vlm_lab.fields.roles import split_key
from vlm_lab.sanitize import terminal_safe
from vlm_lab.scaffold import files
from vlm_lab.scaffold.envelope import (
    build_value_map,
    find_envelope,
    find_technical_keys,
    unwrap_envelope,
)
from vlm_lab.scaffold.languages import guess_conventions, guess_decimal_mark
from vlm_lab.scaffold.matching import Matching, find_best_matching
from vlm_lab.scaffold.new_files import write_new_file
from vlm_lab.scaffold.overlay import collect_columns, overlay_references
from vlm_lab.scaffold.reading import format_first_names, format_no_match, read_references
from vlm_lab.scaffold.simplification import simplify_shapes
from vlm_lab.scaffold.type_guessing import FieldGuess, guess_field
from vlm_lab.suite.corrections import CORRECTIONS_FILE
from vlm_lab.suite.documents import find_documents
from vlm_lab.suite.flat_keys import find_styles, unflatten_keys
from vlm_lab.suite.private_files import FIELDS_FILE, GITIGNORE_FILE, render_gitignore
from vlm_lab.suite.references import drop_keys, map_fields
from vlm_lab.suite.tags import TAGS_FILE
from vlm_lab.types import Conventions, Suite

ISSUER_WORDS = (
    "seller",
    "supplier",
    "vendor",
    "merchant",
    "issuer",
    "поставщик",
    "продавец",
    "исполнитель",
    "lieferant",
)
EXPECTED_REFERENCE = (
    'a reference is an object of fields, {"number": "17", "total": "100.00"}, '
    "perhaps in an envelope"
)
MIN_REFERENCES = 5  # below this, types are guessed from too little


@dataclass(frozen=True, slots=True)
class Proposal:
    """A suite that could be written: each file's text by its path, and what it was guessed from."""

    folder: Path
    file_texts: dict[Path, str]
    matching: Matching
    reference_count: int
    reading_notes: tuple[str, ...]
    joined_paths: tuple[str, ...]
    envelope_keys: tuple[str, ...]
    ignored_patterns: tuple[str, ...]
    guesses: tuple[FieldGuess, ...]
    empty_counts: Counter[str]
    field_map: dict[str, str]

    @property
    def test_path(self) -> Path:
        """The test file beside the suite's folder."""
        return self.folder.with_name(f"test_{self.folder.name}.py")


@dataclass(frozen=True, slots=True)
class _References:
    """What the pipeline's files hold, as `suite.yaml` will read them: the objects in their
    envelopes, without technical keys, under the keys of the suite."""

    objects: list[dict[str, Any]]
    envelope_keys: tuple[str, ...]
    ignored_patterns: tuple[str, ...]
    field_map: dict[str, str]
    joined_paths: tuple[str, ...]


def propose_suite(folder: Path, documents: Path, references: Path) -> Proposal:
    """Reads everything, writes nothing. UserError where the folders do not fit each other."""
    check_path_exists(documents, "--documents", "PDF, JPEG, PNG, TIFF and WEBP files")
    check_path_exists(references, "--references", "your pipeline's .json files")
    suite = Suite(name=folder.name, folder=folder, documents=documents, references=references)
    names = find_documents(suite)
    matching = find_best_matching(suite, names)
    raw_references, notes = read_references(suite, matching)
    if not matching.found:
        raise UserError(format_no_match(suite, names, matching))
    simplified = _simplify_references(references, raw_references)
    key_tree = overlay_references(simplified.objects)
    guesses, conventions = _guess_fields(simplified.objects, key_tree)
    if not guesses:
        raise UserError(
            f"{references}: {len(raw_references)} files, and not one field in them; "
            f"{EXPECTED_REFERENCE}"
        )
    proposal = Proposal(
        folder=folder,
        file_texts={},
        matching=matching,
        reference_count=len(raw_references),
        reading_notes=notes,
        joined_paths=simplified.joined_paths,
        envelope_keys=simplified.envelope_keys,
        ignored_patterns=simplified.ignored_patterns,
        guesses=guesses,
        empty_counts=Counter(_find_empty_values(simplified.objects)),
        field_map=simplified.field_map,
    )
    guesses_by_path = {guess.column.path: guess for guess in guesses}
    schema = files.render_schema_json(key_tree, guesses_by_path)
    proposal.file_texts.update(_build_file_texts(proposal, suite, conventions, schema))
    return proposal


def _simplify_references(references: Path, raw_references: Sequence[Any]) -> _References:
    """UserError where no file holds an object."""
    values = list(raw_references)
    for style in find_styles([value for value in values if isinstance(value, Mapping)]):
        values = [unflatten_keys(value, style) for value in values]
    envelope = find_envelope(values)
    unwrapped_values = [unwrap_envelope(value, envelope) for value in values]
    objects = [value for value in unwrapped_values if isinstance(value, dict)]
    if not objects:
        raise UserError(
            f"{references}: no file holds a JSON object (got {type(values[0]).__name__}); "
            f"{EXPECTED_REFERENCE}"
        )
    ignored_patterns = tuple(find_technical_keys(overlay_references(objects)))
    field_objects = [drop_keys(value, ignored_patterns) for value in objects]
    field_map = build_value_map(overlay_references(field_objects))
    mapped_objects = [map_fields(value, field_map) for value in field_objects]
    simple_objects, joined_paths = simplify_shapes(mapped_objects)
    return _References(simple_objects, envelope, ignored_patterns, field_map, joined_paths)


def _guess_fields(
    objects: Sequence[dict[str, Any]], key_tree: Any
) -> tuple[tuple[FieldGuess, ...], Conventions]:
    """The fields, and how values are written: the decimal mark is seen in what is an amount, and
    types are guessed once more when it is known."""
    conventions = guess_conventions(objects)
    guesses = [guess_field(column, conventions) for column in collect_columns(key_tree)]
    amount_columns = [guess.column for guess in guesses if guess.field.type == "amount"]
    amounts = [*chain.from_iterable(column.values for column in amount_columns)]
    decimal_mark = guess_decimal_mark(amounts, conventions.languages)
    conventions = replace(conventions, decimal_mark=decimal_mark)
    return tuple(guess_field(guess.column, conventions) for guess in guesses), conventions


def check_path_exists(path: Path, option: str, expected_content: str) -> None:
    """UserError where a path leads nowhere, with the nearest that does."""
    if path.exists():
        return
    parent = next(folder for folder in path.absolute().parents if folder.is_dir())
    missing = path.absolute().relative_to(parent).parts[0]
    folder_names = [folder.name for folder in parent.iterdir() if folder.is_dir()]
    close_matches = difflib.get_close_matches(missing, folder_names, 1)
    if close_matches:
        hint = f"; did you mean {terminal_safe(str(parent / close_matches[0]))}?"
    else:
        hint = f"; {parent} has no {missing!r}."
    raise UserError(
        f"{path}: no such folder{hint} Give the folder with {expected_content}: {option}=PATH"
    )


def write_proposal(proposal: Proposal) -> tuple[list[Path], list[str]]:
    """Writes the files that are not there; the paths written, and diffs of those that differ."""
    written: list[Path] = []
    diffs: list[str] = []
    for path, text in proposal.file_texts.items():
        if path.exists():
            diffs += _format_diff(path, text)
            continue
        write_new_file(path, text, is_private=path.name == FIELDS_FILE)
        written.append(path)
    return written, diffs


def _format_diff(path: Path, text: str) -> Iterator[str]:
    try:
        present_text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        present_text = ""
    lines = difflib.unified_diff(
        present_text.splitlines(), text.splitlines(), str(path), "proposed now", lineterm="", n=1
    )
    return (terminal_safe(line) for line in lines)


def _find_empty_values(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for child_value in value.values():
            yield from _find_empty_values(child_value)
    elif isinstance(value, list) and value:
        for child_value in value:
            yield from _find_empty_values(child_value)
    elif value is None:
        yield "null"
    elif value == []:
        yield "[]"
    elif is_null(value):
        yield '""'


def _build_file_texts(
    proposal: Proposal, suite: Suite, conventions: Conventions, schema: str
) -> Iterator[tuple[Path, str]]:
    yield (
        suite.folder / "suite.yaml",
        files.render_suite_yaml(_build_suite_rows(proposal, suite, conventions)),
    )
    yield suite.folder / "schema.json", schema
    yield suite.folder / "prompt.md", files.render_prompt_md(proposal.guesses)
    yield suite.folder / GITIGNORE_FILE, render_gitignore(CORRECTIONS_FILE)
    yield (
        suite.folder / FIELDS_FILE,
        files.render_fields_md(proposal.guesses, list(format_notes(proposal))),
    )
    yield proposal.test_path, files.TEST_TEXT


def _build_suite_rows(
    proposal: Proposal, suite: Suite, conventions: Conventions
) -> list[tuple[str, Any, str]]:
    rows: list[tuple[str, Any, str]] = [
        ("documents", _format_relative_path(suite.documents, suite.folder), ""),
        ("references", _format_relative_path(suite.references, suite.folder), ""),
        ("match", proposal.matching.rule, format_matching(proposal.matching)),
    ]
    if proposal.envelope_keys:
        rows.append(
            ("unwrap", ".".join(proposal.envelope_keys), "the envelope in which the fields sit")
        )
    rows.append(
        (
            "ignore",
            list(proposal.ignored_patterns),
            "the pipeline's own notes, no fields of the document",
        )
    )
    if proposal.field_map:
        rows.append(("map", proposal.field_map, "our field: where its value is in a reference"))
    rows.append(("empty", "unlabelled", format_empty_values(proposal.empty_counts)))
    rows.append(
        (
            "verified",
            False,
            "true when a person has checked all references; verified.txt names some",
        )
    )
    return [*rows, *files.build_conventions_rows(conventions), *_build_tag_rows(proposal)]


def _build_tag_rows(proposal: Proposal) -> list[tuple[str, Any, str]]:
    """By what figures are shown, and which documents are read alike."""
    rows: list[tuple[str, Any, str]] = []
    tags = _propose_tags(proposal)
    if tags:
        rows.append(("tags", tags, "figures are shown for each of their values, too"))
    if "supplier" in tags:
        rows.append(
            (
                "cluster",
                "supplier",
                "invoices of one supplier are read alike: what is shown is for suppliers, those to"
                " come as well; leave it out where no others will come",
            )
        )
    return rows


def format_matching(matching: Matching) -> str:
    """`matched 287 of 300 documents; 13 unmatched, for example a.pdf`"""
    total = len(matching.matched) + len(matching.unmatched)
    text = f"matched {len(matching.matched)} of {total} documents by {matching.description}"
    unmatched, unused = matching.unmatched, matching.unused_references
    if unmatched:
        text += f"; {len(unmatched)} unmatched, for example {format_first_names(unmatched)}"
    if unused:
        examples = format_first_names(unused)
        text += f"; {len(unused)} references without document, for example {examples}"
    return text


def format_empty_values(empty_counts: Counter[str]) -> str:
    """What empty values are taken for, and how many there are of each kind."""
    if not empty_counts:
        return "no empty values in the references: a missing key says nothing about the page"
    counts = ", ".join(f"{count} {empty_kind}" for empty_kind, count in empty_counts.most_common())
    return (
        f"{counts}: taken for 'not found', which is no proof that the page shows nothing; "
        "if it is, write absent"
    )


def format_notes(proposal: Proposal) -> Iterator[str]:
    """What was found, a line each."""
    yield format_matching(proposal.matching)
    yield from proposal.reading_notes
    if proposal.joined_paths:
        paths = format_first_names(proposal.joined_paths, 4)
        yield f"a value and its currency or remarks, in one object, are read as one value: {paths}"
    envelope = terminal_safe(".".join(proposal.envelope_keys)) or "none"
    ignored = format_first_names(proposal.ignored_patterns, 6) or "nothing"
    yield f"envelope: {envelope}; ignored: {ignored}"
    yield format_empty_values(proposal.empty_counts)


def _propose_tags(proposal: Proposal) -> dict[str, str]:
    """A tags.csv that is there, the folder where there are several, and the issuer where one comes
    twice."""
    table = {"file": TAGS_FILE} if (proposal.folder / TAGS_FILE).is_file() else {}
    names = (*proposal.matching.matched, *proposal.matching.unmatched)
    folders = {name.rpartition("/")[0] for name in names}
    tags = {**table, "folder": "parent"} if len(folders) > 1 else table
    for type_name in ("tax_id", "name"):
        for guess in proposal.guesses:
            if guess.field.type != type_name:
                continue
            if _is_issuer(guess) and _has_repeated_values(guess):
                return {**tags, "supplier": guess.column.path}
    return tags


def _has_repeated_values(guess: FieldGuess) -> bool:
    values = list(map(str, guess.column.values))
    return 2 * len(values) >= guess.column.slot_count and len(set(values)) < len(values)


def _is_issuer(guess: FieldGuess) -> bool:
    if guess.column.in_rows:
        return False
    return any(word in split_key(guess.column.path) for word in ISSUER_WORDS)


def _format_relative_path(path: Path, folder: Path) -> str:
    """As suite.yaml writes it; absolute where there is no relative way (another drive)."""
    try:
        return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:
        return path.absolute().as_posix()
