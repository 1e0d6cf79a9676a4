"""What the records of one document are scored with, and the results that they add to.

A reference has rows within rows: each is scored by the same functions, which are handed the one
`ScoringState` of the document and the `Location` of the record.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from vlm_lab.fields.nothing import is_null, says_nothing
from vlm_lab.fields.placeholders import is_placeholder
from vlm_lab.types import Conventions, Field, FieldResult, Outcome

NOT_SHOWN = "not_shown"  # the note of a value that stands on no page that was shown


@dataclass(frozen=True, slots=True)
class Location:
    """Where a record is: in the fields' paths, in the results, and in the prediction; and the rows
    around it, none of which the whole document has."""

    field_path: str = ""
    result_path: str = ""
    prediction_path: str = ""
    rows: tuple[str, ...] = ()
    spurious: bool = False

    def locate_row(
        self, table: str, result_row: str, prediction_row: str, spurious: bool = False
    ) -> "Location":
        """The location of a row of `table`."""
        relative_path = table[len(self.field_path) :]
        row_path = f"{self.result_path}{relative_path}[{result_row}]"
        return Location(
            field_path=f"{table}[]",
            result_path=row_path,
            prediction_path=f"{self.prediction_path}{relative_path}[{prediction_row}]",
            rows=(*self.rows, row_path),
            spurious=self.spurious or spurious,
        )


@dataclass(frozen=True, slots=True)
class ScoringState:
    """What is the same for all records of one document, and the results that they add to."""

    fields_by_path: Mapping[str, Field]
    table_paths: frozenset[str]
    expected_conventions: Conventions
    actual_conventions: Conventions
    empty: str
    confidences: Mapping[str, float]
    reshaped: bool
    not_shown: Collection[str]
    results: list[FieldResult] = field(default_factory=list)
    header_counts: Counter[str] = field(default_factory=Counter)
    cell_counts: Counter[str] = field(default_factory=Counter)
    row_counts: Counter[str] = field(default_factory=Counter)

    def says_nothing(self, path: str, value: Any) -> bool:
        """Whether a value of this field is none; `нет` is an answer where yes or no is asked
        for."""
        is_boolean = self.fields_by_path[path].type == "boolean"
        return is_null(value) if is_boolean else says_nothing(value)

    def predicts_nothing(self, path: str, value: Any) -> bool:
        """Whether a prediction gives no value here, or only the format of one."""
        return self.says_nothing(path, value) or is_placeholder(value)

    def add_result(
        self,
        path: str,
        expected: Any,
        actual: Any,
        outcome: Outcome,
        location: Location,
        similarity: float | None = None,
    ) -> None:
        """Adds a result at a record's location. What stands on no page that was shown is not
        judged."""
        relative_path = path[len(location.field_path) :]
        result_path = f"{location.result_path}{relative_path}"
        is_not_shown = result_path in self.not_shown and outcome != "unlabelled"
        result = FieldResult(
            path=result_path,
            field=path,
            in_row=bool(location.rows),
            rows=location.rows,
            in_spurious_row=location.spurious,
            type=self.fields_by_path[path].type,
            expected=expected,
            actual=actual,
            outcome="unlabelled" if is_not_shown else outcome,
            note=NOT_SHOWN if is_not_shown else None,
            similarity=similarity,
            confidence=self.confidences.get(f"{location.prediction_path}{relative_path}"),
        )
        outcome_counts = self.cell_counts if result.in_row else self.header_counts
        outcome_counts[result.outcome] += 1
        self.results.append(result)
