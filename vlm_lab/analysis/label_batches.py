"""The documents of a suite, and what candidates say of them -> a batch that is drawn to be
labelled, and what is known of how probably each came to be drawn over all batches."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from vlm_lab.analysis.consensus import Consensus, find_consensus
from vlm_lab.analysis.label_choice import choose_blind, compute_probabilities, draw_documents
from vlm_lab.analysis.label_errors import MIN_FAMILIES, derive_model_family
from vlm_lab.suite.label_draws import LabelDraw
from vlm_lab.types import CandidateKey, Decision, Record, Suite


def collect_consensus(records: Iterable[Record], suite: Suite) -> dict[str, Consensus]:
    """What a run's candidates agree on, by document; documents with a reference included, since one
    that was drawn before has one by now."""
    records_by_document: dict[str, list[Record]] = {}
    for record in records:
        if record.suite == suite.name:
            records_by_document.setdefault(record.document, []).append(record)
    return {document: find_consensus(each, suite) for document, each in records_by_document.items()}


def select_undecided(records: Iterable[Record], decisions: Sequence[Decision]) -> list[Record]:
    """The records of candidates that are still in question, where these are of two families or
    more; all of them else."""
    all_records = list(records)
    rejected = {
        CandidateKey(decision.suite, decision.model, decision.prompt_id)
        for decision in decisions
        if decision.verdict == "rejected"
    }
    undecided = [record for record in all_records if record.candidate not in rejected]
    families = {derive_model_family(record) for record in undecided}
    return undecided if len(families) >= MIN_FAMILIES else all_records


def draw_batch(
    frame: Sequence[LabelDraw],
    disagreement: Mapping[str, float],
    count: int,
    seed: int,
    drawn_at: str,
    run: str,
) -> list[LabelDraw]:
    """The frame with one batch more: `count` documents that were not drawn before, of those in
    `disagreement`, which has the documents that were drawn before, too."""
    known = {draw.document: draw for draw in frame}
    before = {
        document: known[document].inclusion_probability if document in known else 0.0
        for document in disagreement
    }
    missed = {document: 1 - probability for document, probability in before.items()}
    probabilities = compute_probabilities(disagreement, missed, count)
    batch_count = len({draw.drawn_at for draw in frame if draw.drawn_at})
    batch_seed = f"{seed} {batch_count}"
    open_probabilities = {
        document: probability
        for document, probability in probabilities.items()
        if document not in known or not known[document].drawn_at
    }
    drawn = draw_documents(open_probabilities, batch_seed)
    blind = choose_blind(drawn, batch_seed)
    for document, probability in probabilities.items():
        joined = 1 - missed[document] * (1 - probability)
        draw = known.get(document) or LabelDraw(document, 0.0)
        known[document] = replace(draw, inclusion_probability=joined)
    for document in drawn:
        draw = known.pop(document)  # in the order in which they were drawn, at the end
        known[document] = replace(draw, blind=document in blind, drawn_at=drawn_at, run=run)
    return list(known.values())
