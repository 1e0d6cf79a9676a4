"""What each candidate got done that was asked many things at once, as a table: rows of text for
the terminal and every form of the report.
"""

from collections.abc import Sequence
from gettext import NullTranslations

from vlm_lab.messages import ENGLISH
from vlm_lab.report.formatting import format_number
from vlm_lab.types import CandidateKey, Report, Summary

THROUGHPUT_COLUMNS = (
    "model",
    "prompt",
    "documents",
    "docs/s",
    "tok/s",
    "busy",
    "at once",
    "flips",
)
THROUGHPUT_LEGEND = (
    "Many requests at once, from the first of them to the last answer: no document has seconds of"
    " its own. Busy: the share of that time in which the model worked (of a server: in which it had"
    " a request). Flips: values that are others when --probe asks documents again one by one."
)


def build_throughput_rows(
    report: Report, summaries: Sequence[Summary], catalogue: NullTranslations = ENGLISH
) -> list[list[str]]:
    """The candidates that were asked in the scenario `offline`, under THROUGHPUT_COLUMNS."""
    rows = []
    for summary in summaries:
        throughput = summary.speed.throughput
        if throughput is None:
            continue
        rows.append(
            [
                summary.model,
                summary.prompt_id,
                str(throughput.documents),
                format_number(throughput.documents_per_second, ".3g", catalogue),
                format_number(throughput.tokens_per_second, ".0f", catalogue),
                format_number(throughput.busy_share, ".0%", catalogue),
                format_number(throughput.mean_batch, ".1f", catalogue),
                _format_flips(report, summary.candidate),
            ]
        )
    return rows


def _format_flips(report: Report, candidate: CandidateKey) -> str:
    """`3/120`: of how many values; a dash where nobody asked again."""
    for probe in report.probes:
        if probe.candidate == candidate and probe.how == "alone" and probe.values:
            return f"{probe.flipped}/{probe.values}"
    return "-"
