"""How a case is answered: from the cache, or by the model, timed from decoded pixels to the full
reply.

The next case's pages are rendered while the model works on this one's.
"""

import contextlib
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vlm_lab.backends.candidate import Candidate
from vlm_lab.errors import Skip, UserError
from vlm_lab.run import dry_run
from vlm_lab.run.options import Options
from vlm_lab.run.plan import Plan
from vlm_lab.run.reply_cache import ReplyCache, compute_reply_key
from vlm_lab.suite import make_prompt
from vlm_lab.suite.pages import Pages
from vlm_lab.types import Case, Generation, Model, Prompt, Runtime

Timer = Callable[[Callable[[], Generation]], object]


class InferenceRunner:
    """One model at a time, one case at a time. `key` is the reply's of the case in hand, None where
    it has none."""

    def __init__(self, options: Options, plan: Plan) -> None:
        self.options, self.plan = options, plan
        self.runtime = Runtime(options.cache, options.device, options.online, options.seed)
        self.reply_cache = ReplyCache(options.cache / "replies", options.replies)
        self.current_key: str | None = None
        self.open_candidate: Candidate | None = None
        self._render_executor = ThreadPoolExecutor(1, "render-ahead")
        self._recent_pages: dict[tuple[Path, int, int], Pages] = {}

    def make_candidate(self, model: Model) -> Candidate:
        """The model, not yet loaded; the only one that is open."""
        self.open_candidate = Candidate(model, self.runtime)
        return self.open_candidate

    def build_prompt(self, case: Case) -> Prompt:
        """The case's prompt. Its pages may already be on their way: they are rendered while the
        model works."""
        prompt = make_prompt(
            case.model, case.template, case.prompt_id, case.document, self.options.max_pages
        )
        return replace(prompt, pages=self._share_pages(prompt.pages))

    def _share_pages(self, pages: Any) -> Pages:
        key = (pages.path, pages.max_pages, pages.dpi)
        kept: Pages = self._recent_pages.pop(key, pages)
        self._recent_pages[key] = kept
        while (
            len(self._recent_pages) > 2
        ):  # this case's and the next one's, however many documents there are
            self._recent_pages.pop(next(iter(self._recent_pages)))
        return kept

    def generate_reply(
        self, case: Case, candidate: Candidate, prompt: Prompt, timer: Timer
    ) -> Generation:
        """A cached reply, or one that `timer` was given to time. Raises Skip, GenerationError and
        DocumentError."""
        self.current_key = None
        if self.options.dry_run:
            return dry_run.make_perfect_reply(case.document)
        check_applicable(case)
        self.current_key = self._compute_reply_key(case, candidate, prompt)
        if cached := self._get_cached_reply():
            return cached
        if self.options.replies == "only":
            raise Skip(
                f"{case.model.name}: no cached reply for {case.document.id}; run without --replies=only"
            )
        candidate.load()
        if candidate.recorded:
            return candidate.generate(prompt)
        loaded_key = self._compute_reply_key(case, candidate, prompt)
        if (
            loaded_key != self.current_key
        ):  # where device and dtype were not known before, they are now
            self.current_key = loaded_key
            if cached := self._get_cached_reply():
                return cached
        prompt.pages.render_pages()  # type: ignore[attr-defined]
        self._render_ahead(case)
        generation = self._time_generation(candidate, prompt, timer)
        if self.current_key:
            self.reply_cache.put(self.current_key, generation)
        return generation

    def _get_cached_reply(self) -> Generation | None:
        return self.reply_cache.get(self.current_key) if self.current_key else None

    def find_reply_key(self, case: Case, prompt: Prompt) -> str | None:
        """What the reply would be stored under; None where weights are missing or only a loaded
        model can tell."""
        with contextlib.suppress(Skip):
            return (
                self._compute_reply_key(case, self.open_candidate, prompt)
                if self.open_candidate
                else None
            )
        return None

    def _compute_reply_key(self, case: Case, candidate: Candidate, prompt: Prompt) -> str | None:
        identity = candidate.identity()
        return (
            None
            if identity is None
            else compute_reply_key(
                case.model, prompt, identity, self.runtime.seed, case.document.path
            )
        )

    def _time_generation(self, candidate: Candidate, prompt: Prompt, timer: Timer) -> Generation:
        replies: list[Generation] = []
        seconds: list[float] = []

        def once() -> Generation:
            started = time.perf_counter()
            replies.append(candidate.generate(prompt))
            seconds.append(time.perf_counter() - started)
            return replies[-1]

        timer(once)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return replace(
            replies[0],
            elapsed_seconds=statistics.median(seconds),
            rounds=tuple(seconds),
            measured_at=now,
        )

    def _render_ahead(self, case: Case) -> None:
        following = self.plan.find_next_case(case)
        if following:
            self._render_executor.submit(_render_quietly, self.build_prompt(following).pages)

    def close(self) -> None:
        """Stops rendering ahead."""
        self._render_executor.shutdown(wait=False, cancel_futures=True)


def check_applicable(case: Case) -> None:
    """Skip where the document has not the tags that the model's `only` asks for."""
    tags = case.document.tags
    if any(tags.get(name) not in values for name, values in case.model.only.items()):
        wanted = "; ".join(
            f"{name} {' or '.join(values)}" for name, values in case.model.only.items()
        )
        raise Skip(
            f"{case.model.name}: meant for other documents (`only` in models.yaml: {wanted})"
        )


def _render_quietly(pages: Any) -> None:
    """What is wrong with a document is said when its own turn comes."""
    with contextlib.suppress(UserError):
        pages.render_pages()
