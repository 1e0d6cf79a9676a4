"""The forms in which a run can be had: name -> the function that writes it into the run's
folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

from vlm_lab.analysis.evidence import Evidence, build_evidence
from vlm_lab.files import atomic_private_file, make_private_folder
from vlm_lab.records.report_json import read_report, read_report_records
from vlm_lab.registry import resolve_name
from vlm_lab.report import plots, tables
from vlm_lab.report.blocks import Block, Paragraph, Picture
from vlm_lab.report.contents import build_report_blocks
from vlm_lab.report.images.crops import write_error_crops
from vlm_lab.report.images.pages import REPORT_FILES, render_page_images
from vlm_lab.report.plot_rendering import DrawPlot, render_png
from vlm_lab.report.translation import load_catalogue
from vlm_lab.types import Report

FORMATS = {
    "html": "vlm_lab.report.html.page:write_html",
    "md": "vlm_lab.report.formats:write_markdown",
    "confluence": "vlm_lab.report.formats:write_confluence",
    "csv": "vlm_lab.report.formats:write_csv",
}


def write_format(format_name: str, folder: Path, language: str = "en") -> Path:
    """Writes one form; where it lies. UserError where the run cannot be read or the language is not
    there."""
    write_file: Callable[[Path, str], Path] = resolve_name(format_name, FORMATS, "form")
    return write_file(folder, language)


def write_markdown(folder: Path, language: str = "en") -> Path:
    """report.md, with its pictures under report_files/."""
    from vlm_lab.report.markdown import render_markdown

    return _write_text(folder / "report.md", render_markdown(_build_blocks(folder, language)))


def write_confluence(folder: Path, language: str = "en") -> Path:
    """report.confluence.xml, with the files to attach under report_files/."""
    from vlm_lab.report.confluence import CONFLUENCE_FILE, render_confluence

    return _write_text(folder / CONFLUENCE_FILE, render_confluence(_build_blocks(folder, language)))


def write_csv(folder: Path, language: str = "en") -> Path:
    """report_files/tables/: in English for scripts, in another language for its Excel."""
    from vlm_lab.report.tables_csv import write_csv_tables

    report = read_report(folder)
    evidence = build_evidence(report)
    return write_csv_tables(
        report,
        evidence,
        read_report_records(folder),
        folder / REPORT_FILES / "tables",
        load_catalogue(language),
    )[0].parent


def _write_text(path: Path, text: str) -> Path:
    with atomic_private_file(path) as file:
        file.write(text.encode("utf-8", "replace"))
    return path


def _build_blocks(folder: Path, language: str) -> Iterator[Block]:
    report, catalogue = read_report(folder), load_catalogue(language)
    crops = write_error_crops(report, render_page_images(report, folder), folder)
    evidence = build_evidence(report)
    return build_report_blocks(
        report,
        evidence,
        list(_write_plots(report, evidence, folder, catalogue.gettext)),
        crops,
        catalogue,
    )


def _write_plots(
    report: Report, evidence: Evidence, folder: Path, gettext: tables.Translator
) -> Iterator[Block]:
    """Each plot as a PNG under report_files/plots/; where one cannot be drawn, why."""
    for suite_number, (suite, summaries) in enumerate(tables.group_by_suite(report).items(), 1):
        plots_by_title = plots.plot_suite(summaries, evidence, gettext)
        for plot_number, (title, draw) in enumerate(plots_by_title.items(), 1):
            if draw:
                address = f"{REPORT_FILES}/plots/suite-{suite_number}-plot-{plot_number}.png"
                picture = Picture(address, f"{title}: {suite}")
                yield _write_plot(picture, draw, folder, gettext)


def _write_plot(
    picture: Picture, draw: DrawPlot, folder: Path, gettext: tables.Translator
) -> Block:
    try:
        content = render_png(draw)
    except Exception as error:  # whatever one value does to a plot costs that plot
        reason = f"{type(error).__name__}: {error}"
        return Paragraph(f"{picture.title}: {gettext('no picture: %s') % reason}")
    path = folder / picture.address
    make_private_folder(path.parent, folder)
    with atomic_private_file(path) as file:
        file.write(content)
    return picture
