"""corrections.json: what a person decided about references that models or arithmetic contradict.

A list of entries, one a doubtful value; `vlm-lab corrections RUN` writes them, a person fills in
`verdict`:

    {"document": "scheta-schet-17", "path": "Итого.Всего", "reference": "100,00",
     "said": {"qwen2-vl-2b": "110,00"}, "why": ["..."],
     "verdict": "reference_wrong", "right": "110,00",
     "decided_by": "anna", "decided_at": "2026-01-02T03:04:05+00:00"}

`reference_wrong` and `both` need `right`, the value on the page (null: the page shows none);
`model_wrong` keeps the reference and closes the question. An empty verdict is still open and
changes nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vlm_lab.commands import format_command
from vlm_lab.errors import UserError
from vlm_lab.fields.paths import MISSING, find_value, replace_value
from vlm_lab.files import MAX_DATA_BYTES, read_bounded_bytes
from vlm_lab.messages import Message, in_english
from vlm_lab.sanitize import quote_value, replace_surrogates, terminal_safe
from vlm_lab.suite.json_values import measure_depth
from vlm_lab.types import LabelError

CORRECTIONS_FILE = "corrections.json"
VERDICTS = ("", "reference_wrong", "model_wrong", "both")
CORRECTING_VERDICTS = ("reference_wrong", "both")
PLACEHOLDER = ""  # of `right`: no value can be empty text, null says that the page shows none


@dataclass(frozen=True, slots=True)
class Correction:
    """One entry of the file, as a person left it."""

    document: str
    path: str
    reference: Any
    verdict: str
    right: Any


@dataclass(slots=True)
class Corrections:
    """All entries, by document; `apply` remembers which were used."""

    by_document: Mapping[str, Sequence[Correction]] = field(default_factory=dict)
    used_keys: set[str] = field(default_factory=set)

    def apply(
        self, document_id: str, name: str, reference: dict[str, Any] | None
    ) -> tuple[dict[str, Any] | None, tuple[Message, ...]]:
        """The reference with this document's corrections in it, and a note on each. A reference
        that is no longer what the person saw is left as it is, and the note says so."""
        notes = []
        for key in dict.fromkeys((document_id, name)):
            for correction in self.by_document.get(key, ()):
                self.used_keys.add(key)
                if correction.verdict in CORRECTING_VERDICTS:
                    location = f"{CORRECTIONS_FILE}: {document_id} {terminal_safe(correction.path)}"
                    reference, message_id, message_args = _apply_correction(correction, reference)
                    notes.append(Message(message_id, {"place": location, **message_args}))
        return reference, tuple(notes)

    def find_decided(
        self, document_id: str, name: str, reference: dict[str, Any] | None
    ) -> frozenset[str]:
        """The paths of a document's values that a person has decided about, where the reference, as
        it is with the corrections in it, is what was decided."""
        return frozenset(
            correction.path
            for key in dict.fromkeys((document_id, name))
            for correction in self.by_document.get(key, ())
            if reference is not None and _is_decided(correction, reference)
        )

    def find_unused(self) -> Iterator[Message]:
        """A note on each document that is named and not there."""
        for key in self.by_document:
            if key not in self.used_keys:
                yield Message(
                    "unused_correction", {"file": CORRECTIONS_FILE, "name": terminal_safe(key)}
                )


def read_corrections(path: Path) -> Corrections:
    """Reads the file. UserError names the entry that cannot be used."""
    by_document: dict[str, list[Correction]] = {}
    for number, entry in enumerate(read_entries(path), 1):
        correction = parse_entry(f"{path}: entry {number}", entry)
        by_document.setdefault(correction.document, []).append(correction)
    return Corrections(by_document)


def read_entries(path: Path) -> list[dict[str, Any]]:
    """The entries as they stand in the file."""
    try:
        return parse_entries(path, read_bounded_bytes(path, MAX_DATA_BYTES))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def parse_entries(path: Path, content: bytes) -> list[dict[str, Any]]:
    """The entries in what was read from a file. UserError where it is no list of objects."""
    try:
        entries = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: is not readable JSON ({error})") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(
            f"{path}: must be a list of objects, as {format_command('corrections', 'last')} "
            "writes it"
        )
    return entries


def merge_entries(
    suspects: Iterable[LabelError], existing_entries: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Existing entries as they are, then one to fill in for each suspect that has none yet."""
    existing_keys = {(entry.get("document"), entry.get("path")) for entry in existing_entries}
    new_suspects = [
        suspect for suspect in suspects if (suspect.document, suspect.path) not in existing_keys
    ]
    return [*map(dict, existing_entries), *map(make_open_entry, new_suspects)]


def make_open_entry(suspect: LabelError) -> dict[str, Any]:
    """An entry to fill in."""
    return {
        "document": suspect.document,
        "path": suspect.path,
        "reference": suspect.reference,
        "said": dict(suspect.said),
        "why": [in_english(reason) for reason in suspect.reasons],
        "verdict": "",
        "right": PLACEHOLDER,
    }


def parse_entry(location: str, entry: Mapping[str, Any]) -> Correction:
    """One entry, checked. UserError at `location` where it cannot be used."""
    document, path, verdict = (entry.get(key, "") for key in ("document", "path", "verdict"))
    are_texts = isinstance(document, str) and isinstance(path, str)
    if not are_texts or not document or not path:
        raise UserError(f"{location}: must name a `document` and a `path`")
    if verdict not in VERDICTS:
        raise UserError(
            f"{location}: verdict must be one of {', '.join(VERDICTS[1:])}, or empty "
            f"(got {quote_value(verdict)})"
        )
    right = entry.get("right", PLACEHOLDER)
    if measure_depth(right) > 1:
        raise UserError(f"{location}: `right` must be a value, or a list of values")
    right = replace_surrogates(right)
    if verdict in CORRECTING_VERDICTS and (right == PLACEHOLDER or isinstance(right, dict)):
        raise UserError(
            f"{location}: {verdict} needs `right`, the value on the page "
            "(null where the page shows none)"
        )
    return Correction(document, path, entry.get("reference"), verdict, right)


def _apply_correction(
    correction: Correction, reference: dict[str, Any] | None
) -> tuple[dict[str, Any] | None, str, dict[str, Any]]:
    """What the reference is now, and the id and arguments of the note on it."""
    if reference is None:
        return None, "none_to_correct", {}
    path = correction.path.removesuffix("[]")
    current_value = find_value(reference, path)
    current_value = None if current_value is MISSING else current_value
    current_text = _format_value(current_value)
    corrected_text = _format_value(correction.right)
    if _are_printed_alike(current_value, correction.right):
        return reference, "correct_already", {"now": corrected_text}
    if not _are_printed_alike(current_value, correction.reference):
        seen_text = _format_value(correction.reference)
        return reference, "changed_since", {"now": current_text, "then": seen_text}
    corrected_reference = replace_value(reference, path, correction.right)
    if corrected_reference is MISSING:
        return reference, "no_row", {}
    return corrected_reference, "corrected", {"then": current_text, "now": corrected_text}


def _is_decided(correction: Correction, reference: Mapping[str, Any]) -> bool:
    if not correction.verdict:
        return False
    is_correcting = correction.verdict in CORRECTING_VERDICTS
    decided_value = correction.right if is_correcting else correction.reference
    current_value = find_value(reference, correction.path.removesuffix("[]"))
    return _are_printed_alike(None if current_value is MISSING else current_value, decided_value)


def _are_printed_alike(left: Any, right: Any) -> bool:
    """Whether two values are printed alike: identifiers that came as numbers are text by now."""
    return left is right or str(left) == str(right)


def _format_value(value: Any) -> Message | str:
    return Message("nothing") if value is None else terminal_safe(repr(value))
