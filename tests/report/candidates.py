"""Records of few documents -> what a report says of their candidates."""

from typing import Any

from tests.case_records import failed, record
from vlm_lab.analysis.statistics import summarize_records
from vlm_lab.messages import Message
from vlm_lab.types import CandidateKey, Decision, Model, Record, Report, Summary

MODELS = (
    Model(name="perfect", model_id="x"),
    Model(name="cheap", model_id="x"),
    Model(name="today", model_id="x", backend="replay", incumbent=True),
)


def answer(document: str, outcome: str, model: str = "perfect") -> Record:
    return record(document, {"number": "exact", "totals.gross": outcome}, model=model)


def summarize(rows: list[Record]) -> list[Summary]:
    planned: dict[CandidateKey, list[str]] = {}
    for row in rows:
        planned.setdefault(row.candidate, []).append(row.document)
    return summarize_records(rows, MODELS, planned)


def make_report(summaries: list[Summary], **other: Any) -> Report:
    values: dict[str, Any] = {
        "run": {"id": "20260102T030405Z", "dry_run": False, "partial": []},
        "suites": [{"name": "invoices", "verified": False}],
        "models": MODELS,
        "prompts": [],
        "summaries": summaries,
    }
    return Report(**{**values, **other})


def decide(model: str, verdict: Any, *against: Message, **other: Any) -> Decision:
    reasons: Any = {"evidence": (Message("none_met"),), "against": against}
    values: dict[str, Any] = {"suite": "invoices", "model": model, "prompt_id": "default"}
    return Decision(**{**values, "verdict": verdict, "reasons": reasons, **other})


def summarize_statuses(*statuses: str) -> list[Summary]:
    """One candidate of two documents for each status."""
    rows = []
    for number, status in enumerate(statuses):
        model = f"m{number}"
        rows += [
            record(name, {"a": "exact"}, model=model)
            if status == "ok"
            else failed(name, status, f"{model}: no weights", model=model)
            for name in ("one", "two")
        ]
    names = [f"m{number}" for number in range(len(statuses))]
    planned = {CandidateKey("invoices", name, "default"): ["one", "two"] for name in names}
    return summarize_records(rows, [Model(name=name, model_id="x") for name in names], planned)
