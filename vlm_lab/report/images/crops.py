"""Where on its page an error's value stands: a strip of the page image, for the five commonest
errors.

The first example whose value is found is shown (`locate` looks for it); where none is, the whole
page of the first.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from vlm_lab.fields.printed_forms import list_printed_forms
from vlm_lab.files import atomic_private_file, make_private_folder
from vlm_lab.report.images.locate import (
    LineReader,
    PageLocation,
    find_written_pages,
    locate_in_lines,
    locate_in_text_layer,
    make_line_reader,
)
from vlm_lab.report.images.pages import REPORT_FILES, DocumentKey
from vlm_lab.types import Report

MAX_CROPS = 5
STRIP_MARGIN = 0.05  # of the page's height, above and below the value
NO_PAGE = "no page of it can be shown"
WHOLE_PAGE_SIZE = (420, 594)  # pixels of a page that is shown whole


@dataclass(frozen=True, slots=True)
class ErrorCrop:
    """One kind of error: how often, an example, and the image's address; "" where there is none,
    and `reason` says why."""

    error_type: str
    count: int
    example: Mapping[str, Any]
    address: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ErrorExample:
    """A value that a candidate got wrong: the record's words for it, how it may be printed, and its
    pages."""

    result: Mapping[str, Any]
    printed_forms: Sequence[Sequence[str]]  # of the expected value, then of the answered one
    document_path: Path
    page_images: Sequence[str]


def write_error_crops(
    report: Report, images: Mapping[DocumentKey, Sequence[str]], folder: Path
) -> list[ErrorCrop]:
    """The commonest kinds of error of a run; the strips are written under report_files/crops/. One
    whose strip cannot be drawn has none."""
    total: Counter[str] = Counter()
    for summary in report.summaries:
        total.update(summary.kinds)
    examples = _collect_examples(report, images)
    shown = sorted(
        (kind for kind in total if kind in examples), key=lambda kind: (-total[kind], kind)
    )[:MAX_CROPS]
    read = make_line_reader(folder)
    made: list[ErrorCrop] = []
    for number, kind in enumerate(shown, 1):
        example, place = _choose_example(
            examples[kind], _count_error_types(examples[each] for each in shown[number - 1 :]), read
        )
        address, reason = _write_strip(folder, example.page_images, place, number)
        made.append(ErrorCrop(kind, total[kind], example.result, address, reason))
    return made


def _collect_examples(
    report: Report, images: Mapping[DocumentKey, Sequence[str]]
) -> dict[str, list[ErrorExample]]:
    paths = {(each["suite"], each["id"]): Path(each.get("path", "")) for each in report.documents}
    written = {suite["name"]: suite["conventions"] for suite in report.suites}
    found: dict[str, list[ErrorExample]] = {}
    for summary in report.summaries:
        for kind, said in summary.examples.items():
            for each in said:
                key = summary.suite, each["document"]
                forms = [
                    list_printed_forms(each[side], written[summary.suite])
                    for side in ("expected", "actual")
                ]
                example = ErrorExample(each, forms, paths.get(key, Path()), images.get(key, ()))
                found.setdefault(kind, []).append(example)
    return found


def _count_error_types(examples_of_types: Iterable[Sequence[ErrorExample]]) -> Counter[Path]:
    """How many kinds of error each document has an example of: to read one of many spares reading
    others."""
    return Counter(
        path
        for examples in examples_of_types
        for path in {example.document_path for example in examples}
    )


def _choose_example(
    examples: Sequence[ErrorExample], type_counts: Counter[Path], read_lines: LineReader
) -> tuple[ErrorExample, PageLocation | None]:
    """The first whose place is known without reading a page; else one whose pages are read for
    it."""
    for example in examples:
        location = next(_find_locations(example, read_lines, only_cached=True), None)
        if location:
            return example, location
    chosen = max(examples, key=lambda example: type_counts[example.document_path])
    return chosen, next(_find_locations(chosen, read_lines, only_cached=False), None)


def _find_locations(
    example: ErrorExample, read_lines: LineReader, only_cached: bool
) -> Iterator[PageLocation]:
    for forms in example.printed_forms:
        location = _find_location(example, forms, read_lines, only_cached)
        if location:
            yield location


def _find_location(
    example: ErrorExample, forms: Sequence[str], read_lines: LineReader, only_cached: bool
) -> PageLocation | None:
    """Where one of the forms stands; None also where a library fails over the document: it costs
    the strip alone."""
    path, page_count = example.document_path, len(example.page_images)
    with suppress(Exception):
        location = locate_in_text_layer(path, forms, page_count)
        if location:
            return location
        written_pages = set() if only_cached else find_written_pages(path)
        pages = (
            [] if index in written_pages else read_lines(address, only_cached)
            for index, address in enumerate(example.page_images)
        )
        return locate_in_lines(pages, forms)
    return None


def _write_strip(
    folder: Path, images: Sequence[str], location: PageLocation | None, number: int
) -> tuple[str, str]:
    """The strip's address, or why there is none."""
    if not images:
        return "", NO_PAGE
    relative_path = f"{REPORT_FILES}/crops/error-{number}.png"
    try:
        _draw_strip(folder, images, location, relative_path)
    except Exception as error:  # as above: the page is somebody's document
        return "", f"{type(error).__name__}: {error}"
    return relative_path, ""


def _draw_strip(
    folder: Path, images: Sequence[str], location: PageLocation | None, relative_path: str
) -> None:
    with Image.open(folder / images[location.page if location else 0]) as page:
        strip = page.convert("L")
    if location:
        top, bottom = max(0, location.top - STRIP_MARGIN), min(1, location.bottom + STRIP_MARGIN)
        strip = strip.crop((0, int(top * strip.height), strip.width, int(bottom * strip.height)))
    else:
        strip.thumbnail(WHOLE_PAGE_SIZE)
    make_private_folder((folder / relative_path).parent, folder)
    with atomic_private_file(folder / relative_path) as file:
        strip.save(file, "PNG")
