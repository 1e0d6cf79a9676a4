"""What must be true of a suite before a model is asked: the first thing of every run.

vlm-lab init --check benchmarks/schet

The references score 1.0 against themselves, through the same parser and scorer as a model's reply;
schema and references have keys in common. What can be lived with is a note: values that are not of
their type, identifiers that came as numbers, the ways in which dates and amounts are written.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vlm_lab.fields import canonicalize_value
from vlm_lab.fields.check_digits import find_code_error
from vlm_lab.fields.comparison import CODE_TYPES
from vlm_lab.fields.inference import is_numeric_code
from vlm_lab.fields.nothing import says_nothing
from vlm_lab.fields.schema import flatten_json
from vlm_lab.files import atomic_private_file, make_private_folder
from vlm_lab.messages import MESSAGES, Message, in_english, list_first_names
from vlm_lab.sanitize import quote_value, terminal_safe
from vlm_lab.suite.reference_index import ReferenceIndex
from vlm_lab.suite.references import read_reference
from vlm_lab.types import Conventions, Document, Field, Suite

CACHE_FORMAT = 3  # raised when the same suite would be judged otherwise
PERFECT_SCORES = ("field_f1_strict", "row_f1", "cell_f1")
CheckResult = tuple[tuple[str, ...], tuple[Message, ...]]


def check_suite(
    suite: Suite, documents: Sequence[Document], cache: Path | None = None
) -> CheckResult:
    """(errors, notes); errors stop a run. With `cache`, an unchanged suite is checked once."""
    referenced_documents = [document for document in documents if document.reference is not None]
    path = None
    if cache:
        path = cache / "checks" / f"{_compute_cache_key(suite, referenced_documents)}.json"
    result = _read_cached(path)
    if result is None:
        errors = tuple(_find_errors(suite, referenced_documents))
        notes = tuple(_collect_notes(suite, referenced_documents))
        result = errors, notes
        _write_cached(path, result)
    return result


def _find_errors(suite: Suite, documents: Sequence[Document]) -> Iterator[str]:
    if not documents:
        return
    schema_paths = [field.path for field in suite.fields]
    reference_paths = dict.fromkeys(
        path for document in documents for path, _ in flatten_json(document.reference)
    )
    if schema_paths and not set(schema_paths) & set(reference_paths):
        yield (
            f"{suite.folder / 'schema.json'} and {suite.references} share no field: "
            f"the schema has {_format_names(schema_paths)}; "
            f"the references have {_format_names([*reference_paths])}; "
            "name the references' keys in the schema, "
            "or map them in suite.yaml (map: {schema_field: Reference.Field})"
        )
        return
    for document in documents:
        yield from check_self_score(document)


def check_self_score(document: Document) -> Iterator[str]:
    """The reference as a model that is always right would print it."""
    from vlm_lab.parsing import parse
    from vlm_lab.scoring import score
    from vlm_lab.types import Generation

    raw_response = json.dumps(document.reference, ensure_ascii=False)
    reply = Generation(raw_response=raw_response, finish_reason="stop")
    result = score(parse(reply), document)
    if all(result.scores.get(name) in (None, 1.0) for name in PERFECT_SCORES):
        return
    difference = "rows are lost"
    for field in result.fields:
        if field.outcome not in ("exact", "unlabelled"):
            path = terminal_safe(field.path)
            expected, actual = quote_value(field.expected), quote_value(field.actual)
            difference = f"{path} = {expected} comes back as {actual}"
            break
    yield f"{document.name}: its reference does not score 1.0 against itself: {difference}"


def _collect_notes(suite: Suite, documents: Sequence[Document]) -> Iterator[Message]:
    if not documents:
        yield Message("no_reference", {"suite": suite.name})
        return
    values_by_path: dict[str, list[Any]] = {}
    for document in documents:
        for path, value in flatten_json(document.reference):
            if not says_nothing(value):
                values_by_path.setdefault(path, []).append(value)
    unfilled_paths = [field.path for field in suite.fields if field.path not in values_by_path]
    if unfilled_paths:
        names = list_first_names([*map(terminal_safe, unfilled_paths)])
        yield Message("never_scored", {"fields": names})
    yield from _find_numeric_codes(suite, documents)
    yield from _check_values(suite, values_by_path)
    verified_count = sum(document.verified for document in documents)
    yield Message("verified", {"verified": verified_count, "n": len(documents)})


def _find_numeric_codes(suite: Suite, documents: Sequence[Document]) -> Iterator[Message]:
    """Identifiers that are JSON numbers in the files: as texts are, they are read as written."""
    code_paths = {field.path for field in suite.fields if field.type in CODE_TYPES}
    numbers_by_path: dict[str, list[Any]] = {}
    fields = tuple(
        replace(field, type="text") if field.path in code_paths else field for field in suite.fields
    )
    suite_without_codes = replace(suite, fields=fields)
    index = ReferenceIndex(suite_without_codes)
    for document in documents:
        found = index.find(document.name)
        raw_reference = read_reference(found, suite_without_codes)[0] if found else None
        for path, value in flatten_json(raw_reference or {}):
            if path in code_paths and is_numeric_code(value):
                numbers_by_path.setdefault(path, []).append(value)
    for path, values in numbers_by_path.items():
        message_args = {"field": terminal_safe(path), "n": len(values), "value": str(values[0])}
        yield Message("numbers", message_args)


def _check_values(suite: Suite, values_by_path: Mapping[str, Sequence[Any]]) -> Iterator[Message]:
    notation_counts: dict[str, Counter[str]] = {"date": Counter(), "amount": Counter()}
    for field in suite.fields:
        conventions, values = suite.conventions, values_by_path.get(field.path, ())
        message_args = {"field": terminal_safe(field.path), "seen": len(values)}
        unreadable_values = [
            value for value in values if canonicalize_value(field, value, conventions) is None
        ]
        if unreadable_values:
            example = _format_value(unreadable_values[0])
            type_args = {"n": len(unreadable_values), "type": field.type, "value": example}
            yield Message("no_type", {**message_args, **type_args})
        code_errors = [find_code_error(field.type, value, field.path) for value in values]
        code_errors = [error for error in code_errors if error]
        if code_errors:
            yield Message("invalid", {**message_args, "n": len(code_errors), "why": code_errors[0]})
        if field.type in notation_counts:
            notation_counts[field.type].update(
                _classify_notation(field, value, conventions) for value in values
            )
    for type_name, counts in notation_counts.items():
        if counts:
            notations = [_format_notation(*item) for item in counts.most_common(4)]
            yield Message(f"{type_name}s_written", {"ways": notations})


def _classify_notation(field: Field, value: Any, conventions: Conventions) -> str:
    """How a value is written: an example that all can read, or the id of a message that says it."""
    if not isinstance(value, str):
        return "way_numbers"
    if canonicalize_value(field, value, conventions) is None:
        return "way_otherwise"
    return next(notation for notation, matches in NOTATIONS[field.type] if matches(value))


def _format_notation(notation: str, count: int) -> Message | str:
    return Message(notation, {"n": count}) if notation in MESSAGES else f"{notation} ({count})"


def _contains_any(*parts: str) -> Callable[[str], bool]:
    return lambda value: any(part in value for part in parts)


def _is_iso_date(value: str) -> bool:
    return value[:4].isdigit() and value[4:5] == "-"


def _has_letters(value: str) -> bool:
    return any(map(str.isalpha, value))


def _has_decimal_comma(value: str) -> bool:
    return value.rfind(",") > value.rfind(".")


def _accept_any(value: str) -> bool:
    return True


NOTATIONS: Mapping[str, Sequence[tuple[str, Callable[[str], bool]]]] = {
    "date": (
        ("2024-03-12", _is_iso_date),
        ("way_month", _has_letters),
        ("12.03.2024", _accept_any),
    ),
    "amount": (
        (
            "way_currency",
            lambda value: _has_letters(value) or _contains_any("$", "€", "₽", "£", "¥")(value),
        ),
        ("1.234,56", _has_decimal_comma),
        ("1234.56", _accept_any),
    ),
}


def _format_names(names: Sequence[str]) -> str:
    return in_english(list_first_names([*map(terminal_safe, names)]))


def _format_value(value: Any) -> str:
    return terminal_safe(repr(value)[:60])


def _compute_cache_key(suite: Suite, documents: Sequence[Document]) -> str:
    """A digest of all that the answer depends on: references as read, schema and conventions."""
    sha256 = hashlib.sha256()
    suite_parts = [
        CACHE_FORMAT,
        suite.schema,
        asdict(suite.conventions),
        suite.empty,
        suite.map,
        suite.name,
        str(suite.references),
    ]
    judged = ([document.id, document.verified, document.reference] for document in documents)
    for part in (suite_parts, *judged):
        text = json.dumps(part, sort_keys=True, default=str)
        sha256.update(text.encode("utf-8", "backslashreplace"))
    return sha256.hexdigest()


def _read_cached(path: Path | None) -> CheckResult | None:
    if path is None:
        return None
    try:
        errors, notes = json.loads(path.read_text("utf-8"))
        return tuple(errors), tuple(Message(**note_data) for note_data in notes)
    except (OSError, ValueError, TypeError):
        return None


def _write_cached(path: Path | None, result: CheckResult) -> None:
    """A cache that cannot be written costs time alone."""
    if path is None:
        return
    try:
        make_private_folder(path.parent, path.parent)
        with atomic_private_file(path) as file:
            file.write(json.dumps(result, default=asdict).encode())
    except OSError:
        return
