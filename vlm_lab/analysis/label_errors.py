"""References that may be wrong: a pipeline guessed them, and a model that reads better must not be
punished for it.

A value is a suspect where candidates of two or more families agree on another one, where the
document's own arithmetic contradicts it, or where it is no valid value of its type (date, amount,
tax id, IBAN). Two sizes of one family share their training and their errors, so a family counts
once: the letters that its model id begins with (`Qwen/Qwen2-VL-2B` and `Qwen/Qwen2.5-VL-7B` are
`qwen`); answers that are replayed are a family for each candidate.
"""

import gettext
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from vlm_lab.fields import canonicalize_value
from vlm_lab.fields.check_digits import find_code_error
from vlm_lab.fields.flattening import is_null, is_null_like
from vlm_lab.fields.roles import find_row_total_column, infer_role
from vlm_lab.messages import ENGLISH, Message, translate_message
from vlm_lab.sanitize import terminal_safe
from vlm_lab.scoring.consistency import check_consistency
from vlm_lab.types import (
    CORRECT,
    JUDGED,
    PREDICTED,
    CandidateKey,
    Conventions,
    Field,
    LabelError,
    Suite,
)

MIN_FAMILIES = 2  # that must agree
PARSED_TYPES = ("date", "amount")  # types of which every value must be one

ARITHMETIC_FIELDS = (
    *(Field(name, "amount") for name in ("net", "tax", "gross")),
    Field("rows[].amount", "amount"),
)


@dataclass(slots=True)
class _LabelledValue:
    """One labelled value of one document, and what each candidate said against it."""

    field_path: str
    in_row: bool
    type: str
    reference: Any
    answers: dict[str, tuple[str, Any]] = field(default_factory=dict)  # candidate -> family, value
    agreeing_count: int = 0


def find_label_errors(
    records: Iterable[Mapping[str, Any]], suites: Mapping[str, Suite]
) -> list[LabelError]:
    """The doubtful references of a run's records (rows as `read_records` yields them), the best
    evidence first."""
    found: list[tuple[int, LabelError]] = []
    for (suite, document), values in _collect_labelled_values(records).items():
        conventions = suites[suite].conventions if suite in suites else Conventions()
        arithmetic = dict(_find_contradictions(values, conventions))
        for path, seen in values.items():
            agreed, weight = _find_agreement(seen, conventions)
            why = (*agreed, *arithmetic.get(path, ()), *_check_value(path, seen, conventions))
            if why:
                said = {candidate: value for candidate, (_, value) in seen.answers.items()}
                found.append((weight, LabelError(suite, document, path, seen.reference, said, why)))
    found.sort(key=lambda each: (-each[0], -len(each[1].reasons), each[1].suite, each[1].document))
    return [suspect for _, suspect in found]


def derive_model_family(row: Mapping[str, Any]) -> str:
    """What a candidate shares its errors with."""
    replayed = row.get("backend") == "replay" or "replayed" in (row.get("environment") or {})
    name = str(row["model_id"]).rstrip("/").rpartition("/")[2]
    head = re.match(r"[^\W\d_]+", name)
    return f"replay {row['model']}" if replayed or head is None else head[0].casefold()


def format_label_error(suspect: LabelError, words: gettext.NullTranslations = ENGLISH) -> str:
    """`scheta-17 Итого.Всего = '100,00': 2 families say '110,00'`, safe for a terminal."""
    value = words.gettext("nothing") if suspect.reference is None else repr(suspect.reference)[:60]
    return terminal_safe(
        f"{suspect.document} {suspect.path} = {value}: {'; '.join(translate_label_error_reasons(suspect, words))}"
    )


def translate_label_error_reasons(
    suspect: LabelError, words: gettext.NullTranslations
) -> list[str]:
    """Why it is doubted, a sentence for each reason."""
    return [translate_message(reason, words) for reason in suspect.reasons]


def _collect_labelled_values(
    records: Iterable[Mapping[str, Any]],
) -> dict[tuple[str, str], dict[str, _LabelledValue]]:
    together: dict[tuple[str, str], dict[str, _LabelledValue]] = {}
    for row in records:
        values = together.setdefault((row["suite"], row["document"]), {})
        for each in row.get("fields") or ():
            if each["in_spurious_row"] or each["outcome"] not in JUDGED:
                continue
            blank = _LabelledValue(each["field"], each["in_row"], each["type"], each["expected"])
            seen = values.setdefault(each["path"], blank)
            if each["outcome"] in CORRECT:
                seen.agreeing_count += 1
            elif each["outcome"] in PREDICTED and not is_null_like(each["actual"]):
                seen.answers[CandidateKey.from_record(row).label] = (
                    derive_model_family(row),
                    each["actual"],
                )
    return together


def _find_agreement(
    seen: _LabelledValue, conventions: Conventions
) -> tuple[tuple[Message, ...], int]:
    """What most families agree on against the reference, and how many they are."""
    families: dict[Any, set[str]] = {}
    examples: dict[Any, Any] = {}
    for kin, value in seen.answers.values():
        same = canonicalize_value(Field("", seen.type), value, conventions)
        key = same if same is not None else str(value)
        families.setdefault(key, set()).add(kin)
        examples.setdefault(key, value)
    if not families:
        return (), 0
    most = max(families, key=lambda key: len(families[key]))
    if len(families[most]) < MIN_FAMILIES:
        return (), 0
    figures = {
        "n": len(families[most]),
        "value": repr(examples[most]),
        "agreeing": seen.agreeing_count,
    }
    return (Message("disputed" if seen.agreeing_count else "agreed", figures),), len(families[most])


def _check_value(path: str, seen: _LabelledValue, conventions: Conventions) -> Iterator[Message]:
    if is_null(seen.reference):
        return
    if (
        seen.type in PARSED_TYPES
        and canonicalize_value(Field("", seen.type), seen.reference, conventions) is None
    ):
        yield Message(f"no_{seen.type}")
    said = find_code_error(seen.type, seen.reference, path)
    if said:
        yield said


def _find_contradictions(
    values: Mapping[str, _LabelledValue], conventions: Conventions
) -> Iterator[tuple[str, tuple[Message, ...]]]:
    """The total's path, and what in the reference it does not agree with. Rows alone prove nothing:
    discounts, tips and freight are printed outside them on one true invoice of six; they count
    where a candidate reads their sum."""
    amounts = {path: seen for path, seen in values.items() if seen.type == "amount"}
    parts = _assign_roles([path for path, seen in amounts.items() if not seen.in_row])
    total = parts.get("gross") or parts.get("net")
    if total is None:
        return
    value = {role: amounts[path].reference for role, path in parts.items() if role != "rate"}
    rows = _collect_row_totals([seen for seen in amounts.values() if seen.in_row])
    results = check_consistency(
        {**value, "rows": [{"amount": row} for row in rows]}, ARITHMETIC_FIELDS, conventions
    )
    why = []
    if results["net_plus_tax"] is False:
        why.append(Message("sum", {name: value[name] for name in ("net", "tax", "gross")}))
    added = _sum_amounts(rows, conventions)
    if results["rows_add_up"] is False and any(
        _is_same_amount(added, said, conventions) for _, said in values[total].answers.values()
    ):
        why.append(Message("rows", {"n": len(rows), "added": str(added)}))
    if why:
        yield total, tuple(why)


def _assign_roles(header_fields: Iterable[str]) -> dict[str, str]:
    """Role -> path, for roles that one field outside lists plays."""
    roles: dict[str, list[str]] = {}
    for path in header_fields:
        played = infer_role(path)
        if played:
            roles.setdefault(played, []).append(path)
    return {role: paths[0] for role, paths in roles.items() if len(paths) == 1}


def _collect_row_totals(cells: Iterable[_LabelledValue]) -> list[Any]:
    """The rows' totals, where one column of one list is named as such."""
    columns: dict[str, list[Any]] = {}
    for cell in cells:
        columns.setdefault(cell.field_path, []).append(cell.reference)
    found = find_row_total_column(columns)
    return columns[found] if found else []


def _is_same_amount(amount: Decimal, said: Any, conventions: Conventions) -> bool:
    return canonicalize_value(Field("", "amount"), said, conventions) == amount


def _sum_amounts(rows: Sequence[Any], conventions: Conventions) -> Decimal:
    read = [canonicalize_value(Field("", "amount"), row, conventions) for row in rows]
    return sum((each for each in read if isinstance(each, Decimal)), Decimal(0))
