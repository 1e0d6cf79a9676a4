"""Draw the documents that are worth a label next, and label them on a page.

RUN is a folder, a run's id, or `last`. Of the suite's documents without a reference those are drawn
where candidates disagree about what the rules of models.yaml decide by, and others at random; each
with a probability that is kept in the suite's label_draws.json, so that figures stay those of all
documents. A batch is labelled before the next one is drawn.

--serve opens a page on this machine alone. Its fields are prefilled where two families of
candidates agree; of the documents that are drawn blind nothing is shown. What you decide is on the
disk at once; a document that is finished is a reference, and is named in verified.txt.

vlm-lab label last
vlm-lab label last --serve
vlm-lab label last --documents 20 --suite schet
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vlm_lab.analysis.consensus import Consensus
from vlm_lab.analysis.label_batches import collect_consensus, draw_batch, select_undecided
from vlm_lab.analysis.label_choice import (
    find_disputed_paths,
    list_decisive_names,
    rate_disagreement,
)
from vlm_lab.cli.run_argument import add_output_dir
from vlm_lab.cli.run_suites import load_own_suite
from vlm_lab.commands import format_command, format_run_command, locate_in_project
from vlm_lab.config.models_file import load_candidates
from vlm_lab.errors import UserError
from vlm_lab.localization import SOURCE_LANGUAGE
from vlm_lab.records.report_json import read_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.records.runs import find_run
from vlm_lab.sanitize import shorten, terminal_safe
from vlm_lab.suite import load_documents
from vlm_lab.suite.label_draws import (
    LABEL_DRAWS_FILE,
    LabelDraw,
    read_label_frame,
    write_label_draws,
)
from vlm_lab.suite.reference_names import find_namesakes
from vlm_lab.types import Document, Record, Suite

DEFAULT_COUNT = 10
MAX_SHOWN = 20  # documents on the terminal
MAX_NAMED_VALUES = 4  # of one document, on which candidates disagree


@dataclass(frozen=True, slots=True)
class _Labelling:
    """A run, one of its suites as it is now, and the records of that suite."""

    run: Path
    suite: Suite
    documents: Sequence[Document]
    records: Sequence[Record]

    @property
    def unlabelled(self) -> list[Document]:
        """The documents that a label could be written for."""
        return [document for document in self.documents if document.reference_path is None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN")
    parser.add_argument(
        "--serve", action="store_true", help="open a page on 127.0.0.1 to label them on"
    )
    parser.add_argument(
        "--documents",
        type=int,
        default=DEFAULT_COUNT,
        metavar="N",
        help=f"how many to draw (default: {DEFAULT_COUNT})",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the draw (default: 0)")
    parser.add_argument("--suite", metavar="NAME", help="which suite of the run")
    parser.add_argument(
        "--lang", default=SOURCE_LANGUAGE, metavar="LANG", help="the page's language (default: en)"
    )
    add_output_dir(parser)


def main(args: argparse.Namespace) -> int:
    if args.documents < 1:
        raise UserError(f"--documents: must be 1 or more (got {args.documents})")
    labelling = _open_labelling(find_run(args.run, args.output_dir), args.suite)
    consensus = collect_consensus(labelling.records, labelling.suite)
    frame: Sequence[LabelDraw] = read_label_frame(labelling.suite.folder)
    waiting = _list_waiting(labelling, frame)
    if not waiting and not labelling.unlabelled:
        print("\n".join(_explain_nothing_to_label(labelling)))
        return 0
    if waiting:
        print(f"{len(waiting)} documents that were drawn before wait for their labels:")
    else:
        frame = _draw(labelling, frame, args.documents, args.seed)
        waiting = _list_waiting(labelling, frame)
        print(_describe_draw(labelling, waiting))
    print("\n".join(_format_documents(labelling, waiting, consensus)))
    if labelling.suite.empty == "unlabelled":
        print(_explain_empty(labelling.suite))
    if args.serve:
        return _serve(args.lang, labelling, waiting, consensus)
    print(f"to label them: {_format_own_command(args, labelling)}")
    return 0


def _open_labelling(run: Path, suite_name: str | None) -> _Labelling:
    records = list(read_records(run))
    suite = load_own_suite(run, {record.suite for record in records}, suite_name)
    documents, _ = load_documents(suite)
    if not suite.fields:
        raise UserError(f"{suite.folder}: a form is made from schema.json; write one first")
    if suite.references.is_file():
        raise UserError(
            f"{suite.references}: is one file for all documents, and none is added to it; "
            "name a folder under `references` in suite.yaml"
        )
    own_records = [record for record in records if record.suite == suite.name]
    return _Labelling(run, suite, documents, own_records)


def _draw(
    labelling: _Labelling, frame: Sequence[LabelDraw], count: int, seed: int
) -> Sequence[LabelDraw]:
    """The frame with one batch more, which is on the disk."""
    suite = labelling.suite
    drawn_before = {draw.document for draw in frame if draw.drawn_at}
    names = [document.name for document in labelling.documents]
    new_names = [document.name for document in labelling.unlabelled]
    confused = find_namesakes(suite, names, new_names)
    for name, others in confused.items():
        listed = ", ".join(map(shorten, others))
        print(f"{shorten(name)}: not drawn, its reference would be taken for that of {listed}, too")
    candidates = [
        document.id
        for document in labelling.documents
        if document.id in drawn_before
        or (document.reference_path is None and document.name not in confused)
    ]
    open_count = len([each for each in candidates if each not in drawn_before])
    if not open_count:
        raise UserError(f"{suite.name}: no document can be drawn")
    rules = load_candidates([locate_in_project("models.yaml")]).rules
    decisions = read_report(labelling.run).decisions
    undecided = select_undecided(labelling.records, decisions)
    consensus = collect_consensus(undecided, suite)
    decisive_names = list_decisive_names(rules)
    disagreement = {
        document: rate_disagreement(consensus.get(document, Consensus()), suite, decisive_names)
        for document in candidates
    }
    now = datetime.now(UTC).isoformat(timespec="seconds")
    drawn = draw_batch(frame, disagreement, min(count, open_count), seed, now, labelling.run.name)
    write_label_draws(suite.folder, drawn)
    return drawn


def _list_waiting(labelling: _Labelling, frame: Sequence[LabelDraw]) -> list[LabelDraw]:
    """What was drawn and has no label yet."""
    unlabelled = {document.id for document in labelling.unlabelled}
    return [draw for draw in frame if draw.drawn_at and draw.document in unlabelled]


def _describe_draw(labelling: _Labelling, waiting: Sequence[LabelDraw]) -> str:
    suite = labelling.suite
    blind_count = sum(draw.blind for draw in waiting)
    return (
        f"{len(waiting)} of {len(labelling.unlabelled)} documents without a reference are drawn, "
        f"{blind_count} of them blind; {terminal_safe(str(suite.folder / LABEL_DRAWS_FILE))} has "
        "their probabilities:"
    )


def _format_documents(
    labelling: _Labelling, waiting: Sequence[LabelDraw], consensus: dict[str, Consensus]
) -> Iterator[str]:
    """Each document, and why it was drawn; of a blind one nothing that candidates say."""
    names = {document.id: document.name for document in labelling.documents}
    for draw in waiting[:MAX_SHOWN]:
        why = "blind"
        if not draw.blind:
            why = _describe_dispute(consensus.get(draw.document, Consensus()), labelling.suite)
        yield f"  {shorten(names[draw.document])}: {why}"
    if len(waiting) > MAX_SHOWN:
        yield f"  and {len(waiting) - MAX_SHOWN} more"


def _describe_dispute(consensus: Consensus, suite: Suite) -> str:
    if not consensus.values:
        return "no candidate has an answer"
    disputed = find_disputed_paths(consensus, suite)
    if not disputed:
        return "drawn at random; families of candidates agree, or there is one alone"
    listed = ", ".join(map(shorten, disputed[:MAX_NAMED_VALUES]))
    ellipsis = ", ..." if len(disputed) > MAX_NAMED_VALUES else ""
    return f"{len(disputed)} of {len(consensus.values)} values disputed: {listed}{ellipsis}"


def _explain_empty(suite: Suite) -> str:
    return (
        f"{terminal_safe(str(suite.folder / 'suite.yaml'))} has `empty: unlabelled`: where a label "
        "says that the page shows none, what a candidate reads there is not judged; with "
        "`empty: absent` it is"
    )


def _explain_nothing_to_label(labelling: _Labelling) -> Iterator[str]:
    suite, documents = labelling.suite, labelling.documents
    unverified_count = sum(not document.verified for document in documents)
    yield f"{suite.name}: every document has a reference; nothing to label"
    if unverified_count:
        command = format_command("corrections", labelling.run.name, "--serve")
        yield (
            f"{unverified_count} of {len(documents)} are not verified: look at them with "
            f"{command}, then name them in {terminal_safe(str(suite.folder / 'verified.txt'))}"
        )


def _format_own_command(args: argparse.Namespace, labelling: _Labelling) -> str:
    is_usual = args.output_dir == locate_in_project("results")
    run_argument = labelling.run.name if is_usual else labelling.run
    options = [f"--suite={args.suite}"] if args.suite else []
    return format_command("label", run_argument, *options, "--serve")


def _serve(
    language: str,
    labelling: _Labelling,
    waiting: Sequence[LabelDraw],
    consensus: dict[str, Consensus],
) -> int:
    """Until Ctrl-C."""
    # Brings the report's libraries, which a list on the terminal can do without.
    from vlm_lab.cli.page_serving import serve_page
    from vlm_lab.corrections_page.labelling import open_labelling_session, render_labelling_page

    session = open_labelling_session(
        labelling.run,
        labelling.suite,
        labelling.documents,
        waiting,
        consensus,
        labelling.records,
        language,
    )
    serve_page(session, render_labelling_page(session, language))
    print(
        f"\n{session.count_finished()} labelled; what was begun stays. Then: {format_run_command()}"
    )
    return 0
