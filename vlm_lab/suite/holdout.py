"""A suite's documents -> those that are kept apart for the decision, where suite.yaml says
`holdout: 0.5`.

Prompts are written while looking at the other documents; a word comes from these alone. The split
depends on the documents' names and tags and on nothing else: it is the same on every machine.
"""

import hashlib
from collections.abc import Sequence

from vlm_lab.suite.tags import label_group
from vlm_lab.types import Document


def split_holdout(
    documents: Sequence[Document], share: float, cluster: str
) -> tuple[tuple[Document, ...], tuple[Document, ...]]:
    """The documents that prompts are tuned on, and those that are held out, each in their order.

    Systematic sampling (Madow 1944): groups sorted by tags, in the order of a hash among equals;
    each is held out that brings their number nearest to the share. A group of `cluster` stays
    together, since its documents are read alike.
    """
    groups: dict[str, list[Document]] = {}
    for document in documents:
        groups.setdefault(label_group(document.tags, cluster) or f"/{document.id}", []).append(
            document
        )
    held_out: set[str] = set()
    due = 0.0
    for group in sorted(groups.values(), key=lambda group: _rank_group(group, cluster)):
        due += share * len(group)
        if len(held_out) + len(group) / 2 <= due:
            held_out.update(document.id for document in group)
    return (
        tuple(document for document in documents if document.id not in held_out),
        tuple(document for document in documents if document.id in held_out),
    )


def _rank_group(group: Sequence[Document], cluster: str) -> tuple[list[tuple[str, str]], str]:
    tags = [(tag, value) for tag, value in group[0].tags.items() if tag != cluster]
    return sorted(tags), hashlib.sha256(group[0].name.encode()).hexdigest()
