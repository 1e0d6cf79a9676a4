"""Tiny suites and cases for tests: real files, a few bytes each."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

SCHEMA = {
    "type": "object",
    "properties": {
        "invoice_number": {"type": "string", "x-vlm-lab": {"type": "identifier"}},
        "totals": {
            "type": "object",
            "properties": {"gross": {"type": "string", "format": "decimal"}},
        },
    },
}
REFERENCE = {"invoice_number": "A-17", "totals": {"gross": "119.00"}}


def write_suite(
    folder: Path,
    references: Mapping[str, Any],
    suite_yaml: str = "",
    documents: tuple[str, ...] = (),
) -> Path:
    """A suite with a small PNG for each reference and each of `documents`, named without suffix."""
    for part in ("documents", "references"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, name in enumerate([*references, *documents]):
        path = folder / "documents" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (255, 255, 255 - number)).save(
            path
        )  # equal pixels would share a cached reply
    for name, reference in references.items():
        path = folder / "references" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            reference if isinstance(reference, str) else json.dumps(reference), encoding="utf-8"
        )
    (folder / "suite.yaml").write_text(suite_yaml, encoding="utf-8")
    (folder / "schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    (folder / "prompt.md").write_text("Answer as {{ schema }}", encoding="utf-8")
    return folder
