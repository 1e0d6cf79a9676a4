"""A run on the disk, one of its suites, and the documents that were drawn -> a session."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vlm_lab.analysis.consensus import Consensus
from vlm_lab.corrections_page.labelling.session import LabelledDocument, LabellingSession
from vlm_lab.corrections_page.opening import find_user_name, make_page_lister
from vlm_lab.messages import translate_message
from vlm_lab.records.report_json import read_report
from vlm_lab.report.translation import load_catalogue
from vlm_lab.suite.label_draws import LabelDraw
from vlm_lab.types import ANSWERED, Document, Record, Suite


def open_labelling_session(
    run: Path,
    suite: Suite,
    documents: Iterable[Document],
    draws: Sequence[LabelDraw],
    consensus: Mapping[str, Consensus],
    records: Iterable[Record],
    language: str,
) -> LabellingSession:
    """A sitting over the documents that wait for their labels, in the order of the draws."""
    catalogue = load_catalogue(language)
    documents_by_id = {document.id: document for document in documents}
    labelled = {
        draw.document: LabelledDocument(
            documents_by_id[draw.document],
            draw.blind,
            consensus.get(draw.document, Consensus()),
        )
        for draw in draws
    }
    for record in records:
        if record.document in labelled and record.status not in ANSWERED:
            reason = translate_message(record.failure_reason, catalogue)
            status = catalogue.gettext(record.status)
            failures = dict(labelled[record.document].failures)
            failures[record.candidate.label] = f"{status}: {reason}"
            labelled[record.document].failures = failures
    return LabellingSession(
        run=run.name,
        suite=suite,
        documents=labelled,
        list_pages=make_page_lister(read_report(run), run),
        user=find_user_name(),
        catalogue=catalogue,
    )
