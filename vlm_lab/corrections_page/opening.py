"""A run on the disk and one of its suites -> a session."""

import getpass
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vlm_lab.corrections_page.documents import collect_documents
from vlm_lab.corrections_page.session import CorrectionsSession, ListPages
from vlm_lab.records.report_json import read_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.report.images.pages import render_page_images
from vlm_lab.report.translation import load_catalogue
from vlm_lab.suite import load_documents
from vlm_lab.types import Document, LabelError, Report, Suite


def open_session(
    run: Path, suite: Suite, file: Path, doubts: Sequence[LabelError], language: str
) -> CorrectionsSession:
    """Reads the suite's documents, with the references as their files have them, and what the run
    says of them."""
    documents, _ = load_documents(replace(suite, corrections=None))
    records = (record for record in read_records(run) if record.suite == suite.name)
    return CorrectionsSession(
        run=run.name,
        suite=suite.name,
        file=file,
        documents=collect_documents(documents, records, doubts),
        list_pages=make_page_lister(read_report(run), run),
        user=find_user_name(),
        catalogue=load_catalogue(language),
    )


def make_page_lister(report: Report, run: Path) -> ListPages:
    """Page images as the report has them; a document that it has none of is drawn at need."""
    described = {(document["suite"], document["id"]): document for document in report.documents}
    lock = threading.Lock()  # two requests must not draw one page at once

    def list_pages(document: Document) -> list[Path]:
        key = document.suite.name, document.id
        if key not in described:
            return []
        with lock:
            images = render_page_images(replace(report, documents=[described[key]]), run)
        return [run / address for address in images[key]]

    return list_pages


def find_user_name() -> str:
    """Whom decisions are put down to at first; "" where nobody knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user has no name
        return ""
