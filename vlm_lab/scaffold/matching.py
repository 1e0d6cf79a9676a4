"""How references are named after documents: the rule that matches most of them.

The usual rules are tried, and those that the names themselves show (`result-{stem}-v2.json`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from vlm_lab.suite.references import ReferenceIndex, normalize_unicode
from vlm_lab.types import Suite

USUAL_RULES = ("{stem}.json", "{name}.json", "{stem}_result.json")
MAX_INSPECTED_NAMES = 200  # references whose names are read for rules of their own
MIN_STEM_LENGTH = 3  # characters of a document's stem that can be recognised inside another name


@dataclass(frozen=True, slots=True)
class Matching:
    """A rule, the documents that it finds references for or not, and unused references."""

    rule: str
    matched: tuple[str, ...]
    unmatched: tuple[str, ...]
    unused_references: tuple[str, ...]


def find_best_matching(suite: Suite, documents: Sequence[str]) -> Matching:
    """The rule with most matches; of equal ones the more usual."""
    index = ReferenceIndex(suite)
    stems = [normalize_unicode(_get_stem(name)) for name in documents]
    rule_counts = Counter(
        rule
        for name in list(index.paths_by_name)[:MAX_INSPECTED_NAMES]
        for rule in _derive_rules(name, stems)
    )
    frequent_rules = [rule for rule, _ in rule_counts.most_common(5)]
    rules = dict.fromkeys((*USUAL_RULES, *frequent_rules))
    matchings = (_apply_rule(suite, rule, documents) for rule in rules)
    return max(matchings, key=lambda matching: len(matching.matched))


def _apply_rule(suite: Suite, rule: str, documents: Sequence[str]) -> Matching:
    index = ReferenceIndex(replace(suite, match=rule))
    matched: list[str] = []
    unmatched: list[str] = []
    for name in documents:
        (unmatched if index.find(name) is None else matched).append(name)
    unused = [name for name, path in index.paths.items() if path not in index.used_paths]
    return Matching(rule, tuple(matched), tuple(unmatched), tuple(unused))


def _derive_rules(reference_name: str, stems: Sequence[str]) -> Iterator[str]:
    """The rules under which a reference's name would come from one of the documents'."""
    for stem in dict.fromkeys(stems):
        if len(stem) >= MIN_STEM_LENGTH and stem in reference_name:
            prefix, _, suffix = reference_name.partition(stem)
            yield f"{_escape_braces(prefix)}{{stem}}{_escape_braces(suffix)}"


def _escape_braces(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _get_stem(name: str) -> str:
    file_name = name.rpartition("/")[2]
    return file_name.rpartition(".")[0] or file_name
