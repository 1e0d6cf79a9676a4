"""What `decide` of models.yaml names -> known figures and fields, or an error before anything
runs."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from vlm_lab.config.models_file import Candidates
from vlm_lab.config.strict_yaml import format_suggestion
from vlm_lab.errors import UserError
from vlm_lab.fields.schema import collect_schema_fields
from vlm_lab.types import SCORE_NAMES, UPPER_LIMITS, Suite

FIGURES = (*SCORE_NAMES, *UPPER_LIMITS)


def check_rules(candidates: Candidates, suites: Sequence[Suite]) -> None:
    """UserError where `require` or `prefer` names no figure, and no field of any of the suites nor
    of one beside them: models.yaml is for all suites of a project."""
    rules = candidates.rules
    fields = {field.path for suite in suites for field in suite.fields}
    for key, names in (("require", rules.require), ("prefer", rules.prefer)):
        unknown = [name for name in names if name not in FIGURES and name not in fields]
        if not unknown:
            continue
        fields |= _collect_neighbours_fields(suites)
        for name in unknown:
            if name not in fields:
                raise UserError(_format_unknown(key, name, sorted(fields)))


def _format_unknown(key: str, name: str, fields: Sequence[str]) -> str:
    return (
        f"models.yaml: decide: {key}: no figure and no field of a suite is called {name!r}"
        f"{format_suggestion(name, [*FIGURES, *fields])}; figures: {', '.join(FIGURES)}"
    )


def _collect_neighbours_fields(suites: Iterable[Suite]) -> set[str]:
    """The fields of the suites beside these, as far as their schemas can be read."""
    paths: set[str] = set()
    for folder in {suite.folder.resolve().parent for suite in suites}:
        for schema in sorted(folder.glob("*/schema.json")):
            paths |= _read_field_paths(schema)
    return paths


def _read_field_paths(schema: Path) -> set[str]:
    try:
        fields = collect_schema_fields(json.loads(schema.read_text("utf-8-sig")))
    except (OSError, ValueError, UserError, AttributeError, TypeError):
        return set()
    return {field.path for field in fields}
