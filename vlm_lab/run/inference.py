"""A case -> its reply: from the cache, or from the model, timed from decoded pixels to the whole.

Whatever works beside a model slows it down where it has all cores. So the next case's pages are
rendered from the moment on in which this one's are preprocessed, which takes one core, and the
model's worker opens them while the reply is scored and stored.
"""

import contextlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlm_lab.backends.candidate import Candidate
from vlm_lab.errors import NotApplicable, Skip, UserError
from vlm_lab.run import dry_run
from vlm_lab.run.asking import (
    ReplyKeys,
    Timer,
    add_page_text,
    check_applicable,
    is_rendered,
    make_not_cached_error,
    render_pages,
    time_generation,
)
from vlm_lab.run.offline import RequestWindow
from vlm_lab.run.options import Options
from vlm_lab.run.page_reader import PageReader
from vlm_lab.run.plan import Plan
from vlm_lab.run.record import remember_inputs
from vlm_lab.run.reply_cache import ReplyCache
from vlm_lab.suite import make_prompt
from vlm_lab.suite.pages import Pages, stop_rendering
from vlm_lab.suite.rendering.pool import PageWorkerPool, count_cores
from vlm_lab.types import Case, Generation, Model, Prompt, Runtime


class InferenceRunner:
    """One model at a time, one case at a time: prompt, cache, timed reply."""

    def __init__(self, options: Options, plan: Plan) -> None:
        self.options, self.plan = options, plan
        self.runtime = Runtime(options.cache, options.device, options.online, options.seed)
        self.reply_cache = ReplyCache(options.cache / "replies", options.replies)
        self.reply_keys = ReplyKeys(options.seed, options.scenario)
        self.page_reader = PageReader(
            self.make_candidate, self._make_prompt, self.reply_cache, options.seed
        )
        self._ahead_executor = ThreadPoolExecutor(2, "ahead")
        self._store_executor = ThreadPoolExecutor(1, "store")
        self._storing: Future[None] | None = None
        self._page_inspector = dry_run.PageInspector()
        self._recent_pages: dict[tuple[Path, int, int], Pages] = {}
        self._begun_candidate: Candidate | None = None
        self._window: RequestWindow | None = None
        # Where there are cores to spare, a GPU would wait for one process that renders.
        self._window_workers = PageWorkerPool(count_cores() // 2)

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
            prompt = self.page_reader.show_known_text(case, self.build_prompt(case))
            if prompt is None:  # another model reads the pages first, and may need the room
                return
            reply_key = self.reply_keys.compute(case, candidate, prompt)
            if self.reply_cache.get(reply_key) is None and candidate.begin_loading():
                self._begun_candidate = candidate
                self._ahead_executor.submit(_prepare_quietly, case, prompt)

    def open_candidate(self, model: Model) -> Candidate:
        """The model that is asked now: the one that loads already, where it is this one."""
        begun, self._begun_candidate = self._begun_candidate, None
        if begun is None or begun.model == model:
            return begun or self.make_candidate(model)
        begun.close()
        return self.make_candidate(model)

    def build_prompt(self, case: Case) -> Prompt:
        """The case's prompt, in which nobody has read the pages yet. These may already be on their
        way: they are rendered ahead."""
        prompt = self._make_prompt(case)
        return replace(prompt, pages=self._share_pages(prompt.pages))

    def build_sent_prompt(self, case: Case) -> Prompt:
        """The case's prompt as its model is sent it."""
        return self.page_reader.show_text(case, self.build_prompt(case))

    def _make_prompt(self, case: Case) -> Prompt:
        return make_prompt(
            case.model, case.template, case.prompt_id, case.document, self.options.max_pages
        )

    def _share_pages(self, pages: Any) -> Pages:
        """The pages that are being rendered already, where they are these."""
        key = (pages.path, pages.max_pages, pages.dpi)
        shared: Pages = self._recent_pages.pop(key, pages)
        self._recent_pages[key] = shared
        # This case's and those of the next stay, however many documents there are.
        while len(self._recent_pages) > 2:
            oldest = next(iter(self._recent_pages))
            self._ahead_executor.submit(_release, self._recent_pages.pop(oldest))
        return shared

    def generate_reply(
        self, case: Case, candidate: Candidate, prompt: Prompt, timer: Timer
    ) -> Generation:
        """A cached reply, or one that `timer` was given to time; in a dry run a perfect one, with
        what it found out. Raises Skip, GenerationError and DocumentError."""
        if reason := self.plan.sweep.reasons.get(case.model.name):
            raise NotApplicable(reason)
        if self.options.dry_run:
            facts = self._page_inspector.inspect(prompt)
            is_cached = self._is_cached(case, candidate, prompt)
            return dry_run.make_perfect_reply(case, candidate, facts, is_cached)
        if self._window and self._window.candidate is candidate:
            return self._window.take(case)
        check_applicable(case)
        self._finish_storing()
        prompt = self._complete_prompt(case, candidate, prompt)
        reply_key = self.reply_keys.compute(case, candidate, prompt)
        if cached := self.reply_cache.get(reply_key):
            return add_page_text(cached, prompt.page_text)
        if self.options.replies == "only":
            raise make_not_cached_error(case)
        candidate.load()
        if candidate.recorded:
            return replace(candidate.generate(prompt), reply_key=reply_key)
        # Where device and dtype were not known before, they are now, and may be another key.
        loaded_key = self.reply_keys.compute(case, candidate, prompt)
        if loaded_key != reply_key and (cached := self.reply_cache.get(loaded_key)):
            return add_page_text(cached, prompt.page_text)
        if self.options.scenario == "offline":
            self._window = self._open_window(candidate)
            return self._window.take(case)
        generation = self._time_reply(case, candidate, prompt, timer)
        generation = replace(generation, reply_key=loaded_key)
        self._storing = self._store_executor.submit(self.reply_cache.put, generation)
        return add_page_text(generation, prompt.page_text)

    def _time_reply(
        self, case: Case, candidate: Candidate, prompt: Prompt, timer: Timer
    ) -> Generation:
        """The reply of a loaded model, and the pages of the next case on their way."""
        render_pages(prompt)
        next_prompt = self._render_ahead(self.plan.find_next_case(case))
        generation = time_generation(candidate, prompt, timer)
        if next_prompt and is_rendered(next_prompt):
            candidate.announce_pages(next_prompt)
        return generation

    def _complete_prompt(self, case: Case, candidate: Candidate, prompt: Prompt) -> Prompt:
        """The prompt as it is sent. Where pages must be read for it by another model, that reads
        those of all cases first, unless this model cannot be here."""
        known_prompt = self.page_reader.show_known_text(case, prompt)
        if known_prompt is not None:
            return known_prompt
        candidate.identity()
        self.page_reader.read_first(self.plan.find_asked_cases(case.model))
        return self.page_reader.show_text(case, prompt)

    def _open_window(self, candidate: Candidate) -> RequestWindow:
        def prepare(case: Case) -> Generation | tuple[Prompt, str | None]:
            check_applicable(case)
            prompt = self.page_reader.show_text(case, self._make_prompt(case))
            reply_key = self.reply_keys.compute(case, candidate, prompt)
            if cached := self.reply_cache.get(reply_key):
                return add_page_text(cached, prompt.page_text)
            render_pages(prompt, self._window_workers)
            return prompt, reply_key

        cases = self.plan.find_asked_cases(candidate.model)
        thread_count = self._window_workers.worker_count
        return RequestWindow(candidate, cases, prepare, self.reply_cache.put, thread_count)

    def close_candidate(self, candidate: Candidate) -> None:
        """Ends a candidate, and what it was still asked ahead of the tests."""
        self._finish_storing()
        window, self._window = self._window, None
        if window:
            window.close()
        candidate.close()
        if window:
            window.join()
            candidate.close()  # a request that was just being made may have loaded it again
        self.page_reader.forget()

    def _is_cached(self, case: Case, candidate: Candidate, prompt: Prompt) -> bool:
        """Whether a run would find the reply; not where pages are still to be read for it, or where
        weights are missing."""
        sent_prompt = self.page_reader.show_known_text(case, prompt)
        with contextlib.suppress(Skip):
            if sent_prompt is not None:
                reply_key = self.reply_keys.compute(case, candidate, sent_prompt)
                return self.reply_cache.get(reply_key) is not None
        return False

    def _render_ahead(self, case: Case | None) -> Prompt | None:
        """The case's prompt, whose pages are rendered beside what else is done; None without one.
        What is wrong with it is its own error."""
        if case is None:
            return None
        with contextlib.suppress(UserError):
            prompt = self.build_prompt(case)
            self._ahead_executor.submit(_prepare_quietly, case, prompt)
            return prompt
        return None

    def _finish_storing(self) -> None:
        """Returns when the last reply is in the cache: the next case may ask for the same one."""
        storing, self._storing = self._storing, None
        if storing:
            storing.result()

    def close(self) -> None:
        """Stops what was begun ahead."""
        if self._begun_candidate:
            self._begun_candidate.close()
        self._ahead_executor.shutdown(wait=False, cancel_futures=True)
        self._store_executor.shutdown()
        self.page_reader.close()
        self._window_workers.close()
        stop_rendering()
        self._ahead_executor.shutdown()  # else Python waits for it later: Ctrl-C shows a traceback


def _prepare_quietly(case: Case, prompt: Prompt) -> None:
    """Renders a case's pages and reads what its record says of its inputs. What is wrong with a
    document is said when its own turn comes."""
    with contextlib.suppress(UserError):
        render_pages(prompt)
    remember_inputs(case)


def _release(pages: Pages) -> None:
    """Nothing; but the last to hold the pages is the thread that calls it. It takes a millisecond
    to free them, which the case in hand would wait for."""
