"""Writes vlm_lab/records/report.schema.json, the JSON Schema of report.json, from the types that
are written there.

python tools/make_report_schema.py
"""

import json
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import create_model

from vlm_lab.records.report_json import SCHEMA_VERSION
from vlm_lab.types import Record, Report

PATH = Path(__file__).parents[1] / "vlm_lab" / "records" / "report.schema.json"


def schema() -> dict[str, Any]:
    """Draft 2020-12: what `read_report` reads, and the records beside it."""
    kinds = {**get_type_hints(Report), "records": list[Record]}
    parts = {name: (kind, ...) for name, kind in kinds.items()}
    made = create_model("Run", **parts).model_json_schema(ref_template="#/$defs/{model}")  # type: ignore[call-overload]
    made["title"] = "report.json of VLM Lab"
    made["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    made["required"] = list(made["properties"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


if __name__ == "__main__":
    PATH.write_text(json.dumps(schema(), indent=1) + "\n")
