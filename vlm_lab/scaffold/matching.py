"""How references are named after documents: the rule that matches most of them.

The usual rules are tried, and those that the names themselves show (`result-{stem}-v2.json`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from vlm_lab.suite.reference_index import FoundReference, ReferenceIndex, normalize_unicode
from vlm_lab.types import Suite

USUAL_RULES = ("{stem}.json", "{name}.json", "{stem}_result.json")
MAX_INSPECTED_NAMES = 200  # references whose names are read for rules of their own
MIN_STEM_LENGTH = 3  # characters of a document's stem that can be recognised inside another name


@dataclass(frozen=True, slots=True)
class Matching:
    """A rule, the references that it finds by their documents, documents without one, and what was
    not used. `label_files` have the references where these are entries of a file for many
    documents, and not files named by the rule."""

    rule: str
    found: Mapping[str, FoundReference]
    unmatched: tuple[str, ...]
    unused_references: tuple[str, ...]
    label_files: tuple[str, ...] = ()

    @property
    def matched(self) -> tuple[str, ...]:
        """The documents that have a reference."""
        return tuple(self.found)

    @property
    def description(self) -> str:
        """By what references were found."""
        return f"the entries of {', '.join(self.label_files)}" if self.label_files else self.rule


def find_best_matching(suite: Suite, documents: Sequence[str]) -> Matching:
    """The rule with most matches, of equal ones the more usual; or label files, where these name
    more documents."""
    index = ReferenceIndex(suite)
    stems = [normalize_unicode(_get_stem(name)) for name in documents]
    rule_counts = Counter(
        rule
        for name in list(index.own_paths)[:MAX_INSPECTED_NAMES]
        for rule in _derive_rules(name.rpartition("/")[2], stems)
    )
    frequent_rules = [rule for rule, _ in rule_counts.most_common(5)]
    rules = dict.fromkeys((*USUAL_RULES, *frequent_rules))
    matchings = [
        _apply_rule(ReferenceIndex(replace(suite, match=rule), index.folder), documents)
        for rule in rules
    ]
    best_matching = max(matchings, key=lambda matching: len(matching.found))
    if not best_matching.unmatched:
        return best_matching
    return max(best_matching, _apply_labels(index, documents), key=lambda match: len(match.found))


def _apply_rule(index: ReferenceIndex, documents: Sequence[str]) -> Matching:
    found_files = {name: index.find_own_file(name) for name in documents}
    return _build_matching(index, found_files)


def _apply_labels(index: ReferenceIndex, documents: Sequence[str]) -> Matching:
    found_labels = {name: index.find_label(name) for name in documents}
    matching = _build_matching(index, found_labels)
    label_files = dict.fromkeys(label_list.name for label_list in index.used_lists)
    return replace(matching, label_files=tuple(label_files))


def _build_matching(
    index: ReferenceIndex, found_references: Mapping[str, FoundReference | None]
) -> Matching:
    found = {name: reference for name, reference in found_references.items() if reference}
    unmatched = tuple(name for name in found_references if name not in found)
    return Matching(index.match, found, unmatched, tuple(index.list_unused()))


def _derive_rules(reference_name: str, stems: Sequence[str]) -> Iterator[str]:
    """The rules under which a reference's name would come from one of the documents'."""
    lower_name = reference_name.lower()
    if len(lower_name) != len(reference_name):  # İ becomes two characters
        lower_name = reference_name
    for stem in dict.fromkeys(stems):
        position = lower_name.find(stem.lower())
        if len(stem) >= MIN_STEM_LENGTH and position >= 0:
            prefix = reference_name[:position]
            suffix = reference_name[position + len(stem) :]
            yield f"{_escape_braces(prefix)}{{stem}}{_escape_braces(suffix)}"


def _escape_braces(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _get_stem(name: str) -> str:
    file_name = name.rpartition("/")[2]
    return file_name.rpartition(".")[0] or file_name
