"""What a whole run says of each candidate, as tests that pytest and its plugins report: a
regression is a failing testcase of its own in JUnit XML, and pytest's last line counts it under a
word of its own; the line after that one names the candidates.

In: the report and the gate's result. Out: checks, and pytest's reports of them. A wrong value fails
no case; what is failed here was asked for by `--baseline` or `--fail-on-skip`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import pytest

from vlm_lab.decision.regression_gate import GateResult
from vlm_lab.exit_status import ExitStatus
from vlm_lab.messages import translate_messages
from vlm_lab.report.unanswered import format_unanswered, has_run
from vlm_lab.types import CandidateKey, Summary

CheckStatus = Literal["ok", "regressed", "not_comparable", "not_measured"]
# They remember the names of tests to run them again, or to stop after them; these are none.
UNTOLD_PLUGINS = ("session", "lfplugin", "nfplugin", "stepwiseplugin")


@dataclass(frozen=True, slots=True)
class CandidateCheck:
    """One promise about one candidate, and what came of it. `test_id` is its name as a test;
    `candidate` is None where the promise is about all of them."""

    test_id: str
    candidate: CandidateKey | None
    status: CheckStatus
    message: str


def check_baseline(gate_result: GateResult) -> list[CandidateCheck]:
    """Whether each candidate of the baseline is as good as it was; the whole run where none of them
    was in it."""
    if not gate_result.by_candidate:
        return [_make_baseline_check(None, gate_result)]
    return [
        _make_baseline_check(candidate, result)
        for candidate, result in gate_result.by_candidate.items()
    ]


def _make_baseline_check(candidate: CandidateKey | None, result: GateResult) -> CandidateCheck:
    name = "-".join(candidate) if candidate else "all"
    message = "\n".join(translate_messages(result.lines))
    return CandidateCheck(f"baseline::no_worse[{name}]", candidate, result.status, message)


def check_measured(summaries: Sequence[Summary]) -> list[CandidateCheck]:
    """Whether each candidate was asked about any document at all."""
    return [
        CandidateCheck(
            f"skips::measured[{'-'.join(summary.candidate)}]",
            summary.candidate,
            "ok" if has_run(summary) else "not_measured",
            "\n".join(format_unanswered([summary])),
        )
        for summary in summaries
    ]


def compute_exit_status(checks: Sequence[CandidateCheck]) -> ExitStatus:
    """How the run ends. What got worse or was not measured outweighs what cannot be compared."""
    statuses = {check.status for check in checks}
    if statuses & {"regressed", "not_measured"}:
        return ExitStatus.FAILED
    return ExitStatus.NOT_COMPARABLE if "not_comparable" in statuses else ExitStatus.OK


def format_last_line(checks: Sequence[CandidateCheck]) -> str:
    """`regressed: qwen2-vl-2b, ocr; not comparable: perfect`; "" where all is well."""
    candidates = [check.candidate for check in checks if check.candidate]
    names_by_status: dict[str, list[str]] = {}
    for check in checks:
        if check.candidate and check.status != "ok":
            name = _shorten_name(check.candidate, candidates)
            names_by_status.setdefault(check.status.replace("_", " "), []).append(name)
    return "; ".join(f"{status}: {', '.join(names)}" for status, names in names_by_status.items())


def _shorten_name(candidate: CandidateKey, candidates: Collection[CandidateKey]) -> str:
    """The model alone where it has one candidate; its prompt and suite where they are needed to
    tell it from another."""
    others = {other for other in candidates if other != candidate}
    if candidate.model not in {other.model for other in others}:
        return candidate.model
    if candidate.label not in {other.label for other in others}:
        return candidate.label
    return f"{candidate.suite}: {candidate.label}"


def publish_checks(config: pytest.Config, checks: Sequence[CandidateCheck]) -> None:
    """Hands them to the plugins that report tests."""
    plugins = map(config.pluginmanager.get_plugin, UNTOLD_PLUGINS)
    log_report = config.pluginmanager.subset_hook_caller(
        "pytest_runtest_logreport", [plugin for plugin in plugins if plugin is not None]
    )
    for check in checks:
        log_report(report=_make_report(check))


def _make_report(check: CandidateCheck) -> pytest.TestReport:
    """JUnit XML takes what failed in a set-up for an error: nothing was found out about the
    candidate."""
    is_ok = check.status == "ok"
    return pytest.TestReport(
        nodeid=check.test_id,
        location=(check.test_id.partition("::")[0], None, check.test_id),
        keywords={},
        outcome="passed" if is_ok else "failed",
        longrepr=None if is_ok else check.message,
        when="setup" if check.status == "not_comparable" else "call",
        vlm_lab_check=check.status,
    )


def find_check_word(report: pytest.TestReport) -> str | None:
    """The word under which pytest's last line counts a report of ours: `regressed`, `not
    comparable`, `not measured`, "" for what is well and not counted; None for any other report."""
    status: CheckStatus | None = getattr(report, "vlm_lab_check", None)
    if status is None:
        return None
    return "" if status == "ok" else status.replace("_", " ")
