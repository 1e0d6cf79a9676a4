"""Records -> whether each answer agrees with what candidates of other families say: what is known
of a document before anybody labels it.

A candidate agrees where it gives each value that most other families give; where these differ among
themselves, one of those that most give. A family counts once, as `analysis.label_errors` has it,
and nothing here looks at a reference: what holds of documents with one must hold of the others.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from vlm_lab.analysis.judged_records import is_own_reference
from vlm_lab.analysis.label_errors import derive_model_family
from vlm_lab.fields import canonicalize_value
from vlm_lab.fields.flattening import (
    FlatRecord,
    collect_table_paths,
    flatten_document,
    flatten_row,
    match_key_spelling,
)
from vlm_lab.fields.nothing import says_nothing
from vlm_lab.fields.placeholders import is_placeholder
from vlm_lab.types import ANSWERED, CandidateKey, Conventions, Field, Record

Location = tuple[str, ...]  # a field's path, and the rows that its value stands in
Values = Mapping[Location, Hashable]  # those that say something, by what they mean


@dataclass(slots=True)
class AnswerReader:
    """Reads the values of a suite's answers: those of `fields`, as `conventions` write them."""

    fields: Mapping[str, Field]
    conventions: Conventions
    table_paths: frozenset[str] = field(init=False)
    known_paths: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.table_paths = collect_table_paths(self.fields.values())
        self.known_paths = (*self.fields, *sorted(self.table_paths))

    def read_values(self, record: Record) -> Values:
        """All values of an answer; none of one that could not be read."""
        values: dict[Location, Hashable] = {}
        try:
            document = flatten_document(record.prediction or {}, self.table_paths)
            self._add_values(document, (), values)
        except RecursionError:
            return {}
        return values

    def _add_values(
        self, record: FlatRecord, rows: Location, values: dict[Location, Hashable]
    ) -> None:
        match_key_spelling(record, self.known_paths)
        for path, value in record.values_by_path.items():
            if path in self.fields and not says_nothing(value) and not is_placeholder(value):
                values[path, *rows] = self._make_key(self.fields[path], value)
        for table, table_rows in record.rows_by_path.items():
            if table not in self.table_paths:
                continue
            for number, row in enumerate(table_rows):
                flat_row = flatten_row(row, table, self.table_paths)
                self._add_values(flat_row, (*rows, str(number)), values)

    def _make_key(self, value_field: Field, value: object) -> Hashable:
        canonical_value = canonicalize_value(value_field, value, self.conventions)
        return str(value) if canonical_value is None else canonical_value


@dataclass(slots=True)
class _Answer:
    family: str
    values: Values


@dataclass(slots=True)
class AgreementCollector:
    """Reads the answers of the suites in `readers` as records go by, without holding these."""

    readers: Mapping[str, AnswerReader]
    answers: dict[tuple[str, str], dict[CandidateKey, _Answer]] = field(default_factory=dict)
    dependent: set[CandidateKey] = field(default_factory=set)

    def watch(self, records: Iterable[Record]) -> Iterator[Record]:
        """Passes the records on."""
        for record in records:
            reader = self.readers.get(record.suite)
            if reader is not None and record.status in ANSWERED:
                answer = _Answer(derive_model_family(record), reader.read_values(record))
                document_answers = self.answers.setdefault((record.suite, record.document), {})
                document_answers[record.candidate] = answer
                if is_own_reference(record):
                    self.dependent.add(record.candidate)
            yield record

    def find_agreement(
        self, candidate: CandidateKey, judged_paths: Collection[str]
    ) -> dict[str, float]:
        """1 or 0 for each document that another family answered as well: whether the candidate
        agrees on the values of `judged_paths`. A candidate whose files are the references is no
        witness about others, on no document."""
        agreement: dict[str, float] = {}
        for (suite, document), document_answers in self.answers.items():
            answer = document_answers.get(candidate)
            if suite != candidate.suite or answer is None:
                continue
            others = [
                other
                for key, other in document_answers.items()
                if other.family != answer.family and key not in self.dependent
            ]
            if others:
                agreement[document] = float(_agrees(answer, others, judged_paths))
        return agreement


def _agrees(answer: _Answer, others: list[_Answer], judged_paths: Collection[str]) -> bool:
    """Whether each value is one that most of the other families give."""
    locations = {*answer.values}.union(*(other.values for other in others))
    for location in locations:
        if location[0] not in judged_paths:
            continue
        votes = {(other.family, other.values.get(location)) for other in others}
        counts = Counter(value for _, value in votes)
        if counts[answer.values.get(location)] < max(counts.values()):
            return False
    return True
