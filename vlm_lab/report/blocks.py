"""The blocks that a written report is made of: `vlm_lab.report.contents` builds them, Markdown and
Confluence both write them.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """A title of level 1 to 4."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class BulletList:
    """A list of lines."""

    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class VerdictCell:
    """A decision's word in a table's cell."""

    verdict: str
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under their heads."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | VerdictCell]]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image beside the report; `address` is relative to the run's folder."""

    address: str
    title: str


@dataclass(frozen=True, slots=True)
class PageBreak:
    """What follows is on another printed page."""


Block = Heading | Paragraph | BulletList | Table | Picture | PageBreak
