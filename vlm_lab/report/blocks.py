"""What a run says to people who read and do not click: blocks that Markdown and Confluence both write.

The first page is what a head of department reads: which model, how sure, on what. The tables follow after it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from gettext import NullTranslations

from vlm_lab.analysis.evidence import Evidence
from vlm_lab.analysis.label_errors import line
from vlm_lab.messages import worded, worded_all
from vlm_lab.report import tables
from vlm_lab.report.formatting import absent, interval, never_asked, share, troubles
from vlm_lab.report.images.crops import Crop
from vlm_lab.report.tables import Words
from vlm_lab.report.translation import evidence_of
from vlm_lab.types import Decision, Report, Summary


@dataclass(frozen=True, slots=True)
class Heading:
    """A title of level 1 to 4."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list of lines."""

    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Word:
    """A decision's word in a table's cell."""

    verdict: str
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under their heads."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str | Word]]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image beside the report; `address` is relative to the run's folder."""

    address: str
    title: str


@dataclass(frozen=True, slots=True)
class PageBreak:
    """What follows is on another printed page."""


Block = Heading | Text | Items | Table | Picture | PageBreak


def story(
    report: Report, seen: Evidence, pictures: Sequence[Picture], crops: Sequence[Crop], language: NullTranslations
) -> Iterator[Block]:
    """All blocks in order; the first page ends with a PageBreak."""
    words = language.gettext
    suites = tables.suites(report)
    yield Heading(1, words("Run %s") % report.run["id"])
    yield from (Text(said, strong=True) for said in tables.headlines(report, language))
    yield from _decisions(report.decisions, language)
    for suite, own in suites.items():
        yield Heading(2, suite)
        asked = [tables.model_cells(each, seen) for each in own if not never_asked(each)]
        if asked:
            yield Table([words(head) for head in tables.MODEL_HEADS], asked)
        yield from _lines(words("Not run"), absent(own))
    yield Text(words(tables.LEGEND))
    yield from pictures[:1]
    yield PageBreak()
    yield Heading(2, words("Conditions"))
    yield Table((words("what"), words("as it was")), tables.conditions(report, seen, words))
    yield from _lines(words("Suspect references"), [line(each, language) for each in report.suspects])
    for suite, own in suites.items():
        spared = tables.spared(report, suite)
        if spared:
            yield Table([words(head) for head in tables.SPARED_HEADS], spared)
        compared = tables.differences(report, suite, words)
        if compared:
            yield Heading(3, words("First minus second"))
            yield Table([words(head) for head in tables.DIFFERENCE_HEADS], compared)
        yield from _details(own, seen, language)
    yield from _errors(crops, words)
    yield from pictures[1:]
    yield from _lines(words("Notes"), [worded(each, language) for each in report.notes])


def _decisions(decisions: Sequence[Decision], language: NullTranslations) -> Iterator[Block]:
    words = language.gettext
    if decisions:
        heads = [words(head) for head in ("decision", "model", "prompt", "for it", "against it")]
        rows = [
            (Word(each.verdict, words(tables.NAMES[each.verdict])), each.model, each.prompt_id,
             evidence_of(each, language),
             _against(each, language))
            for each in decisions
        ]  # fmt: skip
        yield Table(heads, rows)


def _against(decision: Decision, language: NullTranslations) -> str:
    """What speaks against a candidate, and how it compares with the present pipeline."""
    against = worded_all(decision.reasons_for("against"), language)
    return "; ".join([*against, *worded_all(decision.reasons_for("pipeline"), language)]) or "-"


def _details(everyone: Sequence[Summary], seen: Evidence, language: NullTranslations) -> Iterator[Block]:
    words = language.gettext
    own = [each for each in everyone if not never_asked(each)]
    names = [each.candidate.label for each in own]
    paths = tables.field_paths(own)
    if paths:
        yield Heading(3, words("Fields"))
        rows = [[path, *(share(each.fields[path].accuracy) if path in each.fields else "-" for each in own)]
                for path in paths]  # fmt: skip
        yield Table([words("field"), *names], rows)
    tags = list(dict.fromkeys(tag for each in own for tag in each.tags))
    if tags:
        yield Heading(3, words("Tags"))
        yield Table([words("tag"), *names], [[tag, *(_tag(each, tag) for each in own)] for tag in tags])
    kinds = tables.kinds(own)
    if kinds:
        yield Heading(3, words("Kinds of error"))
        yield Table([words("kind of error"), *names], [[words(kind), *map(str, counts)] for kind, counts in kinds])
    money = tables.money(own)
    if money:
        yield Heading(3, words("Errors in money"))
        yield Text(words(tables.MONEY_LEGEND))
        yield Table([words(head) for head in tables.MONEY_HEADS], money)
    yield from _lines(words("Booked unseen"), tables.doubts_of_worth(own, seen, language))
    yield from _lines(words("Not simply answered"), troubles(everyone, language))


def _tag(summary: Summary, tag: str) -> str:
    found = summary.tags.get(tag, {}).get("field_f1")
    return f"{share(found)} ({interval(found)})" if found and found.value is not None else "-"


def _errors(crops: Sequence[Crop], words: Words) -> Iterator[Block]:
    """The commonest errors, each with its first example and the place on the page where that stands."""
    if crops:
        yield Heading(3, words("The commonest errors"))
    for crop in crops:
        example = crop.example
        yield Text(f"{words(crop.kind)}: {crop.count}", strong=True)
        values = tuple(str(example[name])[:80] for name in ("expected", "actual"))
        yield Text(f"{example['document']}, {example['path']}: {words('expected %s, answered %s') % values}")
        if crop.address:
            yield Picture(crop.address, f"{example['document']}: {example['path']}")


def _lines(title: str, lines: Sequence[str]) -> Iterator[Block]:
    if lines:
        yield Heading(3, title)
        yield Items(lines)
