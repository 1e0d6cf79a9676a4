"""One run: a plan of cases, each answered and written as it ends, and what is left at the end.

plugin.py gives it pytest's words, so that nothing here knows pytest.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlm_lab.analysis import repeatability
from vlm_lab.backends.candidate import Candidate
from vlm_lab.commands import format_command, format_resume_command
from vlm_lab.config.setting_names import BACKENDS
from vlm_lab.errors import DiskError, UserError
from vlm_lab.exit_status import ExitStatus
from vlm_lab.messages import Message, in_english
from vlm_lab.records import run_folder
from vlm_lab.records.looks import Look, add_look, count_looks, hash_documents, list_openings
from vlm_lab.records.report_json import read_report
from vlm_lab.records.run_settings import RunSettings
from vlm_lab.run import dry_run, repeat
from vlm_lab.run.cached_replies import remove_abandoned_cache_parts
from vlm_lab.run.environment import collect_environment, describe_device
from vlm_lab.run.inference import InferenceRunner
from vlm_lab.run.options import Options
from vlm_lab.run.plan import Plan, list_models
from vlm_lab.run.progress import Progress
from vlm_lab.run.record import build_answered_record, build_failed_record
from vlm_lab.run.report_imports import ReportImports
from vlm_lab.run.resume import NOT_ANSWERED, describe_options, restore_options
from vlm_lab.run.run_writer import RunWriter
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import (
    Case,
    CaseKey,
    GateOutcome,
    Generation,
    Prediction,
    Prompt,
    Record,
    Repeatability,
    Score,
    Status,
)

if TYPE_CHECKING:
    from vlm_lab.decision.baseline import Baseline
    from vlm_lab.decision.regression_gate import GateResult
    from vlm_lab.run.candidate_checks import CandidateCheck
    from vlm_lab.types import Report


class Session:
    """Everything a run needs, read once: `plan` says what is asked, `runner` how it is answered."""

    def __init__(self, typed: Options, writer: RunWriter | None = None) -> None:
        self.writer = writer or RunWriter(typed.resume)
        options = restore_options(typed, self.writer.settings)
        if options.engine != "pytest":
            command = format_command("run", "--engine", "ray", "--resume", str(typed.resume))
            raise UserError(
                f"{typed.resume}: began on the machines of a cluster; go on with it so: {command}"
            )
        self.options = options
        self.plan = Plan(options, self.writer.settings)
        self.runner = InferenceRunner(options, self.plan)
        self.device = describe_device(self.runner.runtime)
        self.report_imports = ReportImports()
        self.started = datetime.now(UTC)
        self.baseline = _read_baseline(options.baseline)  # now: not after a night's run
        self.dry_run_warnings: list[Message | str] = []
        self.empty_selection: list[str] = []  # why `-k` selects nothing
        self.report: Report | None = None
        self.gate_result: GateResult | None = None
        self.checks: list[CandidateCheck] = []
        self.disk_error = ""  # why the run ended, where the disk took no more
        self._failed: set[CaseKey] = set()
        self._answered: set[CaseKey] = set()
        self.new_probes: dict[repeatability.ProbeKey, Repeatability] = {}

    def schedule_cases(self, cases: Sequence[Case]) -> None:
        """What was selected, in the order in which it will be asked."""
        self.plan.schedule_cases(cases)
        self.plan.notes = [*self._collect_model_warnings(cases), *self.plan.notes]
        self.progress = Progress(cases)

    def _collect_model_warnings(self, cases: Sequence[Case]) -> list[Message]:
        """What is known of the models before any is loaded. A user's own backend is code that runs
        when its first case comes, not earlier."""
        warnings: list[Message] = []
        for model in list_models(cases):
            if model.backend in BACKENDS:
                warnings += self.runner.make_candidate(model).find_warnings()
        return warnings

    def begin(self) -> None:
        """Makes the run's folder, once, before the first case. UserError where it cannot be
        written."""
        if self.writer.has_begun:
            return
        folder = self.writer.begin(
            self.options.output_dir, self.started, self._describe_settings, self.plan.cases
        )
        self.runner.reply_cache.begin_run(folder)
        if self.writer.makes_report and not self.options.dry_run:
            self.report_imports.begin(len(self.plan.cases))

    def _describe_settings(self) -> RunSettings:
        suites = [suite.name for suite, _ in self.plan.suites.values()]
        return RunSettings(
            started=self.started.isoformat(timespec="seconds"),
            command=self.options.command,
            options=describe_options(self.options),
            suites=tuple(suites),
            partial=tuple(self.plan.find_partial_suites()),
            first_prompts={case.model.name: case.model.prompts[0] for case in self.plan.cases},
            cases=tuple(case.key for case in self.plan.cases),
        )

    def record_answer(
        self,
        case: Case,
        prompt: Prompt,
        generation: Generation,
        prediction: Prediction,
        score: Score,
    ) -> Record:
        """Writes a case that was answered (in a dry run: one that would have been asked). Of a
        case that comes again the first answer counts: it was the one that was timed."""
        if self.options.dry_run:
            record = dry_run.build_record(case, prompt, generation, score)
        else:
            answer = build_answered_record(case, prompt, generation, prediction, score)
            record = replace(answer, reply_key=generation.reply_key)
        if case.key not in self._answered:
            self._write_record(case, record)
            self._answered.add(case.key)
        self.progress.add_record(record)
        return record

    def record_failure(self, case: Case, status: Status, error: BaseException) -> Record:
        """Writes a case that has no answer, with the reason."""
        record = build_failed_record(case, status, error)
        self._write_record(case, record)
        self._failed.add(case.key)
        self.progress.add_record(record)
        return record

    def _write_record(self, case: Case, record: Record) -> None:
        self.begin()
        with self._note_disk_error():
            self.writer.write_record(case, record)

    def finish_writing(self) -> None:
        """Returns when every record is on the disk. DiskError where the last one is not."""
        with self._note_disk_error():
            self.writer.finish_flushing()

    @contextmanager
    def _note_disk_error(self) -> Generator[None]:
        try:
            yield
        except DiskError as error:
            self.disk_error = terminal_safe(str(error))
            raise

    def has_written(self, case: Case) -> bool:
        """Whether this case is written already: what goes wrong after that takes no answer away."""
        return case.key in self._answered or case.key in self._failed

    def repeat_cases(self, candidate: Candidate) -> None:
        """`--probe`, when a model's cases have run and it is open, unless the run has ended."""
        options = self.options
        if not options.probe or options.no_model_option:
            return
        folder = self.writer.folder
        if folder is None or self.report is not None:
            return
        model_cases = [case for case in self.plan.cases if case.model == candidate.model]
        build_prompt = self.runner.build_sent_prompt
        probes = repeat.repeat_cases(
            candidate, model_cases, folder, build_prompt, options.probe, options.seed
        )
        for probe in probes:  # one by one: Ctrl-C leaves what was found out
            self.add_probes([probe])

    def add_probes(self, probes: Sequence[Repeatability]) -> None:
        """What second answers came to, of this process or another one of the run."""
        self.new_probes |= repeatability.index_probes(probes)

    def _collect_probes(self) -> list[Repeatability]:
        """Those of this run, those of the run that it goes on with, and why there is no other."""
        former_probes = _read_former_probes(self.options.resume)
        if not self.options.probe:
            return list(former_probes.values())
        option = self.options.no_model_option
        reason = Message("calls_no_model", {"option": option}) if option else Message("too_late")
        probes = {**former_probes, **self.new_probes}
        return repeatability.complete_probes(probes, self.plan.cases, reason)

    def read_answered(self) -> set[CaseKey]:
        """The cases that have an answer on disk, whichever process wrote it."""
        if self.writer.folder is None:
            return set()
        heads = run_folder.read_heads(self.writer.folder)
        return {head.key for head in heads if head.status not in NOT_ANSWERED}

    def gather_records(self) -> None:
        """What several processes wrote becomes what one would have left: records in the run's
        order. DiskError where they cannot be written anew."""
        folder = self.writer.folder
        if not self.writer.has_begun:
            self.writer.discard()
        if folder is None or not self.writer.has_begun:
            return
        self._answered = self.read_answered()
        order = [case.key for case in self.plan.cases]
        try:
            run_folder.sort_records(folder, order)
        except OSError as error:
            raise DiskError(
                f"{folder}: cannot be written ({error.strerror}); every answer is in records.jsonl"
            ) from None

    def finish(self) -> None:
        """Builds the report from what was written, and compares it with the baseline. DiskError
        where it cannot be written."""
        folder = self.writer.folder
        if folder is None:
            return
        self.finish_writing()
        if self.runner.reply_cache.refusal:
            self.plan.notes.insert(0, self.runner.reply_cache.refusal)
        try:
            self.writer.complete_folder(self.plan.cases)
            remove_abandoned_cache_parts(self.options.cache)
            self._write_report(folder)
        except OSError as error:
            raise DiskError(
                f"{error.filename or folder}: cannot be written ({error.strerror}); every answer is"
                " in records.jsonl, and what is missing is written by"
                f" {self._build_resume_command(folder)}"
            ) from None

    def _write_report(self, folder: Path) -> None:
        # Brings numpy, which collection can do without.
        from vlm_lab.run.finalize import finalize_run

        if self.options.dry_run:
            self.dry_run_warnings = dry_run.collect_warnings(run_folder.read_records(folder))
            self.plan.notes += self.dry_run_warnings
        machine = collect_environment(self.options.project, self.options.seed, self.device)
        plan, probes = self.plan, self._collect_probes()
        self.report = finalize_run(
            folder,
            self._describe_run(folder),
            machine,
            plan.candidates,
            plan.cases,
            plan.notes,
            probes,
            lambda report: self._compare_with_baseline(folder, report),
        )
        self.checks = self._check_candidates(self.report)

    def _compare_with_baseline(self, folder: Path, report: Report) -> GateOutcome | None:
        if self.baseline is None or self.options.dry_run:
            return None
        from vlm_lab.decision.baseline import build_run_baseline
        from vlm_lab.decision.regression_gate import check_regression

        records = run_folder.read_records(folder, [case.key for case in self.plan.cases])
        current_baseline = build_run_baseline(report, records)
        self.gate_result = check_regression(
            self.baseline,
            current_baseline,
            self.options.max_drop,
            self.options.fail_on_lost_field,
        )
        status, lines = self.gate_result.status, self.gate_result.lines
        return GateOutcome(status, str(self.options.baseline), self.baseline.run, lines)

    def _check_candidates(self, report: Report) -> list[CandidateCheck]:
        """What `--baseline` and `--fail-on-skip` ask of each candidate."""
        # Brings numpy, which collection can do without.
        from vlm_lab.run.candidate_checks import check_baseline, check_measured

        checks = check_baseline(self.gate_result) if self.gate_result else []
        is_measured = self.options.fail_on_skip and not self.options.dry_run
        return [*checks, *check_measured(report.summaries)] if is_measured else checks

    def _describe_run(self, folder: Path) -> dict[str, Any]:
        settings = self.writer.settings or self._describe_settings()
        looks, holdouts = self._note_looks(folder.name, settings)
        return {
            "id": folder.name,
            "started": settings.started,
            "command": list(settings.command),
            "options": describe_options(replace(self.options, output_dir=folder.parent)),
            "dry_run": self.options.dry_run,
            "partial": self.plan.find_partial_suites(),
            "sweeps": list(self.plan.sweep.curves),
            "looks": looks,
            "holdout": holdouts,
        }

    def _note_looks(self, run: str, settings: RunSettings) -> tuple[dict[str, int], dict[str, Any]]:
        """By suite: how often its documents were looked at, this time included, and when those that
        are kept apart were opened; never, where this run had the others."""
        results = self.options.output_dir
        looks: dict[str, int] = {}
        holdouts: dict[str, Any] = {}
        answered = self._answered | self.plan.former_answers.keys
        asked = {suite for suite, *_ in answered} if not self.options.dry_run else set()
        with_holdout = {suite.name for suite, _ in self.plan.suites.values() if suite.holdout}
        for suite, document_ids in self.plan.find_whole_suites().items():
            is_tuned_on = suite in with_holdout and not self.options.holdout
            opened: list[str] = []
            if suite in asked and not is_tuned_on:
                look = self._build_look(suite, document_ids, run, settings)
                noted = add_look(results, look)
                looks[suite] = count_looks(results, noted, look, document_ids)
                opened = list_openings(noted, suite)
            if suite in with_holdout:
                holdouts[suite] = {"documents": len(document_ids), "opened": opened}
        return looks, holdouts

    def _build_look(
        self, suite: str, document_ids: Sequence[str], run: str, settings: RunSettings
    ) -> Look:
        return Look(
            suite=suite,
            run=run,
            date=settings.started.partition("T")[0],
            documents=len(document_ids),
            documents_sha256=hash_documents(document_ids),
            holdout=self.options.holdout,
        )

    @property
    def exit_status(self) -> ExitStatus:
        """What the checks of the candidates come to."""
        if not self.checks:
            return ExitStatus.OK
        from vlm_lab.run.candidate_checks import compute_exit_status

        return compute_exit_status(self.checks)

    def format_summary_lines(self) -> list[str]:
        """The table, what is missing, where the report lies, and what to do about it."""
        folder = self.writer.folder
        if folder is None or self.report is None:
            return self.empty_selection
        # Brings numpy, which collection can do without.
        from vlm_lab.report.terminal import (
            format_dry_run_lines,
            format_gate_lines,
            format_resume_lines,
            format_summary_lines,
        )

        lines = format_summary_lines(self.report)
        if self.options.dry_run:
            forecast_lines = dry_run.format_forecast(
                run_folder.read_records(folder), self.options.output_dir
            )
            warnings = dry_run.fold_warnings(self.dry_run_warnings, folder / "report.md")
            lines = format_dry_run_lines(forecast_lines, warnings, self.report.probes)
        left_out_lines = [in_english(note) for note in self.plan.left_out.notes]
        lines += ["", *left_out_lines] if left_out_lines else []
        if self.runner.reply_cache.refusal:
            lines += ["", terminal_safe(in_english(self.runner.reply_cache.refusal))]
        lines += ["", f"report: {folder / 'report.html'}"]
        lines += format_resume_lines(self.report, self._build_resume_command(folder))
        if self.gate_result:
            status, reasons = self.gate_result.status, self.gate_result.lines
            lines += format_gate_lines(self.options.baseline, status, reasons)
        return lines

    def describe_second_interrupt(self) -> str:
        """What to do where the run was ended in a hurry."""
        if self.writer.folder is None or self.report is not None:
            return "interrupted"
        command = self._build_resume_command(self.writer.folder)
        return f"interrupted before the report was written; go on with: {command}"

    def _build_resume_command(self, folder: Path) -> str:
        return format_resume_command(self.options.command, self.options.project, folder)

    def close(self) -> None:
        """Stops rendering ahead, and lets others go on with the run."""
        self.runner.close()
        self.writer.close()
        self.report_imports.close()


def _read_former_probes(resumed_run: Path | None) -> dict[repeatability.ProbeKey, Repeatability]:
    """What the run to be resumed had found out; nothing where it left no report."""
    if resumed_run:
        with suppress(UserError):
            return repeatability.index_probes(read_report(resumed_run).probes)
    return {}


def _read_baseline(path: Path | None) -> Baseline | None:
    if path is None:
        return None
    # Brings numpy, which collection can do without.
    from vlm_lab.decision.baseline import load_baseline

    return load_baseline(path)
