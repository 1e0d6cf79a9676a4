"""Records of made-up candidates for tests of what tells right values from wrong ones: predictions
beside their outcomes, so that answers can be held against each other."""

from collections.abc import Mapping
from typing import Any

from tests.case_records import record
from vlm_lab.analysis.answers import SuiteFields
from vlm_lab.scoring import score_values
from vlm_lab.scoring.consistency import check_consistency
from vlm_lab.types import Conventions, Field, Record

FIELDS = (
    Field("invoice_number", "identifier"),
    Field("totals.net", "amount"),
    Field("totals.tax", "amount"),
    Field("totals.gross", "amount"),
    Field("seller", "name"),
    Field("rows[].amount", "amount"),
)
CONVENTIONS = Conventions("dmy", ("en", "de"))
SUITES = {"invoices": SuiteFields({field.path: field for field in FIELDS}, CONVENTIONS)}


def answer(
    document: str,
    prediction: Mapping[str, Any] | None,
    reference: Mapping[str, Any] | None,
    model: str = "m",
    confidences: Mapping[str, float] | None = None,
    **other: Any,
) -> Record:
    """A record as a run makes it of a prediction and a reference."""
    score = score_values(prediction, reference, FIELDS, CONVENTIONS, confidences=confidences)
    values = {
        "model": model,
        "model_id": f"{model}-1b",
        "prediction": prediction,
        "fields": score.fields,
        "scores": score.scores,
        "checks": check_consistency(prediction, FIELDS, CONVENTIONS),
    }
    return record(document, {}, **{**values, **other})
