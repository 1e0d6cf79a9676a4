"""Which run somebody means (a path, a run's id, or `last`), and what it concluded."""

import json
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import TypeAdapter

from vlm_lab.errors import UserError
from vlm_lab.run_folder import LINES
from vlm_lab.types import Report

SCHEMA_VERSION = 2  # of report.json: raised once for all changes of its keys between two releases
_report = TypeAdapter(Report)


def add_run(parser: ArgumentParser) -> None:
    """The arguments of a command that is about one run, the newest where none is named."""
    parser.add_argument("run", nargs="?", default="last", metavar="RUN", help="path, run id, or last (default)")
    parser.add_argument("--output-dir", type=Path, default=Path("results"), metavar="PATH", help="where runs are")


def find_run(argument: str, results: Path) -> Path:
    """The folder that a path, an id under `results` or `last` names. UserError where there is none."""
    runs = sorted(path.parent for path in results.glob(f"*/{LINES}"))
    if argument == "last" and runs:
        return max(runs, key=lambda run: (run / LINES).stat().st_mtime)
    for path in (results / argument, Path(argument)):
        if (path / LINES).is_file():
            return path
    known = f"; the newest is {runs[-1].name}" if runs else "; there is none yet: scripts/bench makes one"
    raise UserError(f"no run {argument!r} in {results}{known}")


def read_report(run: Path) -> Report:
    """What report.json says beside its records, which are read past: they may be larger than memory."""
    path = run / "report.json"
    try:
        with path.open(encoding="utf-8") as file:
            data = json.loads("".join(_outside_records(file)))
        if "schema_version" in data and data["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema_version {SCHEMA_VERSION} is wanted, it has {data['schema_version']}")
        return _report.validate_python({key: data[key] for key in Report.__dataclass_fields__ if key in data})
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); scripts/bench --resume {run.name}") from None
    except (ValueError, TypeError) as error:
        why = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: is no report of this version ({why}); scripts/bench --resume {run.name}") from None


def _outside_records(lines: Iterable[str]) -> Iterator[str]:
    """The lines of report.json without those between the brackets of `records`, one a line as they are written."""
    inside = False
    for line in lines:
        inside = inside and not line.startswith("]")
        if not inside:
            yield line
        inside = inside or line.startswith('"records": [')
