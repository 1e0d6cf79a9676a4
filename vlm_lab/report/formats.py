"""The forms in which a run can be had: name -> the function that writes it into the run's
folder."""

from collections.abc import Callable, Iterator
from gettext import NullTranslations
from pathlib import Path

from vlm_lab.analysis.evidence import Evidence, build_evidence
from vlm_lab.errors import UserError
from vlm_lab.files import atomic_private_file, make_private_folder
from vlm_lab.records.report_json import read_report, read_report_records
from vlm_lab.records.runs import is_run
from vlm_lab.registry import resolve_name
from vlm_lab.report import plots, tables
from vlm_lab.report.blocks import Block, Paragraph, Picture
from vlm_lab.report.confluence import CONFLUENCE_FILE
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
FILE_NAMES = {
    "html": "report.html",
    "md": "report.md",
    "confluence": CONFLUENCE_FILE,
    "csv": "tables",
}
FORMATS_BY_SUFFIX = {".html": "html", ".htm": "html", ".md": "md", ".xml": "confluence"}
OWNER_FILE = "run.txt"  # in report_files/: which run its pictures are of


def write_format(
    format_name: str, run: Path, language: str = "en", output: Path | None = None
) -> Path:
    """Writes one form of a run's report, into the run's folder where `output` names no other place;
    where it lies. UserError where the run cannot be read or the language is not there."""
    write_file: Callable[[Path, str, Path | None], Path]
    write_file = resolve_name(format_name, FORMATS, "form")
    if output is None:
        return write_file(run, language, None)
    is_folder = output.is_dir() or not output.suffix
    path = output / FILE_NAMES[format_name] if is_folder else output
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _claim_report_files(path.parent, run)
        return write_file(run, language, path)
    except OSError as error:
        raise UserError(f"--output={output}: cannot be written ({error.strerror})") from None


def choose_format(output: Path) -> str:
    """The form that a file's name asks for; html for a folder. UserError for another name."""
    suffix = output.suffix.lower()
    if output.is_dir() or not suffix:
        return "html"
    if suffix not in FORMATS_BY_SUFFIX:
        known = ", ".join(FORMATS_BY_SUFFIX)
        raise UserError(f"--output={output}: name a folder, or a file that ends in {known}")
    return FORMATS_BY_SUFFIX[suffix]


def _claim_report_files(folder: Path, run: Path) -> None:
    """UserError where pictures of another run lie in the folder, which would be taken for this
    one's."""
    owner = folder / REPORT_FILES / OWNER_FILE
    run_id = run.resolve().name
    is_run_folder = is_run(folder) and folder.resolve() != run.resolve()
    if is_run_folder or (owner.exists() and owner.read_text("utf-8").strip() != run_id):
        raise UserError(f"{folder}: has the report of another run; name another folder")
    owner.parent.mkdir(exist_ok=True, mode=0o700)
    with atomic_private_file(owner) as file:
        file.write(f"{run_id}\n".encode())


def write_markdown(run: Path, language: str = "en", output: Path | None = None) -> Path:
    """report.md, with its pictures under report_files/."""
    from vlm_lab.report.markdown import render_markdown

    path = output or run / FILE_NAMES["md"]
    return _write_text(path, render_markdown(_build_blocks(run, language, path.parent)))


def write_confluence(run: Path, language: str = "en", output: Path | None = None) -> Path:
    """report.confluence.xml, with the files to attach under report_files/."""
    from vlm_lab.report.confluence import render_confluence

    path = output or run / FILE_NAMES["confluence"]
    return _write_text(path, render_confluence(_build_blocks(run, language, path.parent)))


def write_csv(run: Path, language: str = "en", output: Path | None = None) -> Path:
    """A folder of tables: in English for scripts, in another language for its Excel."""
    from vlm_lab.report.tables_csv import write_csv_tables

    report = read_report(run)
    evidence = build_evidence(report)
    folder = output or run / REPORT_FILES / FILE_NAMES["csv"]
    return write_csv_tables(
        report, evidence, read_report_records(run), folder, load_catalogue(language)
    )[0].parent


def _write_text(path: Path, text: str) -> Path:
    with atomic_private_file(path) as file:
        file.write(text.encode("utf-8", "replace"))
    return path


def _build_blocks(run: Path, language: str, folder: Path) -> Iterator[Block]:
    """What the report of a run says; its pictures are written into `folder`."""
    report, catalogue = read_report(run), load_catalogue(language)
    crops = write_error_crops(report, render_page_images(report, folder), folder)
    evidence = build_evidence(report)
    return build_report_blocks(
        report,
        evidence,
        list(_write_plots(report, evidence, folder, catalogue)),
        crops,
        catalogue,
    )


def _write_plots(
    report: Report, evidence: Evidence, folder: Path, catalogue: NullTranslations
) -> Iterator[Block]:
    """Each plot as a PNG under report_files/plots/; where one cannot be drawn, why."""
    for suite_number, (suite, summaries) in enumerate(tables.group_by_suite(report).items(), 1):
        plots_by_title = plots.plot_suite(report, summaries, evidence, catalogue.gettext)
        for plot_number, (title, draw) in enumerate(plots_by_title.items(), 1):
            if draw:
                address = f"{REPORT_FILES}/plots/suite-{suite_number}-plot-{plot_number}.png"
                picture = Picture(address, f"{title}: {suite}")
                yield _write_plot(picture, draw, folder, catalogue)


def _write_plot(
    picture: Picture, draw: DrawPlot, folder: Path, catalogue: NullTranslations
) -> Block:
    try:
        content = render_png(draw, catalogue=catalogue)
    except Exception as error:  # whatever one value does to a plot costs that plot
        reason = f"{type(error).__name__}: {error}"
        return Paragraph(f"{picture.title}: {catalogue.gettext('no picture: %s') % reason}")
    path = folder / picture.address
    make_private_folder(path.parent, folder)
    with atomic_private_file(path) as file:
        file.write(content)
    return picture
