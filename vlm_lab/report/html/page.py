"""report.html: one file that opens from disk, without a server or a network; report_files/ beside it has page images
and long texts.

The first screen is plain HTML and needs no script; looking at documents does. What models said is data: it stands in
the page as JSON, reaches it as text alone, and the page's policy allows no other script, style or address.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from vlm_lab.analysis.evidence import Evidence, evidence
from vlm_lab.analysis.label_errors import why
from vlm_lab.files import private_file
from vlm_lab.messages import worded, worded_all
from vlm_lab.records.report_json import read_report, read_rows
from vlm_lab.report import plots, tables
from vlm_lab.report.formatting import absent, interval, never_asked, share, troubles
from vlm_lab.report.html.data import cells, script
from vlm_lab.report.images.pages import page_images
from vlm_lab.report.translation import catalogue, evidence_of, more
from vlm_lab.sanitize import shown
from vlm_lab.scoring.error_types import KINDS, TOLD_BY_STATUS
from vlm_lab.suite.corrections import entries_of
from vlm_lab.types import CandidateKey, Report, Summary

NAME = "report.html"
TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("table.js", "page.js", "doubts.js", "view.js")
POLICY = (
    "default-src 'none'; img-src 'self' data: file:; style-src '{style}'; script-src '{script}' 'self' file:;"
    " base-uri 'none'; form-action 'none'"
)


def write_html(folder: Path, language: str = "en") -> Path:
    """Writes report.html and report_files/ for the run in `folder` from its report.json; where it lies."""
    report = read_report(folder)
    images = page_images(report, folder)
    data = cells(report, read_rows(folder), folder)
    for document in data["documents"]:
        document["pages"] = images.get((document["suite"], document["id"]), [])
    seen = evidence(report)
    data |= {"run": report.run["id"], "doubts": _doubts(report, language)}
    with private_file(folder / NAME) as file:
        file.write(page(report, data, seen, language).encode("utf-8", "replace"))
    return folder / NAME


def page(report: Report, data: Mapping[str, Any], seen: Evidence, language: str) -> str:
    """The whole document."""
    words = catalogue(language)
    style = (TEMPLATES / "report.css").read_text("utf-8")
    code = "\n".join((TEMPLATES / name).read_text("utf-8") for name in SCRIPTS)
    return (
        environment(language)
        .get_template("report.html")
        .render(
            language=language,
            policy=POLICY.format(style=_hash(style), script=_hash(code)),
            style=Markup(style),  # noqa: S704 - our own file
            code=Markup(code),  # noqa: S704 - our own file
            data=Markup(script({**data, "words": _labels(words.gettext)})),  # noqa: S704 - escaped by `script`
            report=report,
            headlines=tables.headlines(report, words),
            seen=seen,
            conditions=tables.conditions(report, seen, words.gettext),
            suites=[_suite(name, own, data, seen, words.gettext) for name, own in tables.suites(report).items()],
            spared={name: tables.spared(report, name) for name in tables.suites(report)},
            compared={name: tables.differences(report, name, words.gettext) for name in tables.suites(report)},
            doubts=len(data["doubts"]),
        )
    )


def style_policy(style: str) -> str:
    """The policy of a page that has a style sheet and nothing else."""
    return f"default-src 'none'; style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'"


def environment(language: str) -> Environment:
    """Jinja2 with everything escaped, in one language."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        finalize=lambda value: shown(value) if type(value) is str else value,
    )
    made.install_gettext_translations(catalogue(language))  # type: ignore[attr-defined]
    made.globals.update(overview=tables, share=share, interval=interval)
    in_words: dict[str, Callable[..., Any]] = {
        "worded_all": worded_all,
        "doubts_of_worth": tables.doubts_of_worth,
        "evidence_of": evidence_of,
        "more": more,
        "troubles": troubles,
        "worded": worded,
    }
    made.globals.update({name: partial(each, words=catalogue(language)) for name, each in in_words.items()})
    return made


def _doubts(report: Report, language: str) -> list[dict[str, Any]]:
    """Entries of corrections.json, still to be decided, each with its suite and why it is doubted, as the page says it:
    the file has that in English."""
    return [
        {**entry, "suite": each.suite, "told": why(each, catalogue(language))}
        for each in report.suspects
        for entry in entries_of([each], [])
    ]


def _suite(
    name: str, own: Sequence[Summary], data: Mapping[str, Any], seen: Evidence, words: tables.Words
) -> dict[str, Any]:
    """What the template shows of one suite: candidates that were not asked have a line, no column."""
    asked = [each for each in own if not never_asked(each)]
    drawn = {
        **plots.of_suite(own, seen, words),
        words("How long replies take"): plots.latency(_seconds(data, name), words),
    }
    return {
        "name": name,
        "summaries": asked,
        "absent": absent(own),
        "everyone": own,
        "plots": [(title, Markup(plots.svg(draw, title))) for title, draw in drawn.items() if draw],  # noqa: S704
        "paths": tables.field_paths(asked),
        "kinds": tables.kinds(asked),
        "money": tables.money(asked),
    }


def _seconds(data: Mapping[str, Any], suite: str) -> dict[str, list[float]]:
    """Seconds of each reply by candidate."""
    found: dict[str, list[float]] = {}
    for document in data["documents"]:
        for column, cell in document["cells"].items():
            candidate = CandidateKey(*data["candidates"][column].values())
            if candidate.suite == suite and cell.get("seconds"):
                found.setdefault(candidate.label, []).append(cell["seconds"])
    return found


def _labels(words: tables.Words) -> dict[str, str]:
    """What the scripts say."""
    return {text: words(text) for text in (*LABELS, *KINDS, *TOLD_BY_STATUS.values())}


LABELS = (
    "field", "expected", "exact", "only the format differs", "wrong", "missing", "spurious", "not labelled",
    "not in this answer", "ok", "unparsed", "truncated", "refused", "error", "skipped", "not run", "dry run", "nothing",
    "confidence", "Reply and prompt", "Reply", "Prompt", "close", "no reply", "Page %s of %s", "no page image",
    "page %s", "No document fits these filters.", "%s of %s documents", "reference wrong", "model wrong",
    "both acceptable", "Reference", "Value on the page", "%s of %s decided", "errors",
    "The reply cannot be loaded: report_files/ is not beside report.html.", "all", "any", "doubtful reference",
    "in %s s", "Not simply answered",
)  # fmt: skip


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
