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
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from vlm_lab.analysis.evidence import Evidence, build_evidence
from vlm_lab.analysis.label_errors import translate_label_error_reasons
from vlm_lab.files import atomic_private_file
from vlm_lab.messages import translate_message, translate_messages
from vlm_lab.records.report_json import read_report, read_report_records
from vlm_lab.report import plots, tables
from vlm_lab.report.formatting import (
    format_estimate,
    format_interval,
    format_unanswered,
    format_unasked,
    is_unasked,
)
from vlm_lab.report.html.data import build_page_data, encode_script_json
from vlm_lab.report.images.pages import render_page_images
from vlm_lab.report.translation import (
    format_decision_evidence,
    format_more_documents,
    load_catalogue,
)
from vlm_lab.sanitize import terminal_safe
from vlm_lab.scoring.error_types import ERROR_TYPES, ERROR_TYPES_BY_STATUS
from vlm_lab.suite.corrections import merge_entries
from vlm_lab.types import CandidateKey, Report, Summary

HTML_FILE = "report.html"
TEMPLATE_FOLDER = Path(__file__).parent / "templates"
SCRIPTS = ("table.js", "page.js", "doubts.js", "view.js")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src 'self' data: file:; style-src '{style}'; script-src '{script}' 'self' file:;"
    " base-uri 'none'; form-action 'none'"
)


def write_html(folder: Path, language: str = "en") -> Path:
    """Writes report.html and report_files/ for the run in `folder` from its report.json; where it
    lies."""
    report = read_report(folder)
    images = render_page_images(report, folder)
    data = build_page_data(report, read_report_records(folder), folder)
    for document in data["documents"]:
        document["pages"] = images.get((document["suite"], document["id"]), [])
    seen = build_evidence(report)
    data |= {"run": report.run["id"], "doubts": _build_label_errors(report, language)}
    with atomic_private_file(folder / HTML_FILE) as file:
        file.write(render_page(report, data, seen, language).encode("utf-8", "replace"))
    return folder / HTML_FILE


def render_page(report: Report, data: Mapping[str, Any], seen: Evidence, language: str) -> str:
    """The whole document."""
    words = load_catalogue(language)
    script = encode_script_json({**data, "words": _translate_labels(words.gettext)})
    style = (TEMPLATE_FOLDER / "report.css").read_text("utf-8")
    code = "\n".join((TEMPLATE_FOLDER / name).read_text("utf-8") for name in SCRIPTS)
    return (
        build_environment(language)
        .get_template("report.html")
        .render(
            language=language,
            policy=CONTENT_SECURITY_POLICY.format(
                style=_hash_source(style), script=_hash_source(code)
            ),
            style=Markup(style),  # noqa: S704 - our own file
            code=Markup(code),  # noqa: S704 - our own file
            data=Markup(script),  # noqa: S704 - escaped by `encode_script_json`
            report=report,
            headlines=tables.format_headlines(report, words),
            seen=seen,
            conditions=tables.build_conditions(report, seen, words.gettext),
            suites=[
                _build_suite_context(name, own, data, seen, words.gettext)
                for name, own in tables.group_by_suite(report).items()
            ],
            spared={
                name: tables.build_label_error_rows(report, name)
                for name in tables.group_by_suite(report)
            },
            compared={
                name: tables.build_difference_rows(report, name, words.gettext)
                for name in tables.group_by_suite(report)
            },
            doubts=len(data["doubts"]),
        )
    )


def build_style_policy(style: str) -> str:
    """The policy of a page that has a style sheet and nothing else."""
    return f"default-src 'none'; style-src '{_hash_source(style)}'; base-uri 'none'; form-action 'none'"


def build_environment(language: str) -> Environment:
    """Jinja2 with everything escaped, in one language."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATE_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        finalize=lambda value: terminal_safe(value) if type(value) is str else value,
    )
    made.install_gettext_translations(load_catalogue(language))  # type: ignore[attr-defined]
    made.globals.update(tables=tables, share=format_estimate, interval=format_interval)
    in_words: dict[str, Callable[..., Any]] = {
        "worded_all": translate_messages,
        "doubts_of_worth": tables.format_calibration_notes,
        "evidence_of": format_decision_evidence,
        "more": format_more_documents,
        "troubles": format_unanswered,
        "worded": translate_message,
    }
    made.globals.update(
        {name: partial(each, catalogue=load_catalogue(language)) for name, each in in_words.items()}
    )
    return made


def _build_label_errors(report: Report, language: str) -> list[dict[str, Any]]:
    """Entries of corrections.json, still to be decided, each with its suite and why it is doubted,
    as the page says it: the file has that in English."""
    return [
        {
            **entry,
            "suite": each.suite,
            "told": translate_label_error_reasons(each, load_catalogue(language)),
        }
        for each in report.suspects
        for entry in merge_entries([each], [])
    ]


def _build_suite_context(
    name: str,
    own: Sequence[Summary],
    data: Mapping[str, Any],
    seen: Evidence,
    words: tables.Translator,
) -> dict[str, Any]:
    """What the template shows of one suite: candidates that were not asked have a line, no
    column."""
    asked = [each for each in own if not is_unasked(each)]
    drawn = {
        **plots.plot_suite(own, seen, words),
        words("How long replies take"): plots.plot_latency(_collect_seconds(data, name), words),
    }
    return {
        "name": name,
        "summaries": asked,
        "absent": format_unasked(own),
        "everyone": own,
        "plots": [
            (title, Markup(plots.render_svg(draw, title)))  # noqa: S704 - drawn by matplotlib
            for title, draw in drawn.items()
            if draw
        ],
        "paths": tables.collect_field_paths(asked),
        "kinds": tables.count_error_types(asked),
        "money": tables.build_amount_error_rows(asked),
    }


def _collect_seconds(data: Mapping[str, Any], suite: str) -> dict[str, list[float]]:
    """Seconds of each reply by candidate."""
    found: dict[str, list[float]] = {}
    for document in data["documents"]:
        for column, cell in document["cells"].items():
            candidate = CandidateKey(*data["candidates"][column].values())
            if candidate.suite == suite and cell.get("seconds"):
                found.setdefault(candidate.label, []).append(cell["seconds"])
    return found


def _translate_labels(words: tables.Translator) -> dict[str, str]:
    """What the scripts say."""
    return {
        text: words(text)
        for text in (*SCRIPT_LABELS, *ERROR_TYPES, *ERROR_TYPES_BY_STATUS.values())
    }


SCRIPT_LABELS = (
    "field", "expected", "exact", "only the format differs", "wrong", "missing", "spurious",
    "not labelled", "not in this answer", "ok", "unparsed", "truncated", "refused", "error",
    "skipped", "not run", "dry run", "nothing", "confidence", "Reply and prompt", "Reply",
    "Prompt", "close", "no reply", "Page %s of %s", "no page image", "page %s",
    "No document fits these filters.", "%s of %s documents", "reference wrong", "model wrong",
    "both acceptable", "Reference", "Value on the page", "%s of %s decided", "errors",
    "The reply cannot be loaded: report_files/ is not beside report.html.", "all", "any",
    "doubtful reference", "in %s s", "Not simply answered",
)  # fmt: skip


def _hash_source(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
