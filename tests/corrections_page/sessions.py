"""A sitting over a tiny suite: two documents with references, one without, three candidates."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from tests.case_records import failed, record
from tests.suites import REFERENCE, SCHEMA, write_suite
from vlm_lab.analysis.label_errors import find_label_errors
from vlm_lab.corrections_page import PageServer, render_page
from vlm_lab.corrections_page.documents import collect_documents
from vlm_lab.corrections_page.page import RenderedPage
from vlm_lab.corrections_page.server import PageSession
from vlm_lab.corrections_page.session import CorrectionsSession
from vlm_lab.messages import ENGLISH
from vlm_lab.scoring import score_values
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.types import Document, Record

HOSTILE = "<img src=x onerror=alert(1)>\u202e$&"
ROWS = {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}}
REFERENCES = {
    "a": {**REFERENCE, "rows": [{"name": "Desk"}, {"name": "Lamp"}]},
    "b": {**REFERENCE, "invoice_number": "B-18"},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "qwen": {"a": {"invoice_number": "A-17", "totals": {"gross": "120.00"}, "rows": []}},
    "phi": {
        "a": {
            "invoice_number": "A-17",
            "totals": {"gross": "120,00"},
            "rows": [{"name": "Desk"}, {"name": "Lamps"}, {"name": "Chair"}, {"name": "Rug"}],
        },
        "c": {"invoice_number": "C-19"},
    },
    "llava": {"b": {"invoice_number": HOSTILE, "totals": {"gross": "119.00"}}},
}


def write_session_suite(folder: Path) -> Path:
    """The suite's folder."""
    write_suite(folder, REFERENCES, documents=(f"c {HOSTILE[:4]}",))
    schema = {**SCHEMA, "properties": {**SCHEMA["properties"], "rows": ROWS}}  # type: ignore[dict-item]
    (folder / "schema.json").write_text(json.dumps(schema))
    return folder


def answer_all(documents: tuple[Document, ...]) -> list[Record]:
    """A record for each document and candidate; who has no answer failed."""
    records = []
    for model, answers in ANSWERS.items():
        for document in documents:
            about = {"suite": document.suite.name, "model": model, "model_id": model}
            prediction = answers.get(document.id[0])
            if prediction is None:
                records.append(failed(document.id, **about))
                continue
            score = score_values(prediction, document.reference, document.suite.fields)
            answered = record(document.id, fields=score.fields, prediction=prediction, **about)
            records.append(answered)
    return records


def make_session(folder: Path) -> CorrectionsSession:
    """As `vlm-lab corrections RUN --serve` opens one."""
    suite = load_suite(write_session_suite(folder))
    documents, _ = load_documents(replace(suite, corrections=None))
    records = answer_all(documents)
    picture = folder.parent / f"{folder.name}.jpg"
    Image.new("RGB", (210, 297), (250, 250, 200)).save(picture)
    return CorrectionsSession(
        run="20260102T030405Z",
        suite=suite.name,
        file=folder / "corrections.json",
        documents=collect_documents(documents, records, find_label_errors(records, {})),
        list_pages=lambda reviewed: [picture] * 2,
        user="anna",
        catalogue=ENGLISH,
    )


@contextmanager
def serve(session: CorrectionsSession, language: str = "en") -> Iterator[PageServer]:
    """A server of the corrections page that answers until the end of the block."""
    with serve_page(session, render_page(session, language)) as server:
        yield server


@contextmanager
def serve_page(session: PageSession, page: RenderedPage) -> Iterator[PageServer]:
    """A server that answers until the end of the block."""
    with PageServer(session, page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
