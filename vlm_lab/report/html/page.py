"""report.html: one file that opens from disk, without a server or a network; report_files/ beside
it has page images and long texts.

The first screen is plain HTML and needs no script; looking at documents does. What models said is
data: it stands in the page as JSON, reaches it as text alone, and the page's policy allows no other
script, style or address.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vlm_lab.analysis.evidence import Evidence, build_evidence
from vlm_lab.analysis.label_errors import translate_label_error_reasons
from vlm_lab.commands import format_command
from vlm_lab.errors import UserError
from vlm_lab.files import atomic_private_file
from vlm_lab.records.report_json import read_report, read_report_records
from vlm_lab.report import headline, tables
from vlm_lab.report.html.data import build_page_data, encode_script_json
from vlm_lab.report.html.jinja_environment import TEMPLATE_FOLDER, build_environment, hash_source
from vlm_lab.report.html.suite_context import build_suite_context
from vlm_lab.report.images.pages import start_page_images
from vlm_lab.report.images.places import add_value_places
from vlm_lab.report.next_steps import find_run_argument
from vlm_lab.report.translation import load_catalogue
from vlm_lab.scoring.error_types import ERROR_TYPES
from vlm_lab.scoring.missing_values import MISSING_ERROR_TYPES
from vlm_lab.suite.corrections import merge_entries
from vlm_lab.suite.corrections_file import read_saved_entries
from vlm_lab.types import Report

HTML_FILE = "report.html"
SCRIPTS = (
    "base.js",
    "table.js",
    "sort.js",
    "matrix.js",
    "page.js",
    "places.js",
    "texts.js",
    "decision.js",
    "label_errors.js",
    "view.js",
)
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src 'self' data: file:; style-src '{style}';"
    " script-src '{script}' 'self' file:; base-uri 'none'; form-action 'none'"
)


def write_html(run: Path, language: str = "en", output: Path | None = None) -> Path:
    """Writes a run's page from its report.json, with report_files/ beside it; where it lies."""
    path = output or run / HTML_FILE
    report = read_report(run)
    with start_page_images(report, path.parent) as wait_for_images:
        records = read_report_records(run)
        data = build_page_data(report, records, path.parent, load_catalogue(language))
        images = wait_for_images()
    for document in data["documents"]:
        document["pages"] = images.get((document["suite"], document["id"]), [])
    add_value_places(report, data["documents"], path.parent)
    evidence = build_evidence(report)
    data |= {
        "run": report.run["id"],
        "label_errors": _build_label_errors(report, language),
        "saved_entries": _read_saved_entries(report),
    }
    with atomic_private_file(path) as file:
        file.write(render_page(report, data, evidence, language).encode("utf-8", "replace"))
    return path


def render_page(report: Report, data: Mapping[str, Any], evidence: Evidence, language: str) -> str:
    """The whole document."""
    catalogue = load_catalogue(language)
    script = encode_script_json({**data, "labels": _translate_labels(catalogue.gettext)})
    style = (TEMPLATE_FOLDER / "report.css").read_text("utf-8")
    script_source = "\n".join((TEMPLATE_FOLDER / name).read_text("utf-8") for name in SCRIPTS)
    return (
        build_environment(language)
        .get_template("report.html")
        .render(
            language=language,
            policy=CONTENT_SECURITY_POLICY.format(
                style=hash_source(style), script=hash_source(script_source)
            ),
            style=Markup(style),  # noqa: S704 - our own file
            code=Markup(script_source),  # noqa: S704 - our own file
            data=Markup(script),  # noqa: S704 - escaped by `encode_script_json`
            report=report,
            run_name=headline.format_run_name(report),
            evidence=evidence,
            conditions=headline.build_conditions(report, evidence, catalogue.gettext),
            suites=[
                build_suite_context(report, name, summaries, data, evidence, catalogue)
                for name, summaries in tables.group_by_suite(report).items()
            ],
            gate_line=headline.format_gate(report, catalogue),
            corrections_command=format_command("corrections", find_run_argument(report), "--serve"),
            gate_lines=headline.format_gate_lines(report, catalogue),
            label_error_count=len(data["label_errors"]),
        )
    )


def _build_label_errors(report: Report, language: str) -> list[dict[str, Any]]:
    """Entries of corrections.json, still to be decided, each with its suite and why it is doubted,
    as the page says it: the file has that in English."""
    return [
        {
            **entry,
            "suite": label_error.suite,
            "agreed": label_error.agreed,
            "reasons": translate_label_error_reasons(label_error, load_catalogue(language)),
        }
        for label_error in report.suspects
        for entry in merge_entries([label_error], [])
    ]


def _read_saved_entries(report: Report) -> dict[str, Sequence[Mapping[str, Any]] | None]:
    """What the suites' files of corrections say now: what the page hands out must not lose it. None
    where a file cannot be read: then nothing is handed out in its place."""
    entries: dict[str, Sequence[Mapping[str, Any]] | None] = {}
    for suite in report.suites:
        path = suite.get("corrections")
        try:
            entries[suite["name"]] = read_saved_entries(Path(path)).entries if path else ()
        except UserError:
            entries[suite["name"]] = None
    return entries


def _translate_labels(gettext: tables.Translator) -> dict[str, str]:
    """What the scripts say."""
    return {text: gettext(text) for text in (*SCRIPT_LABELS, *ERROR_TYPES, *MISSING_ERROR_TYPES)}


SCRIPT_LABELS = (
    "field", "expected", "exact", "only the format differs", "wrong", "missing", "spurious",
    "not labelled", "not in this answer", "ok", "unparsed", "truncated", "refused", "error",
    "skipped", "not run", "dry run", "nothing", "confidence", "Reply and prompt", "Reply",
    "Prompt", "close", "no reply", "Page %s of %s", "no page image", "page %s",
    "No document fits these filters.", "%s of %s documents", "reference wrong", "model wrong",
    "both wrong", "the page shows none", "decided",
    "The suite's corrections.json cannot be read: mend it, then write this report again.",
    "Type the value on the page, or tick that it shows none.", "Reference", "Value on the page",
    "%s of %s decided", "errors",
    "The reply cannot be loaded: report_files/ is not beside report.html.", "all", "any",
    "doubtful reference", "in %s s", "Not simply answered", "not shown", "document",
    "Search documents", "only where candidates differ", "all right", "fields wrong: %s",
    "not answered", "not judged", "show all %s", "errors in all", "Document by document",
    "show all %s characters", "Place on the page", "the place on the page is not known",
    "sort by this column",
)  # fmt: skip
