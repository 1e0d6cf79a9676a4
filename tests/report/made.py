"""A small run to show: two suites' worth of trouble in one, hostile names and replies included."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from tests.case_records import failed, record
from vlm_lab.analysis.evidence import collect_evidence
from vlm_lab.analysis.statistics import summarize_records
from vlm_lab.messages import Message
from vlm_lab.records.report_json import write_report
from vlm_lab.types import (
    CandidateKey,
    Comparison,
    Conventions,
    Decision,
    Estimate,
    Field,
    LabelError,
    Model,
    Record,
    Report,
)

HOSTILE = (
    "<script>document.title='owned'</script></textarea><img src=x onerror=alert(1)>"
    "\"'`\x1b[31m\u202egnp.exe"
)
DOCUMENTS = ("one", "two", "three", "four")
FIELDS = ("invoice_number", "totals.gross", "line_items[].amount")
CANDIDATES = (("sharp", "default"), ("sharp", "terse"), ("blunt", "default"))
PROMPT = "Answer as JSON </textarea></script> {}"

WHY = (Message("agreed", {"n": 2, "value": "'1.00'"}),)


def write_run(folder: Path) -> Path:
    """report.json of it in `folder`, pages beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, document in enumerate(DOCUMENTS):
        Image.new("RGB", (210, 297), (250, 250, 200 + number)).save(folder / f"{document}.png")
    models = [
        Model(name="sharp", model_id="x", prompts=("default", "terse")),
        Model(name="blunt", model_id="y"),
    ]
    planned = {
        CandidateKey("invoices", model, prompt): list(DOCUMENTS) for model, prompt in CANDIDATES
    }
    rows = records()
    difference = Estimate(0.125, 0.05, 0.2, 4)
    compared = Comparison(
        suite="invoices",
        first=CANDIDATES[0],
        second=CANDIDATES[2],
        score="field_f1",
        difference=difference,
        p_value=0.01,
        p_adjusted=0.02,
    )
    evidence = collect_evidence(rows)
    suspect = LabelError(
        "invoices", "two", "totals.gross", "1<00", {"sharp (default)": HOSTILE}, WHY
    )
    report = Report(
        **plan(folder),
        models=models,
        machines=evidence.machines,
        calibrations=list(evidence.calibrations.values()),
        summaries=summarize_records(rows, models, planned),
        comparisons=[compared],
        decisions=decisions(),
        suspects=[suspect],
    )
    write_report(folder / "report.json", report, rows)
    return folder


def plan(folder: Path) -> dict[str, Any]:
    """What report.json says before its records."""
    suite = {
        "name": "invoices",
        "schema_sha256": "0",
        "fields": [Field(path) for path in FIELDS],
        "empty": "unlabelled",
        "verified": False,
        "conventions": Conventions(),
        "pages": {"max": 4, "dpi": 150},
    }
    return {
        "run": {
            "id": "20260102T030405Z",
            "started": "2026-01-02T03:04:05+00:00",
            "command": ["benchmarks", HOSTILE],
            "options": {"max_pages": None},
            "dry_run": False,
            "partial": [],
        },
        "environment": {
            "python": "3.11",
            "device": "cpu",
            "cpu": "a <b>",
            "packages": {"numpy": "2"},
            "commit": None,
        },
        "suites": [suite],
        "prompts": [{"suite": "invoices", "id": "default", "template": PROMPT, "sha256": "0"}],
        "documents": [
            {
                "suite": "invoices",
                "id": document,
                "name": f"{document} {HOSTILE}.png",
                "path": str(folder / f"{document}.png"),
                "tags": {"language": "ru" if number % 2 else "de"},
                "reference": True,
            }
            for number, document in enumerate(DOCUMENTS)
        ],
        "notes": [f"note {HOSTILE}"],
    }


def records() -> list[Record]:
    """Sharp is right but once, blunt is wrong, spurious or does not answer."""
    rows = []
    for place, (model, prompt) in enumerate(CANDIDATES):
        for number, document in enumerate(DOCUMENTS):
            outcomes = dict.fromkeys(FIELDS, "exact")
            if model == "blunt":
                outcomes = dict(zip(FIELDS, ("wrong", "missing", "spurious"), strict=True))
            elif number == 1:
                outcomes["totals.gross"] = "wrong"
            cells = {"line_items[].amount": [outcomes.pop("line_items[].amount")]}
            rest = {
                "model": model,
                "prompt_id": prompt,
                "tags": {"language": "ru" if number % 2 else "de"},
            }
            if model == "blunt" and number == 3:
                rows.append(failed(document, prompt=PROMPT, fields=(), **rest))
                continue
            answered = record(
                document,
                outcomes,
                cells,
                elapsed_seconds=1.0 + place + number / 10,
                prompt=PROMPT,
                raw_response=f"{model} {HOSTILE}",
                **rest,
            )
            results = tuple(
                replace(
                    result,
                    actual=None if result.outcome == "missing" else HOSTILE,
                    confidence=0.5 + number / 10,
                    expected=HOSTILE if result.outcome == "exact" else "expected",
                )
                for result in answered.fields
            )
            rows.append(replace(answered, fields=results))
    return rows


def decisions() -> list[Decision]:
    """One of each word."""
    words = (
        ("sharp", "chosen", ()),
        ("blunt", "rejected", (Message("chance", {"what": f"against {HOSTILE}"}),)),
    )
    evidence = (Message("limit", {"name": "field_f1", "value": 1.0, "rule": 0.95}),)
    return [
        Decision(
            suite="invoices",
            model=model,
            prompt_id="default",
            verdict=verdict,
            reasons={"evidence": evidence, "against": against},
        )  # type: ignore[arg-type]
        for model, verdict, against in words
    ]
