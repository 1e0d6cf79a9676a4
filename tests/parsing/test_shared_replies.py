"""Replies of strangers' models, and what must come of each; they lie beside the project."""

import json

from vlm_lab.fields.schema import collect_schema_fields
from vlm_lab.parsing import parse
from vlm_lab.scoring import score_values
from vlm_lab.types import Conventions, Generation

TYPES = {
    "invoice_number": "identifier",
    "issue_date": "date",
    "due_date": "date",
    "currency": "currency",
}


def schema_of(value, key=""):
    if isinstance(value, dict):
        return {"properties": {name: schema_of(child, name) for name, child in value.items()}}
    if isinstance(value, list):
        return {"items": schema_of(value[0])}
    amounts = ("net", "tax", "gross", "unit_price", "amount")
    kind = "amount" if key in amounts else "quantity" if key == "quantity" else "text"
    return {"x-vlm-lab": TYPES.get(key, kind)}


def test_what_must_come_of_each_reply(shared, subtests):
    cases = json.loads((shared / "cases" / "replies.json").read_text("utf-8"))
    reference = cases["reference"]
    fields = collect_schema_fields(schema_of(reference))
    for case in cases["replies"]:
        with subtests.test(case["name"]):
            prediction = parse(Generation(raw_response=case["raw_response"], fields=fields))
            scored = score_values(
                prediction.value,
                reference,
                fields,
                Conventions(),
                status=prediction.status,
                reason=prediction.reason,
                reshaped=prediction.reshaped,
            )
            results = {result.path: result for result in scored.fields}
            if case["want"] == "right":
                assert {result.outcome for result in results.values()} <= {"exact", "normalized"}
                assert len(results) == 20
            elif case["want"] == "gross right":
                assert results["totals.gross"].outcome in ("exact", "normalized")
            elif case["want"] == "invoice_number is 004471":
                assert results["invoice_number"].actual == "004471"
            else:
                assert case["want"] == "not wrong without a kind: the kind says other keys"
                assert {result.kind for result in results.values()} == {"other_keys"}
