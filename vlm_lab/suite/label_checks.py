"""label_checks.json in a suite's folder: of each document that was labelled, which of the values
that candidates agreed on the person kept, and which were changed.

A page that is prefilled leads the eye: what is wrong there is kept more often than it is typed by
somebody who sees the page alone. Documents that were labelled blind have the same comparison, with
values that nobody was shown. The file names fields and quotes no values of documents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vlm_lab.commands import format_command
from vlm_lab.suite.typed_entries import read_typed_entries, write_typed_entries

LABEL_CHECKS_FILE = "label_checks.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCheck:
    """A document that was labelled, by its id. `kept` and `changed` are the places of the values
    that candidates of `run` agreed on; they were shown unless it was labelled `blind`.
    `reference_sha256` is of the file that was written."""

    document: str
    blind: bool
    kept: tuple[str, ...]
    changed: tuple[str, ...]
    reference_sha256: str
    run: str = ""
    labelled_by: str = ""
    labelled_at: str = ""


def read_label_checks(suite_folder: Path) -> tuple[LabelCheck, ...]:
    """One for each document; none where there is no file. UserError where it cannot be used."""
    way_out = (
        f"the file is written by {format_command('label', 'RUN')}: take it from a backup, or delete"
        " it, and the bias of prefilling is not measured"
    )
    return read_typed_entries(suite_folder / LABEL_CHECKS_FILE, LabelCheck, way_out)


def write_label_check(suite_folder: Path, check: LabelCheck) -> None:
    """Adds one, in the place of an earlier one about its document."""
    others = [each for each in read_label_checks(suite_folder) if each.document != check.document]
    write_label_checks(suite_folder, [*others, check])


def write_label_checks(suite_folder: Path, checks: Sequence[LabelCheck]) -> None:
    """Writes the file whole, for its user alone. UserError where that cannot be."""
    write_typed_entries(suite_folder / LABEL_CHECKS_FILE, checks)
