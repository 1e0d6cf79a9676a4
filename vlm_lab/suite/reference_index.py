"""Which file, or which entry of a label file for many documents, is a document's reference.

A document's own file is named after it by the suite's `match`; names are compared in composed form,
since macOS and zip files write ё as two characters, and without regard to upper and lower case
where only that differs. Label files are opened where a document has no file of its own.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Formatter
from urllib.parse import unquote

from vlm_lab.fields.schema import flatten_json
from vlm_lab.suite.label_files import (
    DOCUMENT_SUFFIX,
    LABEL_SUFFIXES,
    LabelEntry,
    collect_entries,
)
from vlm_lab.suite.reference_files import Notes, read_values
from vlm_lab.types import Suite

OWN_FILE_SUFFIX = ".json"
MAX_RULE_LENGTH = 1000  # characters of `match`
# What Label Studio puts before the names of uploaded files.
UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")


@dataclass(frozen=True, slots=True, eq=False)
class FoundReference:
    """A document's own file, or its entries in a label file."""

    path: Path
    name: str
    entries: tuple[LabelEntry, ...] = ()
    notes: Notes = ()


@dataclass(frozen=True, slots=True, eq=False)
class LabelList:
    """One map or list of a label file, with an entry for each document."""

    path: Path
    name: str
    entries: Sequence[LabelEntry]
    notes: Notes


class ReferenceFolder:
    """All files of a folder of references, or the one file; label files are read at first need."""

    def __init__(self, root: Path) -> None:
        base = root.parent if root.is_file() else root
        paths = [root] if root.is_file() else sorted(root.rglob("*"))
        self.paths: dict[str, Path] = {}
        for path in paths:
            if path.suffix.lower() in LABEL_SUFFIXES and path.is_file():
                self.paths[normalize_unicode(path.relative_to(base).as_posix())] = path

    @cached_property
    def label_lists(self) -> list[LabelList]:
        """Of all files; what cannot be read has none."""
        return [
            label_list
            for name, path in self.paths.items()
            for label_list in _read_lists(name, path)
        ]

    @cached_property
    def labels_by_stem(self) -> dict[str, list[tuple[LabelList, LabelEntry]]]:
        """Where documents are spoken of, by their names without folder and suffix."""
        labels: dict[str, list[tuple[LabelList, LabelEntry]]] = {}
        for label_list in self.label_lists:
            for entry in label_list.entries:
                for stem in _spell_stems(entry.document):
                    labels.setdefault(stem, []).append((label_list, entry))
        return labels


class ReferenceIndex:
    """Finds references under the suite's rule, and remembers which were used."""

    def __init__(self, suite: Suite, folder: ReferenceFolder | None = None) -> None:
        self.match = suite.match
        self._field_keys = _list_field_keys(suite)
        self.folder = folder or ReferenceFolder(suite.references)
        self.used_paths: set[Path] = set()
        self.used_lists: dict[LabelList, None] = {}
        self._used_entries: set[LabelEntry] = set()
        self._paths_by_spelling: dict[str, list[Path]] = {}
        self.own_paths = {
            name: path
            for name, path in self.folder.paths.items()
            if path.suffix.lower() == OWN_FILE_SUFFIX
        }
        for name, path in self.own_paths.items():
            for spelling in {name, name.rpartition("/")[2]}:
                for written in {spelling, spelling.casefold()}:
                    self._paths_by_spelling.setdefault(written, []).append(path)

    def find(self, document: str) -> FoundReference | None:
        """A document's own file, else what label files have about it."""
        return self.find_own_file(document) or self.find_label(document)

    def find_own_file(self, document: str) -> FoundReference | None:
        """The file at the document's own relative path, else the only one of that name; in other
        cases of letters only where there is none in these."""
        folder, _, name = normalize_unicode(document).rpartition("/")
        reference_name = fill_match(self.match, name)
        own_path = f"{folder}/{reference_name}" if folder else reference_name
        path = self.own_paths.get(own_path) or self.own_paths.get(reference_name)
        for written in (reference_name, own_path.casefold(), reference_name.casefold()):
            namesakes = self._paths_by_spelling.get(written, [])
            if path is None and len(namesakes) == 1:
                path = namesakes[0]
        if path is None:
            return None
        self.used_paths.add(path)
        return FoundReference(path, path.name)

    def find_label(self, document: str) -> FoundReference | None:
        """The entries that name the document with most of its path; of several maps or lists the
        one that says most about it."""
        (stem, *_) = _spell_stems(document)
        labels = [
            (label_list, entry)
            for label_list, entry in self.folder.labels_by_stem.get(stem, [])
            if self._has_fields(entry)
        ]
        if not labels:
            return None
        parts = _split_path(document)
        shared_counts = [_count_shared_parts(parts, entry.document) for _, entry in labels]
        nearest = [
            label
            for label, count in zip(labels, shared_counts, strict=True)
            if count == max(shared_counts)
        ]
        label_list, _ = max(nearest, key=lambda label: sum(1 for _ in flatten_json(label[1].data)))
        entries = tuple(entry for found_list, entry in nearest if found_list is label_list)
        self.used_paths.add(label_list.path)
        self.used_lists[label_list] = None
        self._used_entries.update(entries)
        name = f"{label_list.path.name} ({entries[0].document})"
        return FoundReference(label_list.path, name, entries, label_list.notes)

    def _has_fields(self, entry: LabelEntry) -> bool:
        """Whether an entry has a field of the suite, as a log that names documents has not. A
        folder's only file is what the user means, whatever it has."""
        if not self._field_keys or len(self.folder.paths) == 1:
            return True
        return any(path.endswith(self._field_keys) for path, _ in flatten_json(entry.data))

    def list_unused(self) -> list[str]:
        """Files that no document has, and entries of label files."""
        names = [name for name, path in self.own_paths.items() if path not in self.used_paths]
        for label_list in self.used_lists:
            for entry in label_list.entries:
                if entry not in self._used_entries:
                    names.append(f"{label_list.name} ({entry.document})")
        return names


def fill_match(rule: str, name: str) -> str:
    """The reference's name for a document's. ValueError for a rule with more in it than `{stem}`
    and `{name}`: a width (`{stem:>99999999}`) would fill the memory."""
    values = {"stem": name.rpartition(".")[0] or name, "name": name, None: ""}
    if len(rule) > MAX_RULE_LENGTH:
        raise ValueError(f"has {len(rule)} characters")
    parts = []
    for text, key, width, conversion in Formatter().parse(rule):
        if key not in values or width or conversion:
            raise ValueError(f"holds {{{key}}}")
        parts += [text, values[key]]
    return "".join(parts)


def normalize_unicode(name: str) -> str:
    """A name as most systems write it: й as one character."""
    return unicodedata.normalize("NFC", name)


def _list_field_keys(suite: Suite) -> tuple[str, ...]:
    """The last keys of the suite's fields, as references name them."""
    paths = suite.map.values() or [field.path for field in suite.fields]
    return tuple({re.split(r"[.\]]", path.removesuffix("[]"))[-1] for path in paths} - {""})


def _read_lists(name: str, path: Path) -> list[LabelList]:
    try:
        values, notes = read_values(path)
        return [LabelList(path, name, entries, notes) for entries in collect_entries(values)]
    except (OSError, ValueError, RecursionError):
        return []


def _split_path(name: str) -> list[str]:
    """The parts of a path or an address, in composed lower case: `C:\\\\scans\\\\D1.jpg?v=2` and
    `/data/local-files/?d=scans/d1.jpg` end with `scans`, `d1.jpg`."""
    _, separator, local_file = name.partition("?d=")
    path = local_file if separator else name
    suffix_match = DOCUMENT_SUFFIX.search(path)
    if suffix_match:
        path = path[: suffix_match.end()]
    return re.split(r"[/\\]", normalize_unicode(unquote(path)).casefold())


def _spell_stems(name: str) -> Iterator[str]:
    """The name without folder and suffix, and without what an upload put before it."""
    file_name = _split_path(name)[-1]
    stem = DOCUMENT_SUFFIX.sub("", file_name)
    yield stem
    without_prefix = UPLOAD_PREFIX.sub("", stem, count=1)
    if without_prefix != stem:
        yield without_prefix


def _count_shared_parts(parts: Sequence[str], name: str) -> int:
    """How many parts of two paths agree, from their ends on."""
    count = 0
    for part, other_part in zip(reversed(parts), reversed(_split_path(name)), strict=False):
        if part != other_part:
            break
        count += 1
    return count
