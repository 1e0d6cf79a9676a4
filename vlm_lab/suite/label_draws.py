"""label_draws.json in a suite's folder: which documents were drawn to be labelled, how probably.

`vlm-lab label RUN` adds to it. The documents that are drawn are not like the others (candidates
disagree about them), so whoever speaks of all documents divides by the probability with which each
came to be drawn: `inclusion_probability`, over all batches so far. Of documents that were not drawn
the file has the probability that they could have been, since a later batch needs it.

How batches combine: a document that batch 1 draws with probability p1, and batch 2, where batch 1
did not, with p2, was drawn with 1 - (1 - p1)(1 - p2). That holds where p2 is computed for every
document, drawn or not, from nothing that depends on what was drawn. The file quotes no values of
documents.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ValidationError

from vlm_lab.commands import format_command
from vlm_lab.errors import UserError
from vlm_lab.files import MAX_DATA_BYTES, atomic_private_file, read_bounded_bytes
from vlm_lab.sanitize import quote_value, terminal_safe
from vlm_lab.type_adapters import get_adapter

LABEL_DRAWS_FILE = "label_draws.json"


@dataclass(frozen=True, slots=True)
class LabelDraw:
    """A document, by its id, that batches of labels were drawn from. `drawn_at` is "" where none
    has drawn it; `blind`: nobody who labels it sees what candidates say."""

    document: str
    inclusion_probability: float
    blind: bool = False
    drawn_at: str = ""
    run: str = ""  # whose answers it was drawn by


def read_label_draws(suite_folder: Path) -> tuple[LabelDraw, ...]:
    """The documents that were drawn, in the order of the file. UserError where it cannot be
    used."""
    return tuple(draw for draw in read_label_frame(suite_folder) if draw.drawn_at)


def read_label_frame(suite_folder: Path) -> tuple[LabelDraw, ...]:
    """All documents that could have been drawn; none where there is no file. UserError where it
    cannot be used."""
    path = suite_folder / LABEL_DRAWS_FILE
    try:
        draws = get_adapter(tuple[LabelDraw, ...]).validate_json(
            read_bounded_bytes(path, MAX_DATA_BYTES)
        )
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        raise _make_file_error(path, _describe_first_error(error)) from None
    _check_draws(path, draws)
    return draws


def write_label_draws(suite_folder: Path, draws: Iterable[LabelDraw]) -> None:
    """Writes the file whole, for its user alone. UserError where that cannot be."""
    path = suite_folder / LABEL_DRAWS_FILE
    text = json.dumps([asdict(draw) for draw in draws], ensure_ascii=False, indent=1) + "\n"
    try:
        with atomic_private_file(path, durable=True) as file:
            file.write(text.encode())
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


def _check_draws(path: Path, draws: Iterable[LabelDraw]) -> None:
    documents: set[str] = set()
    for number, draw in enumerate(draws, 1):
        place = f"entry {number}, {quote_value(draw.document)}"
        if draw.document in documents:
            raise _make_file_error(path, f"{place}: the document stands there twice")
        documents.add(draw.document)
        probability = draw.inclusion_probability
        if not 0 <= probability <= 1 or (draw.drawn_at and probability == 0):
            wanted = "above 0, at most 1" if draw.drawn_at else "from 0 to 1"
            raise _make_file_error(
                path, f"{place}: inclusion_probability must be {wanted} (got {probability})"
            )


def _describe_first_error(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    index, *keys = first["loc"] or ("",)
    place = f"entry {int(index) + 1}: " if isinstance(index, int) else ""
    return terminal_safe(f"{place}{'.'.join(map(str, keys))} {first['msg']}").strip()


def _make_file_error(path: Path, fault: str) -> UserError:
    command = format_command("label", "RUN")
    return UserError(
        f"{path}: {fault}; the file is written by {command}: take it from a backup, or delete it,"
        " and labels so far count as chosen by hand"
    )
