"""A run that broke off -> the same run, gone on with: its options, its selection, and which of its
answers still stand.

What would make it another run is refused in one line. What changed since is asked again, and said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vlm_lab.errors import UserError
from vlm_lab.messages import Message, list_first_names
from vlm_lab.records.record_lines import describe_error
from vlm_lab.records.run_folder import read_records
from vlm_lab.records.run_settings import SETTINGS_FILE, RunSettings
from vlm_lab.run.case_inputs import InputKind, compute_case_inputs, find_changed_inputs
from vlm_lab.run.options import Options
from vlm_lab.sanitize import terminal_safe
from vlm_lab.type_adapters import get_adapter
from vlm_lab.types import Case, CaseKey

# Options that decide what a run is, and how each is typed.
DECISIVE_OPTIONS = {
    "models_files": "--models-file",
    "suite": "--suite",
    "documents": "--documents",
    "references": "--references",
    "schema": "--schema",
    "max_pages": "--max-pages",
    "device": "--device",
    "dry_run": "--dry-run",
    "prompts": "--prompt",
    "status": "--status",
    "sweep": "--sweep",
    "sample": "--sample",
    "holdout": "--holdout",
    "scenario": "--scenario",
    "rounds": "--rounds",
    "engine": "--engine",
    "source": "--documents",
}
# Options that are the run's where they are not typed again.
OTHER_OPTIONS = ("replies", "probe", "online", "baseline", "max_drop", "fail_on_lost_field")
NOT_ANSWERED = ("error", "skipped")


def describe_options(options: Options) -> Mapping[str, Any]:
    """The options as JSON has them; a run that was resumed has those that it began with."""
    described: dict[str, Any] = get_adapter(Options).dump_python(
        replace(options, resume=None), mode="json"
    )
    return described


def restore_options(typed: Options, settings: RunSettings | None) -> Options:
    """The options that the run to be resumed began with; those typed where there is none. UserError
    where others are typed that would make it another run."""
    folder = typed.resume
    if folder is None or settings is None:
        return typed
    begun = _read_options(folder, settings)
    defaults = _find_defaults(typed)
    for name, option in DECISIVE_OPTIONS.items():
        value, begun_value = getattr(typed, name), getattr(begun, name)
        is_typed = value != defaults[name] or _is_among(typed.command, option)
        if is_typed and value != begun_value:
            raise UserError(_describe_conflict(folder, option, value, begun_value))
    typed_again = {
        name: getattr(typed, name)
        for name in OTHER_OPTIONS
        if getattr(typed, name) != defaults[name]
    }
    return replace(
        begun,
        **typed_again,
        resume=folder,
        output_dir=typed.output_dir,
        cache=typed.cache,
        project=typed.project,
        command=typed.command,
    )


def _is_among(command: Sequence[str], option: str) -> bool:
    """Whether an option was typed, though it be what stands where it is not."""
    return any(argument.partition("=")[0] == option for argument in command)


def _read_options(folder: Path, settings: RunSettings) -> Options:
    path = folder / SETTINGS_FILE
    try:
        options = get_adapter(Options).validate_python(settings.options)
    except ValidationError as error:
        raise UserError(f"{path}: options.{describe_error(error)}") from None
    # models.yaml and suites may name code: a folder of results from somebody else runs none.
    named_paths = [*options.models_files, options.suite, options.schema]
    for named_path in filter(None, named_paths):
        if named_path.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"{path}: {named_path} lies in the run's own folder; it is not used")
    return options


def _find_defaults(typed: Options) -> Mapping[str, Any]:
    """What stands for an option that was not typed."""
    defaults = {field.name: field.default for field in fields(Options)}
    return {**defaults, "models_files": (typed.project / "models.yaml",)}


def _describe_conflict(folder: Path, option: str, value: Any, begun_value: Any) -> str:
    if option == "--dry-run":
        return (
            f"--dry-run: {folder.name} calls models, and no dry run is mixed into it; leave"
            " --dry-run away to go on with it, or --resume to start another"
        )
    return (
        f"{option} {_format_value(value)}: {folder.name} began with"
        f" {_format_value(begun_value)}; leave {option} away to go on with it, or --resume to"
        " start another run"
    )


def _format_value(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class FormerAnswers:
    """The cases whose answers still stand, and what is to be said of those that do not."""

    keys: frozenset[CaseKey] = frozenset()
    notes: tuple[Message, ...] = ()


def find_former_answers(
    folder: Path, cases: Sequence[Case], records_end: int | None = None
) -> FormerAnswers:
    """Which of the cases the run has answered with the inputs of today, as far as that stands
    before byte `records_end` of its records. Failed and skipped ones are tried again without a
    word."""
    cases_by_key = {case.key: case for case in cases}
    answered: set[CaseKey] = set()
    changed: dict[InputKind, dict[str, None]] = {}
    for record in read_records(folder, [*cases_by_key], records_end):
        if record.status in NOT_ANSWERED:
            continue
        case = cases_by_key[record.key]
        changed_inputs = find_changed_inputs(record.inputs, compute_case_inputs(case))
        for kind in changed_inputs:
            changed.setdefault(kind, {})[_name_input(case, kind)] = None
        if not changed_inputs:
            answered.add(record.key)
    notes = [
        Message(f"changed_{kind}", {"n": len(names), "names": list_first_names([*names], 10)})
        for kind, names in changed.items()
    ]
    return FormerAnswers(frozenset(answered), tuple(notes))


def _name_input(case: Case, kind: InputKind) -> str:
    if kind == "prompt":
        return f"{case.prompt_id} ({case.document.suite.name})"
    if kind == "settings":
        return case.model.name
    return terminal_safe(case.document.name)


def check_selection(
    folder: Path, settings: RunSettings, collected: set[CaseKey], selected: set[CaseKey]
) -> list[Message]:
    """Notes on the run's cases that are there no longer. UserError where what was typed leaves out
    others, which would make it another run."""
    wanted = dict.fromkeys(settings.cases)
    left_out = [key for key in wanted if key in collected and key not in selected]
    if left_out:
        raise UserError(
            f"{folder.name}: the command leaves out {len(left_out)} of its {len(wanted)} cases"
            f" ({_name_case(left_out[0])}); leave -k and the like away to go on with it, or"
            " --resume to start another run"
        )
    missing = [key for key in wanted if key not in collected]
    if wanted and len(missing) == len(wanted):
        raise UserError(
            f"{folder.name}: none of its {len(wanted)} cases is here ({_name_case(missing[0])});"
            " go on with it where it was started"
        )
    if not missing:
        return []
    names = list_first_names([*map(_name_case, missing)], 10)
    return [Message("no_longer_there", {"n": len(missing), "names": names})]


def _name_case(key: CaseKey) -> str:
    """`qwen2-vl-2b-default-inv_001`, as the case's id is."""
    return terminal_safe("-".join(key[1:]))
