"""Of which documents a report draws the pages."""

import time
from pathlib import Path

import pytest

from tests.report import made
from vlm_lab.records.report_json import read_report
from vlm_lab.report.images import pages
from vlm_lab.run.run_analysis import analyze_run
from vlm_lab.suite.pages import Pages, PicturePainter
from vlm_lab.types import Report, Rules

OF_EXAMPLES_OR_DOUBTS = {"one", "two", "three"}


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return read_report(made.write_run(tmp_path / "run"))


def test_a_report_over_few_documents_draws_all(tmp_path: Path, report: Report) -> None:
    images = pages.render_page_images(report, tmp_path)
    assert sorted(id for _, id in images) == sorted(made.DOCUMENTS)
    assert all(images.values())


@pytest.mark.parametrize("limit", range(1, 4))
def test_one_over_many_draws_first_those_that_it_leads_to(
    tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(pages, "MAX_DOCUMENTS", limit)
    images = pages.render_page_images(report, tmp_path)
    drawn = {id for (_, id), addresses in images.items() if addresses}
    assert len(drawn) == limit
    assert drawn <= OF_EXAMPLES_OR_DOUBTS
    assert len(images) == len(made.DOCUMENTS)


def test_what_ends_a_report_ends_the_drawing(
    tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def draw_slowly(painter: PicturePainter, shown: Pages) -> list[bytes]:
        asked.append(shown.path)
        time.sleep(0.2)
        return []

    monkeypatch.setattr(PicturePainter, "draw_pictures", draw_slowly)
    with pytest.raises(KeyboardInterrupt), pages.start_page_images(report, tmp_path):
        raise KeyboardInterrupt
    assert len(asked) < len(made.DOCUMENTS)


def test_one_over_many_says_what_it_has_no_pages_of(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = made.records()
    cases = [record.key for record in records]
    analyzed = analyze_run(report, lambda: iter(records), cases, Rules())
    assert "pages_not_drawn" not in [getattr(note, "kind", "") for note in analyzed.notes]
    monkeypatch.setattr(pages, "MAX_DOCUMENTS", 3)
    analyzed = analyze_run(analyzed, lambda: iter(records), cases, Rules())
    analyzed = analyze_run(analyzed, lambda: iter(records), cases, Rules())
    (note,) = [each for each in analyzed.notes if getattr(each, "kind", "") == "pages_not_drawn"]
    assert note.figures["n"] == 1  # type: ignore[union-attr]
    assert note.figures["drawn"] == 3  # type: ignore[union-attr]
