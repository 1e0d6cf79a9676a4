"""The records of report.json, one by one: the file is read line by line, as `vlm_lab.report.build` writes it.

What else it says is `vlm_lab.runs.read_report`'s.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def read_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """The records of a run's report, in the run's order."""
    inside = False
    with (folder / "report.json").open(encoding="utf-8") as file:
        for line in file:
            if line.startswith('"records": ['):
                inside = True
            elif line.startswith("]"):
                return
            elif inside:
                yield json.loads(line.rstrip().rstrip(","))
