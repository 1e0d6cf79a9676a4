"""What is said of e-invoices of which not all could be read: a sentence for each reason, with the
documents, the XML and the field.
"""

from collections.abc import Iterator, Mapping, Sequence

from vlm_lab.sanitize import terminal_safe
from vlm_lab.scaffold.e_invoice.reading import Reading
from vlm_lab.scaffold.e_invoice.suite_keys import choose_paths
from vlm_lab.scaffold.reading import format_first_names
from vlm_lab.types import Suite

MAX_LINES = 30  # sentences
CREDIT_NOTE = (
    "is a credit note: its amounts have the signs of the XML, and the page may print others; "
    "compare them"
)
Remark = tuple[str, str]  # a document, and what is said of it


def list_faults(readings: Mapping[str, Reading]) -> list[Remark]:
    """Why documents with an XML file have no e-invoice."""
    return [
        (name, f"{reading.source_name} {reading.fault}; no reference is taken from it")
        for name, reading in readings.items()
        if reading.fault
    ]


def list_notes(written: Mapping[str, Reading]) -> Iterator[Remark]:
    """What of e-invoices is not labelled, and what a person should look at."""
    for name, reading in written.items():
        if reading.invoice is None:
            continue
        if reading.invoice.is_credit_note:
            yield name, f"{reading.source_name} {CREDIT_NOTE}"
        for note in reading.invoice.notes:
            yield name, f"{reading.source_name}: {note}"


def format_lines(remarks: Sequence[Remark]) -> Iterator[str]:
    """A sentence for each thing that is said, with the documents of which it is."""
    names_by_text: dict[str, list[str]] = {}
    for name, text in remarks:
        names_by_text.setdefault(text, []).append(name)
    for text, names in list(names_by_text.items())[:MAX_LINES]:
        count = f" ({len(names)} documents)" if len(names) > 1 else ""
        yield f"{format_first_names(names)}{count}: {text}"
    hidden_count = len(names_by_text) - MAX_LINES
    if hidden_count > 0:
        yield f"and {hidden_count} more such sentences"


def format_unfilled(suite: Suite, written: Mapping[str, Reading]) -> Iterator[str]:
    """Which of the suite's fields no e-invoice fills."""
    filled_paths = set(choose_paths(suite.fields).values())
    unfilled = [field.path for field in suite.fields if field.path not in filled_paths]
    if written and unfilled:
        paths = format_first_names([*map(terminal_safe, unfilled)], 6)
        yield (
            f"{len(unfilled)} of {len(suite.fields)} fields of the suite are not labelled in these "
            f"references: an e-invoice has no such value, or their keys say something else: {paths}"
        )
