"""Which run somebody means (a path, a run's id, or `last`) -> its folder."""

from pathlib import Path

from vlm_lab.commands import format_run_command
from vlm_lab.errors import UserError
from vlm_lab.records.run_folder import RECORDS_FILE


def find_run(argument: str, results: Path) -> Path:
    """The folder that a path, an id under `results` or `last` names. UserError where there is
    none."""
    runs = sorted(path.parent for path in results.glob(f"*/{RECORDS_FILE}"))
    if argument == "last" and runs:
        return max(runs, key=lambda run: (run / RECORDS_FILE).stat().st_mtime)
    for path in (results / argument, Path(argument)):
        if (path / RECORDS_FILE).is_file():
            return path
    known = (
        f"; the newest is {runs[-1].name}"
        if runs
        else f"; there is none yet: {format_run_command()} makes one"
    )
    raise UserError(f"no run {argument!r} in {results}{known}")
