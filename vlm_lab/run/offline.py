"""The scenario `offline`: a bounded window of a model's requests runs ahead of the tests that want
the replies.

In: a loaded candidate and the cases that it is still asked, in the tests' order. Out: each case's
reply, or what went wrong with it, when its test takes it. Pages are rendered while the model works;
a local model gets batches, a server as many requests as it takes at once. A reply is in the cache
before its test has it, so that a crash loses what is in flight and no more.

Seconds of a reply are not measured here: it shared its time with others (`Batch`).
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from vlm_lab.backends.candidate import Candidate
from vlm_lab.errors import GenerationError
from vlm_lab.messages import Message
from vlm_lab.run.asking import add_page_text, complete_reply
from vlm_lab.run.batching import (
    WaitingPrompt,
    choose_batch,
    choose_limits,
    estimate_tokens,
    is_batch_full,
)
from vlm_lab.types import Batch, Case, CaseKey, Generation, Prompt, Timing

CASES_AHEAD = 64  # that are rendered, asked or answered, and not taken yet; two batches, if more
PIXELS_AHEAD = 200_000_000  # of pages that wait: 600 MB, 92 of A4 at 150 dpi
JOIN_SECONDS = 5.0  # for all threads together
OUT_OF_MEMORY = "OutOfMemory"
Outcome = Generation | BaseException
# A case -> a reply that is there already, or its prompt, rendered, and the key of its reply.
Prepare = Callable[[Case], Generation | tuple[Prompt, str | None]]


class RequestWindow:
    """The requests of one model. `prepare` is called from so many threads of its own, `store` gets
    each reply when it arrives."""

    def __init__(
        self,
        candidate: Candidate,
        cases: Sequence[Case],
        prepare: Prepare,
        store: Callable[[Generation], None],
        preparing_threads: int = 1,
    ) -> None:
        self.candidate = candidate
        self._prepare, self._store = prepare, store
        self._cases = list(cases)
        self._order = {case.key: index for index, case in enumerate(cases)}
        self._limits = choose_limits(candidate)
        self._cases_ahead = max(CASES_AHEAD, 2 * self._limits.prompts)
        self._next_index = 0  # of the case that is rendered next
        self._position = 0  # of the test that runs
        self._waiting: list[WaitingPrompt] = []
        self._announced: list[WaitingPrompt] = []  # the next batch, which the backend knows
        self._is_asking = False
        self._preparing_count = 0  # cases in hand
        self._scheduled: set[CaseKey] = set()
        self._outcomes: dict[CaseKey, Outcome] = {}
        self._changed = threading.Condition()
        self._load_lock = threading.Lock()
        self._is_closed = False
        self._opened_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._opened = time.perf_counter()
        self._threads = self._start_threads(preparing_threads)

    def _start_threads(self, preparing_threads: int) -> list[threading.Thread]:
        targets = [self._prepare_cases] * preparing_threads
        targets += [self._ask] * max(1, self.candidate.parallel_requests)
        if self._limits.prompts > 1:
            targets.append(self._announce_batches)
        # Daemons: what a server still answers keeps no run from ending.
        threads = [threading.Thread(target=target, daemon=True) for target in targets]
        for thread in threads:
            thread.start()
        return threads

    def take(self, case: Case) -> Generation:
        """A case's reply, as soon as it is there. Raises what went wrong with it."""
        with self._changed:
            self._move_to(case)
            self._changed.wait_for(lambda: case.key in self._outcomes or self._is_closed)
            outcome = self._outcomes.pop(case.key, None)
            self._scheduled.discard(case.key)
            self._changed.notify_all()
        if isinstance(outcome, Generation):
            return outcome
        raise outcome or GenerationError("Cancelled", Message("not_asked_any_more"))

    def _move_to(self, case: Case) -> None:
        """The window goes with the tests: cases that they passed by are dropped from it, and one
        that comes again is asked again."""
        position = self._order[case.key]
        passed = {passed_case.key for passed_case in self._cases[self._position : position]}
        dropped = {waiting.case.key for waiting in self._waiting} | self._outcomes.keys()
        self._waiting = [waiting for waiting in self._waiting if waiting.case.key not in passed]
        for key in passed & dropped:
            self._outcomes.pop(key, None)
            self._scheduled.discard(key)
        self._position = position
        if case.key not in self._scheduled:
            self._next_index = position
        self._changed.notify_all()

    def _prepare_cases(self) -> None:
        while (case := self._find_next_case()) is not None:
            prepared = self._prepare_guarded(case)
            with self._changed:
                self._preparing_count -= 1
                if isinstance(prepared, WaitingPrompt):
                    self._waiting.append(prepared)
                    self._waiting.sort(key=lambda waiting: self._order[waiting.case.key])
                else:
                    self._outcomes[case.key] = prepared
                self._changed.notify_all()

    def _find_next_case(self) -> Case | None:
        """The next case that has room in the window, now in hand; None at the end of the run."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._find_open_index() is not None)
            index = self._find_open_index()
            if self._is_closed or index is None:
                return None
            case, self._next_index = self._cases[index], index + 1
            self._preparing_count += 1
            self._scheduled.add(case.key)
            return case

    def _is_preparing(self) -> bool:
        """Whether more prompts come without a test taking a reply."""
        return self._preparing_count > 0 or self._find_open_index() is not None

    def _find_open_index(self) -> int | None:
        """Of the next case in the window that was not scheduled before; None where there is none or
        no room for its pages."""
        end = min(len(self._cases), self._position + self._cases_ahead)
        for index in range(self._next_index, end):
            if self._cases[index].key not in self._scheduled:
                is_needed_now = index == self._position
                return index if is_needed_now or self._has_room_for_pages() else None
        return None

    def _has_room_for_pages(self) -> bool:
        return sum(prompt.count_pixels() for prompt in self._waiting) < PIXELS_AHEAD

    def _prepare_guarded(self, case: Case) -> WaitingPrompt | Outcome:
        """What is wrong with a document is its own test's matter."""
        try:
            prepared = self._prepare(case)
            if isinstance(prepared, Generation):
                return prepared
            prompt, reply_key = prepared
            tokens = estimate_tokens(self.candidate, prompt)
        except BaseException as error:  # nothing ends the thread that others wait for
            return error
        return WaitingPrompt(case, prompt, tokens, reply_key)

    def _announce_batches(self) -> None:
        """Chooses each next batch while the model works on the one before it, and tells it."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or self._has_batch_to_announce())
                if self._is_closed:
                    return
                self._announced = self._take_batch()
                prompts = [waiting.prompt for waiting in self._announced]
            with contextlib.suppress(Exception):  # what is wrong with it is said when it is asked
                self.candidate.announce_batch(prompts)

    def _has_batch_to_announce(self) -> bool:
        return self._is_asking and not self._announced and self._has_batch()

    def _take_batch(self) -> list[WaitingPrompt]:
        batch = choose_batch(self._waiting, self._limits)
        keys = {waiting.case.key for waiting in batch}
        self._waiting = [waiting for waiting in self._waiting if waiting.case.key not in keys]
        return batch

    def _ask(self) -> None:
        while batch := self._wait_for_batch():
            self._answer(batch)
            self._is_asking = False

    def _wait_for_batch(self) -> list[WaitingPrompt]:
        """What is asked next; nothing at the end of the run. A batch waits for prompts that are
        being prepared."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._has_batch())
            if self._is_closed:
                return []
            batch, self._announced = self._announced or self._take_batch(), []
            self._is_asking = True
            self._changed.notify_all()
            return batch

    def _has_batch(self) -> bool:
        if self._announced:
            return True
        if not self._waiting:
            return False
        return not self._is_preparing() or is_batch_full(self._waiting, self._limits)

    def _answer(self, batch: Sequence[WaitingPrompt]) -> None:
        """Asks, and asks again in smaller batches what failed together: each case has its own
        answer or its own error, whatever it is: a test waits for it."""
        started = time.perf_counter()
        try:
            replies = self._generate([waiting.prompt for waiting in batch])
        except BaseException as error:
            parts = self._split_batch(batch, error)
            for part in parts:
                self._answer(part)
            if not parts:
                for waiting in batch:
                    self._settle(waiting, error)
            return
        shared_time = Batch(
            opened_at=self._opened_at,
            start=started - self._opened,
            end=time.perf_counter() - self._opened,
            size=len(batch),
            model_seconds=self._find_model_seconds(replies[0].timing),
        )
        for waiting, reply in zip(batch, replies, strict=True):
            self._settle(waiting, self._complete_guarded(waiting, reply, shared_time))

    def _generate(self, prompts: Sequence[Prompt]) -> Sequence[Generation]:
        with self._load_lock:
            if self._is_closed:
                raise GenerationError("Cancelled", Message("not_asked_any_more"))
            self.candidate.load()
        if len(prompts) == 1:
            return [self.candidate.generate(prompts[0])]
        return self.candidate.generate_batch(prompts)

    def _find_model_seconds(self, timing: Timing) -> float | None:
        """Seconds in which the model worked; of a server, which answers several at a time, they
        are not known."""
        if self.candidate.parallel_requests > 1 or timing.decode is None:
            return None
        return (timing.first_token or 0.0) + timing.decode

    def _split_batch(
        self, batch: Sequence[WaitingPrompt], error: BaseException
    ) -> list[Sequence[WaitingPrompt]]:
        """Halves where there was no room, and less for each later batch, too; else one by one.
        Nothing where it was asked alone, or is to end."""
        if len(batch) == 1 or self._is_closed or not isinstance(error, Exception):
            return []
        if getattr(error, "kind", "") != OUT_OF_MEMORY:
            return [[waiting] for waiting in batch]
        self._limits = self._limits.stay_below(batch)
        middle = len(batch) // 2
        return [batch[:middle], batch[middle:]]

    def _complete_guarded(self, waiting: WaitingPrompt, reply: Generation, batch: Batch) -> Outcome:
        """The reply with what is known of it, once it is stored; or why it cannot be."""
        try:
            return self._complete(waiting, reply, batch)
        except Exception as error:
            return error

    def _complete(self, waiting: WaitingPrompt, reply: Generation, batch: Batch) -> Generation:
        completed = replace(
            complete_reply(reply, waiting.prompt),
            timing=Timing(),
            batch=batch,
            reply_key=waiting.reply_key,
        )
        self._store(completed)
        return add_page_text(completed, waiting.prompt.page_text)

    def _settle(self, waiting: WaitingPrompt, outcome: Outcome) -> None:
        with self._changed:
            self._outcomes[waiting.case.key] = outcome
            self._changed.notify_all()

    def close(self) -> None:
        """Asks nothing more. What is in flight ends with the candidate."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def join(self) -> None:
        """Waits until what was in flight has ended, but not long: a server may answer for
        minutes what nobody wants any more."""
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
