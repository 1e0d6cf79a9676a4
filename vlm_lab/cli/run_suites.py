"""A run -> the suites that it was over, as they are now, wherever they lie.

report.json names each suite's folder; where that is gone, or where a crash left no report, the
project's own folder is looked into.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from vlm_lab.commands import format_run_command
from vlm_lab.errors import UserError
from vlm_lab.records.report_json import read_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.suite import load_suite
from vlm_lab.types import Suite


def list_suite_names(run: Path) -> list[str]:
    """The suites of a run's records."""
    return sorted({record.suite for record in read_records(run)})


def load_run_suites(run: Path, names: Iterable[str]) -> dict[str, Suite]:
    """The suites that are still there, over the documents and references that the run was over."""
    described, options = _read_description(run)
    suites = {}
    for name in names:
        folder = find_suite_folder(described, name)
        if folder.is_dir():
            replaced = {key: _as_path(options.get(key)) for key in ("documents", "references")}
            suites[name] = load_suite(folder, **replaced, schema=_as_path(options.get("schema")))
    return suites


def load_own_suite(run: Path, names: Collection[str], wanted: str | None) -> Suite:
    """The one suite of a run that is meant, as it is now. UserError where it is not clear which, or
    where the run was over documents or references that are not the suite's."""
    listed = ", ".join(sorted(names))
    if not names:
        raise UserError(f"{run}: has no answers yet; {format_run_command('--resume', run)}")
    if wanted is not None and wanted not in names:
        raise UserError(f"--suite={wanted}: this run has {listed}")
    if wanted is None and len(names) > 1:
        raise UserError(f"this run has the suites {listed}; name one with --suite=NAME")
    (name,) = [wanted] if wanted is not None else names
    described, options = _read_description(run)
    for key in ("documents", "references"):
        if _as_path(options.get(key)):
            raise UserError(
                f"{run}: was over other {key} than the suite's own (--{key}={options[key]}); "
                f"run the suite without it first: {format_run_command('--suite', name)}"
            )
    folder = find_suite_folder(described, name)
    if not folder.is_dir():
        raise make_missing_suite_error(name, "or move the suite back")
    return load_suite(folder)


def find_suite_folder(described: dict[str, Any], name: str) -> Path:
    """Where a suite lies, or should."""
    folder = _as_path(described.get(name, {}).get("folder"))
    return folder if folder and folder.is_dir() else Path("benchmarks") / name


def make_missing_suite_error(name: str, way_out: str) -> UserError:
    """What to say where a suite is not there."""
    return UserError(
        f"no folder {Path('benchmarks') / name} here, and the one that the run was over is gone;"
        f" start in the project's folder, {way_out}"
    )


def _read_description(run: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What report.json says of the suites, by name, and the options of the run."""
    with suppress(UserError):
        report = read_report(run)
        suites = {suite["name"]: dict(suite) for suite in report.suites}
        return suites, dict(report.run.get("options") or {})
    return {}, {}


def _as_path(text: Any) -> Path | None:
    return Path(text) if isinstance(text, str) and text not in ("", "None") else None
