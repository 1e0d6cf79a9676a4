"""report.html: one file that opens from disk, without a server or a network; report_files/ beside
it has page images and long texts.

The first screen is plain HTML and needs no script; looking at documents does. What models said is
data: it stands in the page as JSON, reaches it as text alone, and the page's policy allows no other
script, style or address.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from vlm_lab.analysis.evidence import Evidence, build_evidence
from vlm_lab.analysis.label_errors import translate_label_error_reasons
from vlm_lab.commands import format_command
from vlm_lab.errors import UserError
from vlm_lab.files import atomic_private_file
from vlm_lab.messages import translate_message
from vlm_lab.records.report_json import read_report, read_report_records
from vlm_lab.report import headline, plots, tables
from vlm_lab.report.cards import (
    build_cards,
    describe_common_reasons,
    describe_lead,
    list_suite_steps,
)
from vlm_lab.report.confidence_table import (
    CONFIDENCE_COLUMNS,
    CONFIDENCE_LEGEND,
    LINE_TITLE,
    POLICY_TITLE,
    build_confidence_rows,
    format_confidence_lines,
    format_policy_lines,
)
from vlm_lab.report.formatting import (
    format_estimate,
    format_interval,
    format_unanswered,
    format_unasked,
    format_unjudged,
    format_unmatched,
    is_unasked,
)
from vlm_lab.report.html.data import build_page_data, encode_script_json
from vlm_lab.report.images.pages import start_page_images
from vlm_lab.report.images.places import add_value_places
from vlm_lab.report.labels_table import LABELS_COLUMNS, LABELS_LEGEND, build_labels_rows
from vlm_lab.report.next_steps import find_run_argument
from vlm_lab.report.plot_rendering import DrawPlot, render_svg
from vlm_lab.report.reading_table import READING_COLUMNS, READING_LEGEND, build_reading_rows
from vlm_lab.report.throughput_table import (
    THROUGHPUT_COLUMNS,
    THROUGHPUT_LEGEND,
    build_throughput_rows,
)
from vlm_lab.report.trade_table import COST_LEGEND, TRADE_LEGEND, build_trade_table
from vlm_lab.report.translation import format_more_documents, load_catalogue
from vlm_lab.report.variant_table import VARIANT_COLUMNS, VARIANT_LEGEND, build_variant_rows
from vlm_lab.sanitize import terminal_safe
from vlm_lab.scoring.error_types import ERROR_TYPES
from vlm_lab.scoring.missing_values import MISSING_ERROR_TYPES
from vlm_lab.suite.corrections import merge_entries
from vlm_lab.suite.corrections_file import read_saved_entries
from vlm_lab.types import CandidateKey, Report, Summary

HTML_FILE = "report.html"
TEMPLATE_FOLDER = Path(__file__).parent / "templates"
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
                _build_suite_context(report, name, summaries, data, evidence, catalogue)
                for name, summaries in tables.group_by_suite(report).items()
            ],
            gate_line=headline.format_gate(report, catalogue),
            corrections_command=format_command("corrections", find_run_argument(report), "--serve"),
            gate_lines=headline.format_gate_lines(report, catalogue),
            trade_legend=TRADE_LEGEND,
            cost_legend=COST_LEGEND,
            label_error_count=len(data["label_errors"]),
        )
    )


def build_style_policy(style: str) -> str:
    """The policy of a page that has a style sheet and nothing else."""
    source = hash_source(style)
    return f"default-src 'none'; style-src '{source}'; base-uri 'none'; form-action 'none'"


def build_environment(language: str, *folders: Path) -> Environment:
    """Jinja2 with everything escaped, in one language. Templates are looked for in `folders` before
    the report's own."""
    jinja = Environment(
        loader=FileSystemLoader([*folders, TEMPLATE_FOLDER]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        finalize=lambda value: terminal_safe(value) if type(value) is str else value,
    )
    jinja.install_gettext_translations(load_catalogue(language))  # type: ignore[attr-defined]
    jinja.globals.update(tables=tables)
    translated_functions: dict[str, Callable[..., Any]] = {
        "build_model_row": tables.build_model_row,
        "format_calibration_notes": tables.format_calibration_notes,
        "format_more_documents": format_more_documents,
        "format_unanswered": format_unanswered,
        "format_estimate": format_estimate,
        "format_interval": format_interval,
        "translate_message": translate_message,
    }
    jinja.globals.update(
        {
            name: partial(function, catalogue=load_catalogue(language))
            for name, function in translated_functions.items()
        }
    )
    return jinja


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


def _build_suite_context(
    report: Report,
    name: str,
    summaries: Sequence[Summary],
    data: Mapping[str, Any],
    evidence: Evidence,
    catalogue: NullTranslations,
) -> dict[str, Any]:
    """What the template shows of one suite: candidates that were not asked have a line, no
    column."""
    gettext = catalogue.gettext
    asked_summaries = [summary for summary in summaries if not is_unasked(summary)]
    plots_by_title = {
        **plots.plot_suite(report, summaries, evidence, gettext),
        gettext("How long replies take"): plots.plot_latency(_collect_seconds(data, name), gettext),
    }
    return {
        "name": name,
        "headline": headline.format_headline(report, name, summaries, catalogue),
        "lead": describe_lead(report, name, summaries, catalogue),
        "common_reasons": describe_common_reasons(report, name, catalogue),
        "steps": list_suite_steps(report, name, catalogue),
        "cards": build_cards(report, name, catalogue),
        "trade_table": build_trade_table(report, asked_summaries, catalogue),
        "summaries": asked_summaries,
        "unasked": format_unasked(summaries, catalogue),
        "unjudged": format_unjudged(summaries, catalogue),
        "unmatched": format_unmatched(summaries, catalogue),
        "all_summaries": summaries,
        "plots": [
            (title, _render_plot(draw, title, catalogue))
            for title, draw in plots_by_title.items()
            if draw
        ],
        "throughput": {
            "columns": THROUGHPUT_COLUMNS,
            "rows": build_throughput_rows(report, asked_summaries, catalogue),
            "legend": THROUGHPUT_LEGEND,
        },
        "readings": {
            "columns": READING_COLUMNS,
            "rows": build_reading_rows(asked_summaries, catalogue),
            "legend": READING_LEGEND,
        },
        "labels": {
            "columns": LABELS_COLUMNS,
            "rows": build_labels_rows(asked_summaries, catalogue),
            "legend": LABELS_LEGEND,
        },
        "variants": {
            "columns": VARIANT_COLUMNS,
            "rows": build_variant_rows(report, asked_summaries, catalogue),
            "legend": VARIANT_LEGEND,
        },
        "confidence": {
            "title": gettext(LINE_TITLE),
            "lines": format_confidence_lines(report, name, catalogue),
            "columns": CONFIDENCE_COLUMNS,
            "rows": build_confidence_rows(report, name, catalogue),
            "legend": CONFIDENCE_LEGEND,
        },
        "policies": {
            "title": gettext(POLICY_TITLE),
            "lines": format_policy_lines(report, name, catalogue),
        },
        "sweeps": [
            (
                plots.format_sweep_title(curve, gettext),
                translate_message(curve.conclusion, catalogue),
                tables.build_sweep_rows(curve, catalogue),
            )
            for curve in report.sweeps
            if curve.suite == name
        ],
        "label_error_rows": tables.build_label_error_rows(report, name, catalogue),
        "difference_rows": tables.build_difference_rows(report, name, catalogue),
        "paths": tables.collect_field_paths(asked_summaries),
        "error_types": tables.count_error_types(asked_summaries),
        "amount_errors": tables.build_amount_error_rows(asked_summaries, catalogue),
    }


def _render_plot(draw: DrawPlot, title: str, catalogue: NullTranslations) -> Markup | str:
    try:
        return Markup(render_svg(draw, title, catalogue=catalogue))  # noqa: S704 - by matplotlib
    except Exception as error:  # whatever one value does to a plot costs that plot
        return catalogue.gettext("no picture: %s") % f"{type(error).__name__}: {error}"


def _collect_seconds(data: Mapping[str, Any], suite: str) -> dict[str, list[float]]:
    """Seconds of each reply by candidate."""
    seconds_by_candidate: dict[str, list[float]] = {}
    for document in data["documents"]:
        for column, cell in document["cells"].items():
            candidate = CandidateKey(*data["candidates"][column].values())
            if candidate.suite == suite and cell.get("seconds"):
                seconds_by_candidate.setdefault(candidate.label, []).append(cell["seconds"])
    return seconds_by_candidate


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


def hash_source(text: str) -> str:
    """A style or a script as a policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
