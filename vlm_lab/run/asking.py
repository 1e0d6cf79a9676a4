"""One request of one case: whether its document is for the model at all, the key of its reply, and
the reply with the seconds that it took."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from vlm_lab.backends.candidate import Candidate
from vlm_lab.errors import NotApplicable, Skip
from vlm_lab.messages import Message, list_alternatives
from vlm_lab.run.reply_cache import compute_reply_key
from vlm_lab.suite.pages import Pages, PageWorkers
from vlm_lab.suite.rendering.process import PAGE_WORKER
from vlm_lab.types import Case, Generation, PageText, Prompt

Timer = Callable[[Callable[[], Generation]], object]


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


@dataclass(frozen=True, slots=True)
class ReplyKeys:
    """What of a run decides a reply beside its case."""

    seed: int
    scenario: str

    def compute(self, case: Case, candidate: Candidate, prompt: Prompt) -> str | None:
        """What the reply is stored under; None where it never comes from the cache."""
        identity = candidate.identity()
        if identity is None:
            return None
        return compute_reply_key(
            case.model,
            prompt,
            identity,
            candidate.cache_inputs(prompt),
            self.seed,
            case.document.path,
            self.scenario,
        )


def make_not_cached_error(case: Case) -> Skip:
    """What `--replies=only` says of a case whose reply no cache has."""
    figures = {"model": case.model.name, "document": case.document.id}
    return Skip(Message("no_cached_reply", figures))


def render_pages(prompt: Prompt, workers: PageWorkers = PAGE_WORKER) -> None:
    """Has the pixels before the clock runs; a prompt of text alone has none."""
    if isinstance(prompt.pages, Pages):
        prompt.pages.render_pages(workers)


def is_rendered(prompt: Prompt) -> bool:
    """Whether its pixels are there, so that nobody waits who looks at them."""
    return not isinstance(prompt.pages, Pages) or prompt.pages.is_rendered


def time_generation(candidate: Candidate, prompt: Prompt, timer: Timer) -> Generation:
    """The first of the replies that `timer` has asked for, with the seconds of all."""
    replies: list[Generation] = []
    seconds: list[float] = []

    def generate_once() -> Generation:
        start_time = time.perf_counter()
        replies.append(candidate.generate(prompt))
        seconds.append(time.perf_counter() - start_time)
        return replies[-1]

    candidate.warm_up(prompt)
    timer(generate_once)
    return replace(
        complete_reply(replies[0], prompt),
        elapsed_seconds=statistics.median(seconds),
        rounds=tuple(seconds),
    )


def complete_reply(reply: Generation, prompt: Prompt) -> Generation:
    """A reply with what its pages came out as, and when it was had."""
    page_notes = prompt.pages.notes if isinstance(prompt.pages, Pages) else ()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return replace(reply, notes=(*reply.notes, *page_notes), measured_at=now)


def add_page_text(generation: Generation, page_text: PageText | None) -> Generation:
    """The reply of a model whose prompt shows the text of pages, with what it took to read that:
    these seconds come on top, as they do where the two are used together. In the cache a reply is
    without them, which may have been another reader's."""
    if page_text is None:
        return generation
    seconds, elapsed = page_text.seconds, generation.elapsed_seconds
    notes = [note for note in page_text.notes if note not in generation.notes]
    return replace(
        generation,
        page_text=page_text,
        notes=(*notes, *generation.notes),
        elapsed_seconds=None if seconds is None or elapsed is None else seconds + elapsed,
        rounds=tuple(each + (seconds or 0.0) for each in generation.rounds),
    )
