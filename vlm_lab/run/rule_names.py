"""What `decide` of models.yaml names -> known figures and fields, or an error before anything
runs."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from vlm_lab.config.strict_yaml import format_suggestion
from vlm_lab.errors import UserError
from vlm_lab.fields.schema import collect_schema_fields
from vlm_lab.files import read_bounded_text
from vlm_lab.types import SCORE_NAMES, UPPER_LIMITS, Report, Rules, Suite

FIGURES = (*SCORE_NAMES, *UPPER_LIMITS)


def check_rules(rules: Rules, suites: Sequence[Suite]) -> None:
    """UserError where `require` or `prefer` names no figure, and no field of any of the suites nor
    of one beside them: models.yaml is for all suites of a project."""
    fields = {field.path for suite in suites for field in suite.fields}
    check_rule_names(rules, fields, lambda: _collect_neighbours_fields(suites))


def check_rule_names(
    rules: Rules, fields: Iterable[str], find_more: Callable[[], set[str]] = set
) -> None:
    """UserError where a rule names no figure and none of these fields. `find_more` is asked for
    further ones only where a name is unknown."""
    known = {*FIGURES, *fields}
    for key, names in (("require", rules.require), ("prefer", rules.prefer)):
        unknown = [name for name in names if name not in known]
        if unknown:
            known |= find_more()
        for name in unknown:
            if name not in known:
                raise UserError(
                    f"models.yaml: decide: {key}: no figure and no field of a suite is called"
                    f" {name!r}{format_suggestion(name, sorted(known))};"
                    f" figures: {', '.join(FIGURES)}"
                )


def collect_field_paths(report: Report) -> set[str]:
    """The fields of a run's suites."""
    return {
        field["path"] if isinstance(field, dict) else field.path
        for suite in report.suites
        for field in suite.get("fields", ())
    }


def _collect_neighbours_fields(suites: Iterable[Suite]) -> set[str]:
    """The fields of the suites beside these, as far as their schemas can be read."""
    paths: set[str] = set()
    for folder in {suite.folder.resolve().parent for suite in suites}:
        for schema in sorted(folder.glob("*/schema.json")):
            paths |= _read_field_paths(schema)
    return paths


def _read_field_paths(schema: Path) -> set[str]:
    try:
        fields = collect_schema_fields(json.loads(read_bounded_text(schema)))
    except (OSError, ValueError, UserError, AttributeError, TypeError):
        return set()
    return {field.path for field in fields}
