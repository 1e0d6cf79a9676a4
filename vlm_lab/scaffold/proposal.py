"""A folder of documents and the JSON that a pipeline wrote for them -> a suite in the user's keys.

vlm-lab init benchmarks/schet --documents=../pipeline/docs --references=../pipeline/output/json

Everything here is a guess that a person checks; nothing that is there already is overwritten.
"""

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from vlm_lab.errors import UserError
from vlm_lab.fields.nothing import is_null
from vlm_lab.sanitize import terminal_safe
from vlm_lab.scaffold import files
from vlm_lab.scaffold.envelope import (
    build_value_map,
    find_envelope,
    find_technical_keys,
    unwrap_envelope,
)
from vlm_lab.scaffold.languages import guess_conventions, guess_decimal_mark
from vlm_lab.scaffold.matching import find_best_matching
from vlm_lab.scaffold.new_files import write_new_file
from vlm_lab.scaffold.overlay import collect_columns, overlay_references
from vlm_lab.scaffold.proposed_files import Proposal, build_file_texts
from vlm_lab.scaffold.reading import format_no_match, read_references
from vlm_lab.scaffold.simplification import simplify_shapes
from vlm_lab.scaffold.type_guessing import FieldGuess, guess_field
from vlm_lab.suite.documents import find_documents
from vlm_lab.suite.flat_keys import find_styles, unflatten_keys
from vlm_lab.suite.private_files import FIELDS_FILE
from vlm_lab.suite.references import drop_keys, map_fields
from vlm_lab.types import Conventions, Suite

EXPECTED_REFERENCE = (
    'a reference is an object of fields, {"number": "17", "total": "100.00"}, '
    "perhaps in an envelope"
)
MIN_REFERENCES = 5  # below this, types are guessed from too little


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
    proposal.file_texts.update(build_file_texts(proposal, suite, conventions, schema))
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
