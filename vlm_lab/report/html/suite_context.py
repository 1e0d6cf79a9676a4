"""A suite of a run -> what the page's template shows of it: cards, tables, plots and legends.

What cannot be drawn costs that plot alone.
"""

from collections.abc import Mapping, Sequence
from gettext import NullTranslations
from typing import Any

from markupsafe import Markup

from vlm_lab.analysis.evidence import Evidence
from vlm_lab.messages import translate_message
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
from vlm_lab.report.labels_table import LABELS_COLUMNS, LABELS_LEGEND, build_labels_rows
from vlm_lab.report.plot_rendering import DrawPlot, render_svg
from vlm_lab.report.reading_table import READING_COLUMNS, READING_LEGEND, build_reading_rows
from vlm_lab.report.throughput_table import (
    THROUGHPUT_COLUMNS,
    THROUGHPUT_LEGEND,
    build_throughput_rows,
)
from vlm_lab.report.trade_table import build_trade_table
from vlm_lab.report.unanswered import format_unasked, format_unjudged, format_unmatched, is_unasked
from vlm_lab.report.variant_table import VARIANT_COLUMNS, VARIANT_LEGEND, build_variant_rows
from vlm_lab.types import CandidateKey, Report, Summary


def build_suite_context(
    report: Report,
    name: str,
    summaries: Sequence[Summary],
    data: Mapping[str, Any],
    evidence: Evidence,
    catalogue: NullTranslations,
) -> dict[str, Any]:
    """What the template shows of one suite: candidates that were not asked have a line, no
    column."""
    asked_summaries = [summary for summary in summaries if not is_unasked(summary)]
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
        "plots": _render_plots(report, name, summaries, data, evidence, catalogue),
        **_build_legend_tables(report, asked_summaries, catalogue),
        **_build_booking_context(report, name, catalogue),
        "sweeps": [
            (
                plots.format_sweep_title(curve, catalogue.gettext),
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


def _build_legend_tables(
    report: Report, summaries: Sequence[Summary], catalogue: NullTranslations
) -> dict[str, Any]:
    """The tables that are shown where they have a row, each with the sentence that explains it."""
    return {
        "throughput": {
            "columns": THROUGHPUT_COLUMNS,
            "rows": build_throughput_rows(report, summaries, catalogue),
            "legend": THROUGHPUT_LEGEND,
        },
        "readings": {
            "columns": READING_COLUMNS,
            "rows": build_reading_rows(summaries, catalogue),
            "legend": READING_LEGEND,
        },
        "labels": {
            "columns": LABELS_COLUMNS,
            "rows": build_labels_rows(summaries, catalogue),
            "legend": LABELS_LEGEND,
        },
        "variants": {
            "columns": VARIANT_COLUMNS,
            "rows": build_variant_rows(report, summaries, catalogue),
            "legend": VARIANT_LEGEND,
        },
    }


def _build_booking_context(
    report: Report, suite: str, catalogue: NullTranslations
) -> dict[str, Any]:
    """How well signals tell right from wrong, and whether policies kept their promises."""
    return {
        "confidence": {
            "title": catalogue.gettext(LINE_TITLE),
            "lines": format_confidence_lines(report, suite, catalogue),
            "columns": CONFIDENCE_COLUMNS,
            "rows": build_confidence_rows(report, suite, catalogue),
            "legend": CONFIDENCE_LEGEND,
        },
        "policies": {
            "title": catalogue.gettext(POLICY_TITLE),
            "lines": format_policy_lines(report, suite, catalogue),
        },
    }


def _render_plots(
    report: Report,
    suite: str,
    summaries: Sequence[Summary],
    data: Mapping[str, Any],
    evidence: Evidence,
    catalogue: NullTranslations,
) -> list[tuple[str, Markup | str]]:
    """Each plot that has something to show, by its title."""
    gettext = catalogue.gettext
    seconds = _collect_seconds(data, suite)
    plots_by_title = {
        **plots.plot_suite(report, summaries, evidence, gettext),
        gettext("How long replies take"): plots.plot_latency(seconds, gettext),
    }
    return [
        (title, _render_plot(draw, title, catalogue))
        for title, draw in plots_by_title.items()
        if draw
    ]


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
