"""A case -> its reply: from the cache, or from the model, timed from decoded pixels to the whole.

The next case's pages are rendered while the model works on this one's.
"""

import contextlib
import importlib
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vlm_lab.backends.candidate import Candidate
from vlm_lab.errors import NotApplicable, Skip, UserError
from vlm_lab.messages import Message, list_alternatives
from vlm_lab.run import dry_run
from vlm_lab.run.offline import RequestWindow
from vlm_lab.run.options import Options
from vlm_lab.run.plan import Plan
from vlm_lab.run.reply_cache import ReplyCache, compute_reply_key
from vlm_lab.suite import make_prompt
from vlm_lab.suite.pages import Pages, stop_rendering
from vlm_lab.types import Case, Generation, Model, Prompt, Runtime

REPORT_MODULES = ("vlm_lab.run.finalize", "scipy.special", "matplotlib.figure")
Timer = Callable[[Callable[[], Generation]], object]


class InferenceRunner:
    """One model at a time, one case at a time: prompt, cache, timed reply."""

    def __init__(self, options: Options, plan: Plan) -> None:
        self.options, self.plan = options, plan
        self.runtime = Runtime(options.cache, options.device, options.online, options.seed)
        self.reply_cache = ReplyCache(options.cache / "replies", options.replies)
        self._ahead_executor = ThreadPoolExecutor(2, "ahead")
        self._page_inspector = dry_run.PageInspector()
        self._recent_pages: dict[tuple[Path, int, int], Pages] = {}
        self._has_imported = False
        self._begun_candidate: Candidate | None = None
        self._window: RequestWindow | None = None

    def make_candidate(self, model: Model) -> Candidate:
        """The model, not yet loaded."""
        return Candidate(model, self.runtime)

    def begin_loading(self, case: Case) -> None:
        """Has the model of the first case load beside what this process still does before it asks,
        unless the reply is cached. What is wrong is said when the case's turn comes; a user's own
        class is not run before that."""
        is_asked = not (self.options.no_model_option or self.options.resume)
        if not is_asked or case.model.has_own_backend or case.model.name in self.plan.sweep.reasons:
            return
        candidate = self.make_candidate(case.model)
        with contextlib.suppress(UserError):
            check_applicable(case)
            prompt = self.build_prompt(case)
            reply_key = self._compute_reply_key(case, candidate, prompt)
            if self.reply_cache.get(reply_key) is None and candidate.begin_loading():
                self._begun_candidate = candidate
                self._ahead_executor.submit(_render_quietly, prompt.pages)

    def open_candidate(self, model: Model) -> Candidate:
        """The model that is asked now: the one that loads already, where it is this one."""
        begun, self._begun_candidate = self._begun_candidate, None
        if begun is None or begun.model == model:
            return begun or self.make_candidate(model)
        begun.close()
        return self.make_candidate(model)

    def build_prompt(self, case: Case) -> Prompt:
        """The case's prompt. Its pages may already be on their way: they are rendered while the
        model works."""
        prompt = self._make_prompt(case)
        return replace(prompt, pages=self._share_pages(prompt.pages))

    def _make_prompt(self, case: Case) -> Prompt:
        return make_prompt(
            case.model, case.template, case.prompt_id, case.document, self.options.max_pages
        )

    def _share_pages(self, pages: Any) -> Pages:
        """The pages that are being rendered already, where they are these."""
        key = (pages.path, pages.max_pages, pages.dpi)
        shared: Pages = self._recent_pages.pop(key, pages)
        self._recent_pages[key] = shared
        # This case's and the next one's stay, however many documents there are.
        while len(self._recent_pages) > 2:
            self._recent_pages.pop(next(iter(self._recent_pages)))
        return shared

    def generate_reply(
        self, case: Case, candidate: Candidate, prompt: Prompt, timer: Timer
    ) -> Generation:
        """A cached reply, or one that `timer` was given to time; in a dry run a perfect one, with
        what it found out. Raises Skip, GenerationError and DocumentError."""
        if reason := self.plan.sweep.reasons.get(case.model.name):
            raise NotApplicable(reason)
        if self.options.dry_run:
            reply_key = self._find_reply_key(case, candidate, prompt)
            is_cached = self.reply_cache.get(reply_key) is not None
            facts = self._page_inspector.inspect(prompt)
            return dry_run.make_perfect_reply(case, candidate, facts, is_cached)
        if self._window and self._window.candidate is candidate:
            return self._window.take(case)
        check_applicable(case)
        reply_key = self._compute_reply_key(case, candidate, prompt)
        if cached := self.reply_cache.get(reply_key):
            return cached
        if self.options.replies == "only":
            figures = {"model": case.model.name, "document": case.document.id}
            raise Skip(Message("no_cached_reply", figures))
        self._import_ahead()
        candidate.load()
        if candidate.recorded:
            return replace(candidate.generate(prompt), reply_key=reply_key)
        # Where device and dtype were not known before, they are now, and may be another key.
        loaded_key = self._compute_reply_key(case, candidate, prompt)
        if loaded_key != reply_key and (cached := self.reply_cache.get(loaded_key)):
            return cached
        if self.options.scenario == "offline":
            self._window = self._open_window(candidate)
            return self._window.take(case)
        prompt.pages.render_pages()  # type: ignore[attr-defined]
        self._render_ahead(case)
        generation = self._time_generation(candidate, prompt, timer)
        generation = replace(generation, reply_key=loaded_key)
        self.reply_cache.put(generation)
        return generation

    def _open_window(self, candidate: Candidate) -> RequestWindow:
        def prepare(case: Case) -> Generation | tuple[Prompt, str | None]:
            check_applicable(case)
            prompt = self._make_prompt(case)
            reply_key = self._compute_reply_key(case, candidate, prompt)
            if cached := self.reply_cache.get(reply_key):
                return cached
            prompt.pages.render_pages()  # type: ignore[attr-defined]
            return prompt, reply_key

        cases = self.plan.find_asked_cases(candidate.model)
        return RequestWindow(candidate, cases, prepare, self.reply_cache.put)

    def close_candidate(self, candidate: Candidate) -> None:
        """Ends a candidate, and what it was still asked ahead of the tests."""
        window, self._window = self._window, None
        if window:
            window.close()
        candidate.close()
        if window:
            window.join()
            candidate.close()  # a request that was just being made may have loaded it again

    def _compute_reply_key(self, case: Case, candidate: Candidate, prompt: Prompt) -> str | None:
        """What the reply is stored under; None where it never comes from the cache."""
        identity = candidate.identity()
        if identity is None:
            return None
        return compute_reply_key(
            case.model,
            prompt,
            identity,
            candidate.cache_inputs(prompt),
            self.runtime.seed,
            case.document.path,
            self.options.scenario,
        )

    def _find_reply_key(self, case: Case, candidate: Candidate, prompt: Prompt) -> str | None:
        """As `_compute_reply_key`; None also where weights are missing."""
        with contextlib.suppress(Skip):
            return self._compute_reply_key(case, candidate, prompt)
        return None

    def _time_generation(self, candidate: Candidate, prompt: Prompt, timer: Timer) -> Generation:
        replies: list[Generation] = []
        seconds: list[float] = []

        def generate_once() -> Generation:
            start_time = time.perf_counter()
            replies.append(candidate.generate(prompt))
            seconds.append(time.perf_counter() - start_time)
            return replies[-1]

        timer(generate_once)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return replace(
            replies[0],
            notes=(*replies[0].notes, *collect_page_notes(prompt)),
            elapsed_seconds=statistics.median(seconds),
            rounds=tuple(seconds),
            measured_at=now,
        )

    def _render_ahead(self, case: Case) -> None:
        next_case = self.plan.find_next_case(case)
        if next_case is None:
            return
        with contextlib.suppress(UserError):  # what is wrong with its prompt is its own error
            self._ahead_executor.submit(_render_quietly, self.build_prompt(next_case).pages)

    def _import_ahead(self) -> None:
        """What the report is drawn with takes a second to import: nobody waits for it while a model
        loads."""
        if not self._has_imported:
            self._has_imported = True
            self._ahead_executor.submit(_import_quietly, REPORT_MODULES)

    def close(self) -> None:
        """Stops what was begun ahead."""
        if self._begun_candidate:
            self._begun_candidate.close()
        self._ahead_executor.shutdown(wait=False, cancel_futures=True)
        stop_rendering()


def collect_page_notes(prompt: Prompt) -> tuple[Message, ...]:
    """What the prompt's pages came out as, once they are rendered."""
    return prompt.pages.notes if isinstance(prompt.pages, Pages) else ()


def check_applicable(case: Case) -> None:
    """NotApplicable where the document has not the tags that the model's `only` asks for."""
    tags, only = case.document.tags, case.model.only
    if all(tags.get(name) in values for name, values in only.items()):
        return
    wanted_tags = [
        Message("wanted_tag", {"tag": name, "values": list_alternatives(values)})
        for name, values in only.items()
    ]
    figures = {"model": case.model.name, "tags": wanted_tags}
    raise NotApplicable(Message("meant_for_others", figures))


def _render_quietly(pages: Any) -> None:
    """What is wrong with a document is said when its own turn comes."""
    with contextlib.suppress(UserError):
        pages.render_pages()


def _import_quietly(modules: Sequence[str]) -> None:
    """What cannot be imported is said by the report, which needs it."""
    with contextlib.suppress(Exception):
        for module in modules:
            importlib.import_module(module)
