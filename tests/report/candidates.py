"""Records of few documents -> what a report says of their candidates."""

from typing import Any

from tests.case_records import record
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
