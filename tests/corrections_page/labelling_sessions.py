"""A sitting of labelling over made documents: two candidates that agree on most, one drawn
blind."""

import json
from pathlib import Path
from typing import Any

from PIL import Image

from tests.case_records import record
from tests.corrections_page.sessions import ROWS
from tests.suites import SCHEMA, write_suite
from vlm_lab.analysis.label_batches import collect_consensus
from vlm_lab.corrections_page.labelling.session import LabelledDocument, LabellingSession
from vlm_lab.messages import ENGLISH
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.types import Record

BLIND = "d4"
NAMES = tuple(f"d{number}" for number in range(10))


def answer(name: str) -> dict[str, Any]:
    """What `qwen` says, which is on the page."""
    rows = [{"name": "Desk"}, {"name": f"Lamp {name}"}] if name == "d1" else []
    return {"invoice_number": f"A-{name}", "totals": {"gross": "119.00"}, "rows": rows}


def write_unlabelled_suite(folder: Path, names: tuple[str, ...] = NAMES) -> Path:
    """The suite's folder, in which no document has a reference."""
    write_suite(folder, {}, documents=names)
    schema = {**SCHEMA, "properties": {**SCHEMA["properties"], "rows": ROWS}}  # type: ignore[dict-item]
    (folder / "schema.json").write_text(json.dumps(schema))
    return folder


def answer_all(suite: str, names: tuple[str, ...] = NAMES) -> list[Record]:
    """`phi` reads the numbers of d2 and d3 otherwise, and has no total of d2."""
    records = []
    for name in names:
        other = answer(name)
        if name in ("d2", "d3"):
            other["invoice_number"] = "B-1"
        if name == "d2":
            other["totals"] = {}
        for model, prediction in (("qwen", answer(name)), ("phi", other)):
            about = {"suite": suite, "model": model, "model_id": model}
            records.append(record(name, prediction=prediction, **about))
    return records


def make_labelling_session(folder: Path) -> LabellingSession:
    """As `vlm-lab label RUN --serve` opens one."""
    if not (folder / "suite.yaml").exists():
        write_unlabelled_suite(folder)
    suite = load_suite(folder)
    documents, _ = load_documents(suite)
    consensus = collect_consensus(answer_all(suite.name), suite)
    picture = folder.parent / f"{folder.name}.jpg"
    Image.new("RGB", (210, 297), (250, 250, 200)).save(picture)
    return LabellingSession(
        run="20260102T030405Z",
        suite=suite,
        documents={
            document.id: LabelledDocument(
                document, document.id == BLIND, consensus[document.id], {}
            )
            for document in documents
        },
        list_pages=lambda document: [picture] * 2,
        user="anna",
        catalogue=ENGLISH,
    )
