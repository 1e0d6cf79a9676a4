"""References that may be wrong: a pipeline guessed them, and a model that reads better must not be
punished for it.

A value is doubted where candidates of two or more families agree on another one, where the
document's own arithmetic contradicts it, or where it is no valid value of its type (date, amount,
tax id, IBAN). Two sizes of one family share their training and their errors, so a family counts
once: the letters that its model id begins with (`Qwen/Qwen2-VL-2B` and `Qwen/Qwen2.5-VL-7B` are
`qwen`); answers that are replayed are a family for each candidate.
"""

import gettext
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from vlm_lab.analysis.judged_records import is_own_reference
from vlm_lab.analysis.value_keys import make_value_key
from vlm_lab.backends import is_replayed
from vlm_lab.fields import canonicalize_value
from vlm_lab.fields.check_digits import find_code_error
from vlm_lab.fields.nothing import says_nothing
from vlm_lab.fields.roles import find_row_total_column, infer_role
from vlm_lab.messages import ENGLISH, Message, translate_message
from vlm_lab.sanitize import quote_value, shorten, terminal_safe
from vlm_lab.scoring.consistency import check_consistency
from vlm_lab.types import (
    CORRECT,
    JUDGED,
    PREDICTED,
    Conventions,
    Field,
    LabelError,
    Record,
)

MIN_FAMILIES = 2  # that must agree
PARSED_TYPES = ("date", "amount")  # types of which every value must be one

ARITHMETIC_FIELDS = (
    *(Field(name, "amount") for name in ("net", "tax", "gross")),
    Field("rows[].amount", "amount"),
)


@dataclass(slots=True)
class _LabelledValue:
    """One labelled value of one document, and what each candidate answered against it."""

    field_path: str
    in_row: bool
    type: str
    reference: Any
    answers: dict[str, tuple[str, Any]] = field(default_factory=dict)  # candidate -> family, value
    agreeing_count: int = 0


def find_label_errors(
    records: Iterable[Record], conventions_by_suite: Mapping[str, Conventions]
) -> list[LabelError]:
    """The doubtful references of a run's records, the best evidence first."""
    ranked_errors: list[tuple[int, LabelError]] = []
    for (suite, document), labelled_values in _collect_labelled_values(records).items():
        conventions = conventions_by_suite.get(suite, Conventions())
        contradictions = dict(_find_contradictions(labelled_values, conventions))
        for path, labelled in labelled_values.items():
            agreement, family_count, agreed = _find_agreement(labelled, conventions)
            invalid = _check_value(path, labelled, conventions)
            reasons = (*agreement, *contradictions.get(path, ()), *invalid)
            if not reasons:
                continue
            answers = {candidate: value for candidate, (_, value) in labelled.answers.items()}
            reference = labelled.reference
            error = LabelError(suite, document, path, reference, answers, reasons, agreed)
            ranked_errors.append((family_count, error))
    ranked_errors.sort(key=_rank_error)
    return [error for _, error in ranked_errors]


def _rank_error(ranked: tuple[int, LabelError]) -> tuple[int, int, str, str]:
    """Most families first, then most reasons."""
    family_count, error = ranked
    return -family_count, -len(error.reasons), error.suite, error.document


def derive_model_family(record: Record) -> str:
    """What a candidate shares its errors with."""
    name = record.model_id.rstrip("/").rpartition("/")[2]
    leading_letters = re.match(r"[^\W\d_]+", name)
    if is_replayed(record) or leading_letters is None:
        return f"replay {record.model}"
    return leading_letters[0].casefold()


def format_label_error(error: LabelError, catalogue: gettext.NullTranslations = ENGLISH) -> str:
    """`scheta-17 Итого.Всего = '100,00': 2 families say '110,00'`, cut and safe for a terminal."""
    reference = quote_value(error.reference)
    if error.reference is None:
        reference = catalogue.gettext("nothing")
    reasons = "; ".join(map(shorten, translate_label_error_reasons(error, catalogue)))
    value_name = f"{shorten(error.document)} {shorten(error.path)}"
    return terminal_safe(f"{value_name} = {reference}: {reasons}")


def translate_label_error_reasons(
    error: LabelError, catalogue: gettext.NullTranslations
) -> list[str]:
    """Why it is doubted, a sentence for each reason."""
    return [translate_message(reason, catalogue) for reason in error.reasons]


def _collect_labelled_values(
    records: Iterable[Record],
) -> dict[tuple[str, str], dict[str, _LabelledValue]]:
    values_by_document: dict[tuple[str, str], dict[str, _LabelledValue]] = {}
    for record in records:
        agreement = 0 if is_own_reference(record) else 1
        labelled_values = values_by_document.setdefault((record.suite, record.document), {})
        for result in record.fields:
            if result.in_spurious_row or result.outcome not in JUDGED:
                continue
            new_value = _LabelledValue(result.field, result.in_row, result.type, result.expected)
            labelled = labelled_values.setdefault(result.path, new_value)
            if result.outcome in CORRECT:
                labelled.agreeing_count += agreement
            elif result.outcome in PREDICTED and not says_nothing(result.actual):
                answer = derive_model_family(record), result.actual
                labelled.answers[record.candidate.label] = answer
    return values_by_document


def group_families(
    answers: Iterable[tuple[str, Any]], type_name: str, conventions: Conventions
) -> tuple[dict[Hashable, set[str]], dict[Hashable, Any]]:
    """(family, value) of each answer -> the families that give a value, by what it means, and how
    it was first written. All that says nothing is one value, `NOTHING`."""
    families: dict[Hashable, set[str]] = {}
    examples: dict[Hashable, Any] = {}
    for family, value in answers:
        value_key = make_value_key(Field("", type_name), value, conventions)
        families.setdefault(value_key, set()).add(family)
        examples.setdefault(value_key, value)
    return families, examples


def _find_agreement(
    labelled: _LabelledValue, conventions: Conventions
) -> tuple[tuple[Message, ...], int, Any]:
    """What most families agree on against the reference, how many they are, and the value."""
    families, examples = group_families(labelled.answers.values(), labelled.type, conventions)
    if not families:
        return (), 0, None
    majority_key = max(families, key=lambda value_key: len(families[value_key]))
    family_count = len(families[majority_key])
    if family_count < MIN_FAMILIES:
        return (), 0, None
    arguments = {
        "n": family_count,
        "value": repr(examples[majority_key]),
        "agreeing": labelled.agreeing_count,
    }
    message = Message("disputed" if labelled.agreeing_count else "agreed", arguments)
    return (message,), family_count, examples[majority_key]


def _check_value(
    path: str, labelled: _LabelledValue, conventions: Conventions
) -> Iterator[Message]:
    if says_nothing(labelled.reference):
        return
    canonical_value = canonicalize_value(Field("", labelled.type), labelled.reference, conventions)
    if labelled.type in PARSED_TYPES and canonical_value is None:
        yield Message(f"no_{labelled.type}")
    code_error = find_code_error(labelled.type, labelled.reference, path)
    if code_error:
        yield code_error


def _find_contradictions(
    labelled_values: Mapping[str, _LabelledValue], conventions: Conventions
) -> Iterator[tuple[str, tuple[Message, ...]]]:
    """The total's path, and what in the reference it does not agree with. Rows alone prove nothing:
    discounts, tips and freight are printed outside them on one true invoice of six; they count
    where a candidate reads their sum."""
    amounts = {
        path: labelled for path, labelled in labelled_values.items() if labelled.type == "amount"
    }
    path_by_role = _assign_roles(path for path, labelled in amounts.items() if not labelled.in_row)
    total_path = path_by_role.get("gross") or path_by_role.get("net")
    if total_path is None:
        return
    value_by_role = {
        role: amounts[path].reference for role, path in path_by_role.items() if role != "rate"
    }
    row_amounts = _collect_row_totals(cell for cell in amounts.values() if cell.in_row)
    rows = [{"amount": amount} for amount in row_amounts]
    checks = check_consistency({**value_by_role, "rows": rows}, ARITHMETIC_FIELDS, conventions)
    reasons = []
    if checks["net_plus_tax"] is False:
        parts = {name: value_by_role[name] for name in ("net", "tax", "gross")}
        reasons.append(Message("sum", parts))
    row_sum = _sum_amounts(row_amounts, conventions)
    is_read_by_candidate = any(
        _is_same_amount(row_sum, answer, conventions)
        for _, answer in labelled_values[total_path].answers.values()
    )
    if checks["rows_add_up"] is False and is_read_by_candidate:
        reasons.append(Message("rows", {"n": len(row_amounts), "added": str(row_sum)}))
    if reasons:
        yield total_path, tuple(reasons)


def _assign_roles(header_fields: Iterable[str]) -> dict[str, str]:
    """Role -> path, for roles that one field outside lists plays."""
    paths_by_role: dict[str, list[str]] = {}
    for path in header_fields:
        role = infer_role(path)
        if role:
            paths_by_role.setdefault(role, []).append(path)
    return {role: paths[0] for role, paths in paths_by_role.items() if len(paths) == 1}


def _collect_row_totals(cells: Iterable[_LabelledValue]) -> list[Any]:
    """The rows' totals, where one column of one list is named as such."""
    columns: dict[str, list[Any]] = {}
    for cell in cells:
        columns.setdefault(cell.field_path, []).append(cell.reference)
    column_path = find_row_total_column(columns)
    return columns[column_path] if column_path else []


def _is_same_amount(amount: Decimal, answer: Any, conventions: Conventions) -> bool:
    return canonicalize_value(Field("", "amount"), answer, conventions) == amount


def _sum_amounts(row_amounts: Sequence[Any], conventions: Conventions) -> Decimal:
    amounts = [
        canonicalize_value(Field("", "amount"), amount, conventions) for amount in row_amounts
    ]
    return sum((amount for amount in amounts if isinstance(amount, Decimal)), Decimal(0))
