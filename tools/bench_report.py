"""What a large report costs: 10 models x 500 documents x 20 fields of made-up records, written as a
run writes them.

    python tools/bench_report.py [FOLDER]

Prints seconds and memory of every form, each in a process of its own; sizes; and how soon the page
can be used in Chromium.
"""

import json
import multiprocessing
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from vlm_lab.analysis.evidence import collect_evidence
from vlm_lab.analysis.statistics import summarize_records
from vlm_lab.records.report_json import write_report
from vlm_lab.report.formats import FORMATS, write_format
from vlm_lab.report.images.pages import REPORT_FILES
from vlm_lab.scoring.counts import compute_scores
from vlm_lab.types import CandidateKey, FieldResult, Model, Outcome, Record, Report

MODELS, DOCUMENTS = 10, 500
HEADS = [f"part_{number // 4}.field_{number}" for number in range(12)]
COLUMNS = ("description", "quantity", "price", "amount")
CELLS = [(f"line_items[{row}]", name) for row in range(2) for name in COLUMNS]
CHROMIUM = "/usr/bin/chromium"


def main(folder: Path) -> None:
    """Writes the run, then the report in every form, and prints what it took."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [page_of(folder / f"page-{number}.png", number) for number in range(DOCUMENTS)]
    models = [Model(name=f"model-{number}", model_id="x") for number in range(MODELS)]
    planned = {
        CandidateKey("invoices", model.name, "default"): [document_id(n) for n in range(DOCUMENTS)]
        for model in models
    }
    evidence = collect_evidence(records())
    report = Report(
        **plan(paths),
        models=models,
        summaries=summarize_records(records(), models, planned),
        calibrations=tuple(evidence.calibrations.values()),
        machines=evidence.machines,
    )
    write_report(folder / "report.json", report, records())
    print(f"report.json: {(folder / 'report.json').stat().st_size / 1e6:.0f} MB")
    print(f"{'':46}{'seconds':>8}{'CPU s':>7}{'peak MB':>9}")
    for names, afresh in ((tuple(FORMATS), True), *(((name,), False) for name in FORMATS)):
        if afresh:
            shutil.rmtree(folder / REPORT_FILES, ignore_errors=True)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, busy, peak = pool.apply(cost, (folder, names))
        told = f"{', '.join(names)}{', page images drawn' if afresh else ''}"
        print(f"{told:46} {seconds:7.1f}{busy:7.1f}{peak:9.0f}")
    page = folder / "report.html"
    print(f"report.html: {page.stat().st_size / 1e6:.1f} MB")
    if Path(CHROMIUM).exists():
        opened(page)


def cost(folder: Path, names: Sequence[str]) -> tuple[float, float, float]:
    """Seconds, those of all processors together, and the most megabytes that this process ever
    had."""
    started, busy = time.perf_counter(), time.process_time()
    for name in names:
        write_format(name, folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return time.perf_counter() - started, time.process_time() - busy, peak


def opened(page: Path) -> None:
    """Seconds until the first screen stands, and until a document is shown."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page()
        for what, fragment, shown in (
            ("first screen", "", "#summary h3"),
            ("a document", "#doc=", ".fields tbody tr"),
        ):
            started = time.perf_counter()
            tab.goto("about:blank")
            tab.goto(page.as_uri() + fragment)
            tab.wait_for_selector(shown)
            print(f"{what} in Chromium: {time.perf_counter() - started:.2f} s")
        for what, value in (("errors only", "errors"),):
            started = time.perf_counter()
            tab.select_option("#filter-outcome", value)
            tab.wait_for_url("**outcome=errors*")
            tab.wait_for_selector(".fields tbody tr")
            print(f"{what}: {time.perf_counter() - started:.2f} s")
        browser.close()


def page_of(path: Path, number: int) -> Path:
    """A page of A4 at 150 dpi with some lines of text."""
    if not path.exists():
        page = Image.new("RGB", (1240, 1754), "white")
        pen = ImageDraw.Draw(page)
        for line in range(60):
            pen.text(
                (100, 80 + 27 * line),
                f"Invoice {number} line {line} " + "lorem ipsum dolor " * 5,
                "black",
            )
        page.save(path, compress_level=1)
    return path


def document_id(number: int) -> str:
    """As a suite would name it."""
    return f"2024-{number % 12 + 1:02}-invoice-{number:04}"


def plan(paths: list[Path]) -> dict[str, Any]:
    """What report.json says before its records."""
    suite = {
        "name": "invoices",
        "verified": True,
        "pages": {"max": 4, "dpi": 150},
        "conventions": {"date_order": "dmy", "languages": ["en"]},
        "schema_sha256": "",
    }
    return {
        "run": {"id": "bench", "started": "2026-01-02T03:04:05+00:00", "command": [], "options": {},
                "dry_run": False},
        "environment": {"python": "3", "packages": {}},
        "suites": [suite],
        "prompts": [{"suite": "invoices", "id": "default", "template": "", "sha256": ""}],
        "documents": [
            {"suite": "invoices", "id": document_id(n), "name": f"{document_id(n)}.pdf",
             "path": str(path), "tags": {"supplier": f"S{n % 40}"}, "reference": True}
            for n, path in enumerate(paths)
        ],
        "notes": [],
    }  # fmt: skip


def records() -> Iterator[Record]:
    """Seeded: the same at each call."""
    for model in range(MODELS):
        dice = random.Random(model)  # noqa: S311
        for number in range(DOCUMENTS):
            yield record(f"model-{model}", document_id(number), dice, 0.02 + model / 40)


def record(model: str, document: str, dice: random.Random, error_rate: float) -> Record:
    """One answered case."""
    places: list[dict[str, Any]] = [{"path": path, "field": path} for path in HEADS]
    places += [
        {"path": f"{row}.{name}", "field": f"line_items[].{name}", "in_row": True, "rows": (row,)}
        for row, name in CELLS
    ]
    fields = tuple(result(place, document, dice, error_rate) for place in places)
    counts: list[dict[str, int]] = [{}, {}]
    for each in fields:
        counts[each.in_row][each.outcome] = counts[each.in_row].get(each.outcome, 0) + 1
    rows = {"rows_right": 1, "rows_expected": 2, "rows_predicted": 2}
    return Record(
        case=f"{model}-default-{document}",
        suite="invoices",
        document=document,
        document_name=document,
        model=model,
        model_id="x",
        revision="main",
        prompt_id="default",
        prompt="Return the invoice as JSON. " * 60,
        status="ok",
        raw_response=json.dumps([each.actual for each in fields]) + " " * 1500,
        elapsed_seconds=dice.lognormvariate(0.5, 0.4),
        fields=fields,
        scores=compute_scores(*counts, rows),
        environment={"device": "cpu"},
    )


def result(
    place: Mapping[str, Any], document: str, dice: random.Random, error_rate: float
) -> FieldResult:
    """One field, wrong as often as the model is."""
    expected = f"{place['path'][-6:]} of {document}"
    outcome: Outcome = "exact"
    if dice.random() < error_rate:
        outcome = "wrong"
    elif dice.random() < error_rate / 2:
        outcome = "missing"
    actual = {"wrong": expected[::-1], "missing": None, "exact": expected}[outcome]
    return FieldResult(
        **place,
        type="text",
        expected=expected,
        actual=actual,
        outcome=outcome,
        confidence=dice.random(),
        kind="one character misread" if outcome == "wrong" else None,
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(Path(folder))
