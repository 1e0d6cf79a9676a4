"""The forms in which a run can be had: name -> the function that writes it into the run's folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

from vlm_lab.analysis.evidence import Evidence, evidence
from vlm_lab.files import private_file
from vlm_lab.records.report_json import read_report, read_rows
from vlm_lab.registry import find
from vlm_lab.report import plots, tables
from vlm_lab.report.blocks import Block, Picture, story
from vlm_lab.report.images.crops import crops
from vlm_lab.report.images.pages import FILES, page_images
from vlm_lab.report.translation import catalogue
from vlm_lab.types import Report

FORMS = {
    "html": "vlm_lab.report.html.page:write_html",
    "md": "vlm_lab.report.formats:write_markdown",
    "confluence": "vlm_lab.report.formats:write_confluence",
    "csv": "vlm_lab.report.formats:write_csv",
}


def write(form: str, folder: Path, language: str = "en") -> Path:
    """Writes one form; where it lies. UserError where the run cannot be read or the language is not there."""
    writer: Callable[[Path, str], Path] = find(form, FORMS, "form")
    return writer(folder, language)


def write_markdown(folder: Path, language: str = "en") -> Path:
    """report.md, with its pictures under report_files/."""
    from vlm_lab.report.markdown import markdown

    return _write(folder / "report.md", markdown(_blocks(folder, language)))


def write_confluence(folder: Path, language: str = "en") -> Path:
    """report.confluence.xml, with the files to attach under report_files/."""
    from vlm_lab.report.confluence import NAME, confluence

    return _write(folder / NAME, confluence(_blocks(folder, language)))


def write_csv(folder: Path, language: str = "en") -> Path:
    """report_files/tables/; its heads are the same in all languages, as scripts read them."""
    from vlm_lab.report.tables_csv import write_tables

    report = read_report(folder)
    seen = evidence(report)
    return write_tables(report, seen, read_rows(folder), folder / FILES / "tables")[0].parent


def _write(path: Path, text: str) -> Path:
    with private_file(path) as file:
        file.write(text.encode("utf-8", "replace"))
    return path


def _blocks(folder: Path, language: str) -> Iterator[Block]:
    report, words = read_report(folder), catalogue(language)
    found = crops(report, page_images(report, folder), folder)
    seen = evidence(report)
    return story(report, seen, list(_pictures(report, seen, folder, words.gettext)), found, words)


def _pictures(report: Report, seen: Evidence, folder: Path, words: tables.Words) -> Iterator[Picture]:
    """Each plot as a PNG under report_files/plots/."""
    for number, (suite, own) in enumerate(tables.suites(report).items(), 1):
        for place, (title, draw) in enumerate(plots.of_suite(own, seen, words).items(), 1):
            if draw:
                path = folder / FILES / "plots" / f"suite-{number}-plot-{place}.png"
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with private_file(path) as file:
                    file.write(plots.png(draw))
                yield Picture(path.relative_to(folder).as_posix(), f"{title}: {suite}")
