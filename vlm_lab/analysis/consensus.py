"""What candidates read on a document that has no reference -> where they agree, and on what.

One candidate's answer stands in for the reference: its rows are those that the others are aligned
with, and it has no more say than they have. A value is agreed where two or more families give it
and no other one is given by as many; that the page shows none, where no family reads a value. Two
sizes of one family share their errors and count once, as `analysis.label_errors` has it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vlm_lab.analysis.label_errors import (
    MIN_FAMILIES,
    derive_model_family,
    group_families,
)
from vlm_lab.analysis.value_keys import NOTHING
from vlm_lab.fields.paths import MISSING, find_value
from vlm_lab.fields.schema import flatten_json
from vlm_lab.scoring import score_values
from vlm_lab.suite.label_form import LIST_SUFFIX, build_values, list_places
from vlm_lab.types import ANSWERED, CORRECT, PREDICTED, Field, Record, Suite


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """What one candidate says of a value; None: that the page shows none."""

    candidate: str
    family: str
    value: Any


@dataclass(slots=True)
class ReadValue:
    """One value as all candidates that answered read it. `in_extra_row`: of a row that the answer
    which stands in for the reference has not; `lacks_row`: of one that another candidate has not.
    """

    path: str
    schema_field: Field
    in_extra_row: bool = False
    lacks_row: bool = False
    answers: list[ReadAnswer] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Consensus:
    """One document as its candidates read it: every value by its place, how many rows each list
    has, and what is agreed on, None where that is that the page shows no such value."""

    values: Mapping[str, ReadValue] = field(default_factory=dict)
    row_counts: Mapping[str, int] = field(default_factory=dict)
    agreed: Mapping[str, Any] = field(default_factory=dict)


def find_consensus(records: Iterable[Record], suite: Suite) -> Consensus:
    """The consensus of the records of one document, of which each is another candidate's."""
    answered = [record for record in records if record.status in ANSWERED and record.prediction]
    if not answered or not suite.fields:
        return Consensus()
    pivot = _choose_pivot(answered)
    row_counts = _count_rows(suite.fields, pivot.prediction or {})
    values = {
        path: ReadValue(path, place_field)
        for path, place_field in list_places(suite.fields, row_counts)
    }
    for record in answered:
        _add_answers(values, record, pivot, suite)
    agreed = dict(_list_agreed(values.values(), suite))
    return Consensus(values, _cut_rows(row_counts, agreed), agreed)


def is_disputed(value: ReadValue, suite: Suite) -> bool:
    """Whether families say different things of a value, or only some have its row."""
    families, _ = _group(value, suite)
    return value.in_extra_row or value.lacks_row or len(families) > 1


def compare_with_reference(
    agreed: Mapping[str, Any],
    row_counts: Mapping[str, int],
    reference: Mapping[str, Any],
    suite: Suite,
) -> tuple[list[str], list[str]]:
    """The places of agreed values that the reference has, and of those that it has otherwise. A row
    of the reference may stand elsewhere; cells that are agreed to be empty are left out, since they
    have no row to be known by."""
    said = {path: value for path, value in agreed.items() if value is not None}
    prediction = build_values(suite.fields, row_counts, lambda path: said.get(path, MISSING))
    score = score_values(
        prediction, reference, suite.fields, suite.conventions, "absent", reshaped=False
    )
    kept, changed = [], []
    for result in score.fields:
        if result.outcome in CORRECT:
            kept.append(result.path)
        elif result.outcome in PREDICTED:
            changed.append(result.path)
    for path, value in agreed.items():
        if value is None and "[" not in path.removesuffix(LIST_SUFFIX):
            shown = find_value(reference, path.removesuffix(LIST_SUFFIX))
            (kept if shown is MISSING or shown is None else changed).append(path)
    return kept, changed


def _choose_pivot(records: Sequence[Record]) -> Record:
    """The answer with the middle number of values: neither half a page nor rows that repeat."""
    sizes = [sum(1 for _ in flatten_json(record.prediction)) for record in records]
    order = sorted(range(len(records)), key=sizes.__getitem__)
    return records[order[len(order) // 2]]


def _count_rows(fields: Sequence[Field], prediction: Mapping[str, Any]) -> dict[str, int]:
    """How many rows each list of an answer has, lists within rows included."""
    counts: dict[str, int] = {}
    tables = [field.path.split("[].")[:-1] for field in fields if "[]." in field.path]
    for names in dict.fromkeys(map(tuple, tables)):
        prefixes = [""]
        for name in names:
            places = [f"{prefix}{name}" for prefix in prefixes]
            for place in places:
                rows = find_value(prediction, place)
                counts[place] = len(rows) if isinstance(rows, list) else 0
            prefixes = [
                f"{place}[{number}]." for place in places for number in range(counts[place])
            ]
    return counts


def _add_answers(values: dict[str, ReadValue], record: Record, pivot: Record, suite: Suite) -> None:
    """What one candidate says of each value. Of a row that it has not it says nothing at all."""
    candidate, family = record.candidate.label, derive_model_family(record)
    score = score_values(
        record.prediction,
        pivot.prediction,
        suite.fields,
        suite.conventions,
        "absent",
        reshaped=False,
    )
    said: dict[str, Any] = {}
    known_rows: set[str] = set()
    for result in score.fields:
        if result.in_spurious_row:
            extra_field = Field(result.field, result.type)
            extra_path = f"{candidate} {result.path}"
            extra = values.setdefault(extra_path, ReadValue(result.path, extra_field, True))
            extra.answers.append(ReadAnswer(candidate, family, result.actual))
            continue
        # What means the same is one value, however each writes it.
        said[result.path] = result.expected if result.outcome in CORRECT else result.actual
        if result.outcome != "missing":
            known_rows.update(result.rows)
    for path, value in values.items():
        row = path.rpartition("].")[0]
        if value.in_extra_row:
            continue
        if row and f"{row}]" not in known_rows:
            value.lacks_row = True
            continue
        value.answers.append(ReadAnswer(candidate, family, said.get(path)))


def _group(value: ReadValue, suite: Suite) -> tuple[dict[Any, set[str]], dict[Any, Any]]:
    answers = [(answer.family, answer.value) for answer in value.answers]
    return group_families(answers, value.schema_field.type, suite.conventions)


def _list_agreed(values: Iterable[ReadValue], suite: Suite) -> Iterator[tuple[str, Any]]:
    for value in values:
        families, examples = _group(value, suite)
        if value.in_extra_row or not families:
            continue
        counts = sorted((len(named) for named in families.values()), reverse=True)
        is_alone = len(counts) == 1 or counts[0] > counts[1]
        value_key = max(families, key=lambda value_key: len(families[value_key]))
        # What one family reads is more often there than not: models leave out more than they add.
        is_contradicted = value_key == NOTHING and len(counts) > 1
        if counts[0] >= MIN_FAMILIES and is_alone and not is_contradicted:
            yield value.path, None if value_key == NOTHING else examples[value_key]


def _cut_rows(row_counts: Mapping[str, int], agreed: Mapping[str, Any]) -> dict[str, int]:
    """The rows of each list up to the last one in which something is agreed on."""
    counts = dict.fromkeys(row_counts, 0)
    for path, value in agreed.items():
        position = path.find("[")
        while value is not None and position >= 0 and not path.startswith(LIST_SUFFIX, position):
            end = path.index("]", position)
            table, number = path[:position], int(path[position + 1 : end])
            counts[table] = max(counts.get(table, 0), number + 1)
            position = path.find("[", end)
    return counts
