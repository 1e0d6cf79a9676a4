"""Proposed references -> files, where none is; the tag of their documents; what was done."""

from collections.abc import Iterator
from pathlib import Path

from vlm_lab.sanitize import terminal_safe
from vlm_lab.scaffold.e_invoice.references import EInvoiceReferences
from vlm_lab.scaffold.e_invoice.tags import TAG, write_tags
from vlm_lab.scaffold.new_files import write_new_file
from vlm_lab.suite.private_files import make_references_folder
from vlm_lab.types import Suite

NO_MODEL_NEEDED = (
    "pages of e-invoices are drawn by a program, cleaner than scans, and their XML needs no model:"
    f" choose one by documents without the tag {TAG}, once these have references, too"
)


def write_references(suite: Suite, proposed: EInvoiceReferences, is_new: bool) -> Iterator[str]:
    """Writes what is not there; a sentence for each thing that was done or is to be done."""
    if proposed.file_texts:
        make_references_folder(suite.references)
    for path, text in proposed.file_texts.items():
        write_new_file(path, text, is_private=True)
    if proposed.file_texts:
        yield f"wrote {len(proposed.file_texts)} references in {_format_path(suite.references)}"
    yield from write_tags(suite, proposed.e_invoice_names)
    if not is_new and "file" not in suite.tags:
        yield f"{_format_path(suite.folder / 'suite.yaml')}: add `tags: {{file: tags.csv}}`"
    if proposed.file_texts and suite.verified:
        yield (
            f"{_format_path(suite.folder / 'suite.yaml')}: `verified: true` says of these "
            "references, too, that a person has checked them; name the others in verified.txt"
        )
    yield NO_MODEL_NEEDED


def _format_path(path: Path) -> str:
    return terminal_safe(str(path))
