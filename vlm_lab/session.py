"""One run: which cases there are, how each is answered and written, what is left at the end.

plugin.py gives it pytest's words, so that nothing here knows pytest. The parts are elsewhere; here is their order.
"""

from __future__ import annotations

import contextlib
import shlex
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlm_lab import dryrun, recording, run_folder
from vlm_lab.backends import Candidate
from vlm_lab.config import Candidates, check_prompts, load_candidates
from vlm_lab.documents import Pages
from vlm_lab.environment import describe_device, environment
from vlm_lab.errors import Skip, UserError
from vlm_lab.prompts import make_prompt
from vlm_lab.replies import Mode, Replies, reply_key
from vlm_lab.report.progress import Progress
from vlm_lab.report.terminal import closing_lines
from vlm_lab.sampling import sample
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.suite_check import check_suite
from vlm_lab.types import (
    Case,
    Document,
    Generation,
    Model,
    Prediction,
    Prompt,
    Record,
    Runtime,
    Score,
    Status,
    Suite,
)

if TYPE_CHECKING:
    from vlm_lab.baseline import GateResult
    from vlm_lab.report.conclude import Conclusion

MOST_NOTES = 10
Timer = Callable[[Callable[[], Generation]], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says, paths already made absolute."""

    models_files: tuple[Path, ...]
    output_dir: Path
    cache: Path
    suite: Path | None = None
    documents: Path | None = None
    references: Path | None = None
    schema: Path | None = None
    max_pages: int | None = None
    device: str = "auto"
    dry_run: bool = False
    prompts: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    sample: int | None = None
    replies: Mode = "use"
    resume: Path | None = None
    rounds: int = 1
    online: bool = False
    seed: int = 0
    baseline: Path | None = None
    max_drop: float = 0.01
    fail_on_lost_field: bool = False
    project: Path = Path()
    command: tuple[str, ...] = ()


class Session:
    """Everything a run needs, read once: candidates, suites, the reply cache, the run's folder."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.candidates: Candidates = load_candidates(options.models_files)
        self.runtime = Runtime(options.cache, options.device, options.online, options.seed)
        self.replies = Replies(options.cache / "replies", options.replies)
        self.suites: dict[Path, tuple[Suite, tuple[Document, ...]]] = {}
        self.notes: list[str] = []
        self.dry_warnings: list[str] = []
        self._found: dict[Suite, int] = {}
        self.plan: list[Case] = []
        self._written: Case | None = None
        self._reply_key: str | None = None
        self.started = datetime.now(UTC)
        self.concluded: Conclusion | None = None
        self.gated: GateResult | None = None
        self.open: Candidate | None = None
        self._folder: Path | None = options.resume
        self._ahead = ThreadPoolExecutor(1, "render-ahead")
        self._pages: dict[tuple[Path, int, int], Pages] = {}
        self._ranks: dict[tuple[str, str, str, str], tuple[int, int]] = {}
        self._next: dict[tuple[str, str, str, str], Case] = {}

    # ------------------------------------------------------------------ which cases there are

    def cases(self, folder: Path) -> list[Case]:
        """Every model x prompt x document of the suite in `folder` (`--suite` overrules it), in the plan's order."""
        suite, documents = self._suite(self.options.suite or folder)
        templates = {**self.candidates.prompts, **suite.prompts}
        check_prompts(self.candidates, templates, self.options.prompts)
        cases = []
        for model in self.models:
            for prompt_id in model.prompts:
                if not self.options.prompts or prompt_id in self.options.prompts:
                    cases += [Case(model, prompt_id, templates[prompt_id], document) for document in documents]
        for case in cases:
            self._ranks[case.key] = self.models.index(case.model), len(self._ranks)
        return cases

    @property
    def device(self) -> str:
        """The device and why, as far as it can be told before a model is loaded."""
        return describe_device(self.runtime)

    @property
    def models(self) -> tuple[Model, ...]:
        """The candidates of this run, in the order of models.yaml."""
        wanted = self.options.status
        return tuple(model for model in self.candidates.models if not wanted or model.status in wanted)

    def _suite(self, folder: Path) -> tuple[Suite, tuple[Document, ...]]:
        if folder not in self.suites:
            options = self.options
            suite = load_suite(folder, options.documents, options.references, options.schema)
            documents, notes = load_documents(suite)
            wrong, doubts = check_suite(suite, documents, options.cache)
            if wrong:
                raise UserError("\n".join(wrong))
            self.notes += [*notes, *doubts]
            self._found[suite] = len(documents)
            self.suites[folder] = suite, sample(documents, options.sample, options.seed)
        return self.suites[folder]

    def rank(self, case: Case) -> tuple[int, int]:
        """Where a case stands in the plan: by model, so that each is loaded once, then as the files say."""
        return self._ranks[case.key]

    def begin(self, cases: Sequence[Case]) -> None:
        """The cells that this run must account for, in the order in which they will be asked."""
        self.plan = list(cases)
        self._next = {case.key: following for case, following in pairwise(cases)}
        self.progress = Progress(cases)

    def done(self) -> set[tuple[str, str, str, str]]:
        """The cases that the run to be resumed has an answer for; what failed or was skipped is tried again."""
        if self.options.resume is None:
            return set()
        rows = run_folder.read_records(self.options.resume)
        return {run_folder.case_key(row) for row in rows if row["status"] not in ("error", "skipped")}

    # ------------------------------------------------------------------ how a case is answered

    def candidate(self, model: Model) -> Candidate:
        """The model, not yet loaded; the only one that is open."""
        self.open = Candidate(model, self.runtime)
        return self.open

    def prompt(self, case: Case) -> Prompt:
        """The case's prompt. Its pages may already be on their way: they are rendered while the model works."""
        prompt = make_prompt(case.model, case.template, case.prompt_id, case.document, self.options.max_pages)
        return replace(prompt, pages=self._shared_pages(prompt.pages))

    def _shared_pages(self, pages: Any) -> Pages:
        key = (pages.path, pages.max_pages, pages.dpi)
        kept: Pages = self._pages.pop(key, pages)
        self._pages[key] = kept
        while len(self._pages) > 2:  # this case's and the next one's, however many documents there are
            self._pages.pop(next(iter(self._pages)))
        return kept

    def generate(self, case: Case, candidate: Candidate, prompt: Prompt, timer: Timer) -> Generation:
        """A cached reply, or one that `timer` was given to time. Raises Skip, GenerationError and DocumentError."""
        self._reply_key = None
        if self.options.dry_run:
            return dryrun.perfect(case.document)
        self._reply_key = key = self._key(case, candidate, prompt)
        cached = self.replies.get(key) if key else None
        if cached:
            return cached
        if self.options.replies == "only":
            raise Skip(f"{case.model.name}: no cached reply for {case.document.id}; run without --replies=only")
        candidate.load()
        if candidate.recorded:
            return candidate.generate(prompt)
        self._reply_key = key = key or self._key(case, candidate, prompt)
        prompt.pages.rendered()  # type: ignore[attr-defined]
        self._render_ahead(case)
        generation = self._timed(candidate, prompt, timer)
        if key:
            self.replies.put(key, generation)
        return generation

    def _key(self, case: Case, candidate: Candidate, prompt: Prompt) -> str | None:
        identity = candidate.identity()
        return (
            None if identity is None else reply_key(case.model, prompt, identity, self.runtime.seed, case.document.path)
        )

    def _timed(self, candidate: Candidate, prompt: Prompt, timer: Timer) -> Generation:
        replies: list[Generation] = []
        seconds: list[float] = []

        def once() -> Generation:
            started = time.perf_counter()
            replies.append(candidate.generate(prompt))
            seconds.append(time.perf_counter() - started)
            return replies[-1]

        timer(once)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return replace(replies[0], elapsed_seconds=statistics.median(seconds), rounds=tuple(seconds), measured_at=now)

    def _render_ahead(self, case: Case) -> None:
        """Starts on the next case's pages, in the time that the model takes for this one's."""
        following = self._next.get(case.key)
        if following and following.model == case.model:
            self._ahead.submit(_render_quietly, self.prompt(following).pages)

    # ------------------------------------------------------------------ how it is written

    @property
    def folder(self) -> Path:
        """The run's folder, made when the first case is written."""
        if self._folder is None:
            self._folder = run_folder.create(self.options.output_dir, self.started)
        return self._folder

    def record(
        self, case: Case, prompt: Prompt, generation: Generation, prediction: Prediction, score: Score
    ) -> Record:
        """Writes a case that was answered (in a dry run: one that would have been asked)."""
        if self.options.dry_run and self.open:
            with contextlib.suppress(Skip):  # weights that are missing are what a dry run is there to say
                self._reply_key = self._key(case, self.open, prompt)
            record = dryrun.record(case, self.open, prompt, score, self.replies, self._reply_key)
        else:
            answer = recording.answered(case, prompt, generation, prediction, score)
            record = replace(answer, reply_key=self._reply_key)
        self._write(case, record)
        return record

    def fail(self, case: Case, status: Status, error: BaseException | str) -> Record:
        """Writes a case that has no answer, with the reason."""
        record = recording.failed(case, status, error)
        self._write(case, record)
        return record

    def _write(self, case: Case, record: Record) -> None:
        run_folder.write_record(self.folder, self._place(case), record)
        self._written = case
        self.progress.note(record)

    def has(self, case: Case) -> bool:
        """Whether the case in hand is written already: what goes wrong after that takes no answer away."""
        return self._written is case

    def _place(self, case: Case) -> str:
        """`<model>/<document>.json` for the first prompt of a model, `<model>@<prompt>/...` for its others."""
        first = case.prompt_id == case.model.prompts[0]
        place = f"{case.model.name}{'' if first else f'@{case.prompt_id}'}/{case.document.id}.json"
        return place if len(self.suites) < 2 else f"{case.document.suite.name}/{place}"

    # ------------------------------------------------------------------ what is left at the end

    def opening(self) -> list[str]:
        """What will be run, on what, and what a user should know about documents and references."""
        models = dict.fromkeys(case.model.name for case in self.plan)
        documents = {(case.document.suite.name, case.document.id) for case in self.plan}
        lines = [
            f"{'dry run of ' if self.options.dry_run else ''}{len(self.plan)} cases: {', '.join(models)}"
            f" on {len(documents)} document{'s' if len(documents) != 1 else ''}",
            f"device: {self.device}",
        ]
        return (
            lines
            + self.notes[:MOST_NOTES]
            + ([f"and {len(self.notes) - MOST_NOTES} more, in report.md"] if len(self.notes) > MOST_NOTES else [])
        )

    def finish(self) -> None:
        """Builds the report from what was written, where anything was, and holds it against the baseline."""
        if self._folder is None or not (self._folder / run_folder.LINES).exists():
            return
        from vlm_lab.report.conclude import conclude  # brings numpy, which collection can do without

        if self.options.dry_run:
            self.dry_warnings = dryrun.warnings(run_folder.read_records(self._folder))
            self.notes += self.dry_warnings
        machine = environment(self.options.project, self.options.seed, self.device)
        self.concluded = conclude(self._folder, self._run(), machine, self.candidates, self.plan, self.notes)
        if self.options.baseline and not self.options.dry_run:
            from vlm_lab.baseline import gate, of_run, read_baseline
            from vlm_lab.runs import read_report

            records = run_folder.read_records(self._folder, [case.key for case in self.plan])
            before, now = read_baseline(self.options.baseline), of_run(read_report(self._folder), records)
            self.gated = gate(before, now, self.options.max_drop, self.options.fail_on_lost_field)

    def _run(self) -> dict[str, Any]:
        return {
            "id": self.folder.name,
            "started": self.started.isoformat(timespec="seconds"),
            "command": list(self.options.command),
            "options": self.options,
            "dry_run": self.options.dry_run,
            "partial": self._partial(),
        }

    def _partial(self) -> list[str]:
        """The suites of which some documents were left out by -k or --sample: nothing is decided on those."""
        asked: dict[str, set[str]] = {}
        for case in self.plan:
            asked.setdefault(case.document.suite.name, set()).add(case.document.id)
        return [suite.name for suite, found in self._found.items() if len(asked.get(suite.name, ())) < found]

    @property
    def exit_status(self) -> int:
        """0; 1 where a candidate got worse than the baseline; 6 where that cannot be said."""
        return {"ok": 0, "regressed": 1, "not_comparable": 6}[self.gated.status] if self.gated else 0

    def closing(self) -> list[str]:
        """The table, what is missing, and where the report lies; the last line says what to do about it."""
        if self._folder is None or self.concluded is None:
            return []
        lines = closing_lines(self.concluded)
        if self.options.dry_run:
            planned = dryrun.forecast(run_folder.read_records(self._folder), self.options.output_dir)
            lines = ["", "dry run: no model was called", *planned, "", *self.dry_warnings]
        lines += ["", f"report: {self._folder / 'report.md'}"]
        if any(each.statuses.get(status) for each in self.concluded.summaries for status in ("not_run", "error")):
            lines.append(f"go on with: {self._resume_command(self._folder)}")
        if self.gated:
            lines += ["", f"baseline {self.options.baseline}: {self.gated.status.replace('_', ' ')}", *self.gated.lines]
        return lines

    def _resume_command(self, folder: Path) -> str:
        """What was typed, with the run to go on with; its id is enough where runs are looked for."""
        typed = list(self.options.command)
        for option in ("-c", "--rootdir", "--resume"):
            for place in [place for place, word in enumerate(typed) if word == option]:
                typed[place : place + 2] = ["", ""]
        ours = ("", "benchmarks", str(self.options.project / "benchmarks"))
        kept = [word for word in typed if word not in ours and not word.startswith(("--rootdir=", "--resume="))]
        run = folder.name if folder.parent == self.options.project / "results" else str(folder)
        return shlex.join(["scripts/bench", *kept, "--resume", run])

    def close(self) -> None:
        """Stops rendering ahead."""
        self._ahead.shutdown(wait=False, cancel_futures=True)


def _render_quietly(pages: Any) -> None:
    """What is wrong with a document is said when its own turn comes."""
    with contextlib.suppress(UserError):
        pages.rendered()
