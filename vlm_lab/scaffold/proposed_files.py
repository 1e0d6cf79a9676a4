"""A proposed suite -> the texts of its files, each guess beside what it was guessed from."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_lab.fields.roles import split_key
from vlm_lab.sanitize import terminal_safe
from vlm_lab.scaffold import files
from vlm_lab.scaffold.matching import Matching
from vlm_lab.scaffold.reading import format_first_names
from vlm_lab.scaffold.type_guessing import FieldGuess
from vlm_lab.suite.corrections import CORRECTIONS_FILE
from vlm_lab.suite.private_files import FIELDS_FILE, GITIGNORE_FILE, render_gitignore
from vlm_lab.suite.tags import TAGS_FILE
from vlm_lab.types import Conventions, Suite

ISSUER_WORDS = (
    "seller",
    "supplier",
    "vendor",
    "merchant",
    "issuer",
    "поставщик",
    "продавец",
    "исполнитель",
    "lieferant",
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A suite that could be written: each file's text by its path, and what it was guessed from."""

    folder: Path
    file_texts: dict[Path, str]
    matching: Matching
    reference_count: int
    reading_notes: tuple[str, ...]
    joined_paths: tuple[str, ...]
    envelope_keys: tuple[str, ...]
    ignored_patterns: tuple[str, ...]
    guesses: tuple[FieldGuess, ...]
    empty_counts: Counter[str]
    field_map: dict[str, str]

    @property
    def test_path(self) -> Path:
        """The test file beside the suite's folder."""
        return self.folder.with_name(f"test_{self.folder.name}.py")


def build_file_texts(
    proposal: Proposal, suite: Suite, conventions: Conventions, schema: str
) -> Iterator[tuple[Path, str]]:
    """Each file's path and text."""
    yield (
        suite.folder / "suite.yaml",
        files.render_suite_yaml(_build_suite_rows(proposal, suite, conventions)),
    )
    yield suite.folder / "schema.json", schema
    yield suite.folder / "prompt.md", files.render_prompt_md(proposal.guesses)
    yield suite.folder / GITIGNORE_FILE, render_gitignore(CORRECTIONS_FILE)
    yield (
        suite.folder / FIELDS_FILE,
        files.render_fields_md(proposal.guesses, list(format_notes(proposal))),
    )
    yield proposal.test_path, files.TEST_TEXT


def _build_suite_rows(
    proposal: Proposal, suite: Suite, conventions: Conventions
) -> list[tuple[str, Any, str]]:
    rows: list[tuple[str, Any, str]] = [
        ("documents", _format_relative_path(suite.documents, suite.folder), ""),
        ("references", _format_relative_path(suite.references, suite.folder), ""),
        ("match", proposal.matching.rule, format_matching(proposal.matching)),
    ]
    if proposal.envelope_keys:
        rows.append(
            ("unwrap", ".".join(proposal.envelope_keys), "the envelope in which the fields sit")
        )
    rows.append(
        (
            "ignore",
            list(proposal.ignored_patterns),
            "the pipeline's own notes, no fields of the document",
        )
    )
    if proposal.field_map:
        rows.append(("map", proposal.field_map, "our field: where its value is in a reference"))
    rows.append(("empty", "unlabelled", format_empty_values(proposal.empty_counts)))
    rows.append(
        (
            "verified",
            False,
            "true when a person has checked all references; verified.txt names some",
        )
    )
    return [*rows, *files.build_conventions_rows(conventions), *_build_tag_rows(proposal)]


def _build_tag_rows(proposal: Proposal) -> list[tuple[str, Any, str]]:
    """By what figures are shown, and which documents are read alike."""
    rows: list[tuple[str, Any, str]] = []
    tags = _propose_tags(proposal)
    if tags:
        rows.append(("tags", tags, "figures are shown for each of their values, too"))
    if "supplier" in tags:
        rows.append(
            (
                "cluster",
                "supplier",
                "invoices of one supplier are read alike: what is shown is for suppliers, those to"
                " come as well; leave it out where no others will come",
            )
        )
    return rows


def format_matching(matching: Matching) -> str:
    """`matched 287 of 300 documents; 13 unmatched, for example a.pdf`"""
    total = len(matching.matched) + len(matching.unmatched)
    text = f"matched {len(matching.matched)} of {total} documents by {matching.description}"
    unmatched, unused = matching.unmatched, matching.unused_references
    if unmatched:
        text += f"; {len(unmatched)} unmatched, for example {format_first_names(unmatched)}"
    if unused:
        examples = format_first_names(unused)
        text += f"; {len(unused)} references without document, for example {examples}"
    return text


def format_empty_values(empty_counts: Counter[str]) -> str:
    """What empty values are taken for, and how many there are of each kind."""
    if not empty_counts:
        return "no empty values in the references: a missing key says nothing about the page"
    counts = ", ".join(f"{count} {empty_kind}" for empty_kind, count in empty_counts.most_common())
    return (
        f"{counts}: taken for 'not found', which is no proof that the page shows nothing; "
        "if it is, write absent"
    )


def format_notes(proposal: Proposal) -> Iterator[str]:
    """What was found, a line each."""
    yield format_matching(proposal.matching)
    yield from proposal.reading_notes
    if proposal.joined_paths:
        paths = format_first_names(proposal.joined_paths, 4)
        yield f"a value and its currency or remarks, in one object, are read as one value: {paths}"
    envelope = terminal_safe(".".join(proposal.envelope_keys)) or "none"
    ignored = format_first_names(proposal.ignored_patterns, 6) or "nothing"
    yield f"envelope: {envelope}; ignored: {ignored}"
    yield format_empty_values(proposal.empty_counts)


def _propose_tags(proposal: Proposal) -> dict[str, str]:
    """A tags.csv that is there, the folder where there are several, and the issuer where one comes
    twice."""
    table = {"file": TAGS_FILE} if (proposal.folder / TAGS_FILE).is_file() else {}
    names = (*proposal.matching.matched, *proposal.matching.unmatched)
    folders = {name.rpartition("/")[0] for name in names}
    tags = {**table, "folder": "parent"} if len(folders) > 1 else table
    for type_name in ("tax_id", "name"):
        for guess in proposal.guesses:
            if guess.field.type != type_name:
                continue
            if _is_issuer(guess) and _has_repeated_values(guess):
                return {**tags, "supplier": guess.column.path}
    return tags


def _has_repeated_values(guess: FieldGuess) -> bool:
    values = list(map(str, guess.column.values))
    return 2 * len(values) >= guess.column.slot_count and len(set(values)) < len(values)


def _is_issuer(guess: FieldGuess) -> bool:
    if guess.column.in_rows:
        return False
    return any(word in split_key(guess.column.path) for word in ISSUER_WORDS)


def _format_relative_path(path: Path, folder: Path) -> str:
    """As suite.yaml writes it; absolute where there is no relative way (another drive)."""
    try:
        return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:
        return path.absolute().as_posix()
