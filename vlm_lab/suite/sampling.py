"""`--sample N`: fewer documents that still look like all of them."""

import random
from collections.abc import Sequence

from vlm_lab.types import Document


def sample_documents(
    documents: Sequence[Document], count: int | None, seed: int
) -> tuple[Document, ...]:
    """`count` documents in their old order, seeded; every tag value keeps nearly its share.

    Systematic sampling (Madow 1944): sorted by tags, shuffled among equals, then every n/count-th
    is taken.
    """
    if count is None or count >= len(documents):
        return tuple(documents)
    rng = random.Random(seed)  # noqa: S311 - reproducible on purpose
    shuffled = rng.sample(documents, len(documents))
    by_tags = sorted(shuffled, key=lambda document: sorted(document.tags.items()))
    interval = len(by_tags) / count
    start = rng.random() * interval
    sampled_names = {by_tags[int(start + index * interval)].name for index in range(count)}
    return tuple(document for document in documents if document.name in sampled_names)
