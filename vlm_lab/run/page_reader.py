"""A case's reading -> the text of its document's pages: from the reply cache, or read now, and what
that took.

A reading is a reply like any other, and lies in the cache like any other: a model that was a
candidate before is not asked again to be a reader. What a page says is a stranger's text: it is cut
where no page has so much, and nothing is evaluated in it. A document that cannot be read costs its
own case, with a sentence.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from vlm_lab.backends.candidate import Candidate
from vlm_lab.errors import DocumentError, GenerationError, Skip, UserError
from vlm_lab.messages import Message
from vlm_lab.parsing.reasoning import find_answer_start
from vlm_lab.run.asking import (
    ReplyKeys,
    check_applicable,
    make_not_cached_error,
    render_pages,
    time_generation,
)
from vlm_lab.run.reply_cache import ReplyCache
from vlm_lab.sanitize import replace_surrogates
from vlm_lab.suite.prompts import render_prompt_text
from vlm_lab.types import Case, CaseKey, Generation, Model, PageText, Prompt, Reading

MAX_PAGE_CHARACTERS = 20_000  # several times what is printed on any page
ReadingKey = tuple[CaseKey, int | None, int | None]  # of the same pages by the same reader


@dataclass(frozen=True, slots=True)
class _Request:
    """A reading that can be asked for: its reader, what that is sent, and the reply's key."""

    case: Case
    candidate: Candidate
    prompt: Prompt
    key: str | None


class PageReader:
    """The readers of a run, each open while it is needed. `make_prompt` makes a case's prompt
    without the text of pages. Safe for several threads: one of them reads."""

    def __init__(
        self,
        make_candidate: Callable[[Model], Candidate],
        make_prompt: Callable[[Case], Prompt],
        cache: ReplyCache,
        seed: int,
    ) -> None:
        self._make_candidate, self._make_prompt = make_candidate, make_prompt
        self._cache = cache
        # A reading has seconds of its own, whatever the scenario of the run.
        self._keys = ReplyKeys(seed, "single-stream")
        self._candidates: dict[str, Candidate] = {}
        self._outcomes: dict[ReadingKey, PageText | UserError] = {}
        self._read_now: set[str] = set()  # keys of what was read in this run
        self._lock = threading.RLock()

    def show_text(self, case: Case, prompt: Prompt) -> Prompt:
        """The prompt as the case's model is sent it: with the text of the pages where it shows
        that, without the pages where the model is sent text alone. Raises what `read` raises."""
        return self._complete(case, prompt, self.read(case.reading) if case.reading else None)

    def show_known_text(self, case: Case, prompt: Prompt) -> Prompt | None:
        """As `show_text`, with a text that the cache has; None where nobody has read it yet."""
        page_text = None
        if case.reading:
            with self._lock, suppress(UserError):
                page_text = self._find(case.reading)
            if page_text is None:
                return None
        return self._complete(case, prompt, page_text)

    def _complete(self, case: Case, prompt: Prompt, page_text: PageText | None) -> Prompt:
        if page_text is not None:
            suite = case.document.suite
            text = render_prompt_text(case.template, suite, case.prompt_id, page_text.text)
            prompt = replace(prompt, text=text, page_text=page_text)
        return prompt if case.model.image else replace(prompt, pages=())

    def read(self, case: Case) -> PageText:
        """The text that this reading comes to. Raises Skip where its reader cannot be here or is
        not meant for the document, GenerationError where it fails, DocumentError."""
        key = case.key, case.model.max_pages, case.model.dpi
        with self._lock:
            outcome = self._outcomes.get(key)
            if outcome is None:
                outcome = self._read_guarded(case)
                # What is in the cache need not be in memory, too.
                if isinstance(outcome, UserError) or not self._is_kept(outcome):
                    self._outcomes[key] = outcome
        if isinstance(outcome, UserError):
            raise outcome
        return outcome

    def read_first(self, cases: Iterable[Case]) -> None:
        """Reads for all cases of a model before it is loaded, where their reader is a model, too:
        two of them may not have room beside each other. What goes wrong is said in its case."""
        readings = [case.reading for case in cases if case.reading]
        for reading in readings:
            if reading.model.backend != "ocr":
                with suppress(UserError):
                    self.read(reading)
        self._close_models()

    def forget(self) -> None:
        """At the end of a model's cases: what went wrong may not for the next model, and text that
        no cache keeps is let go."""
        self.forget_texts()
        self._close_models()

    def forget_texts(self) -> None:
        """The same, the readers staying open."""
        with self._lock:
            self._outcomes.clear()

    def close(self) -> None:
        """Frees all readers."""
        with self._lock:
            for candidate in self._candidates.values():
                candidate.close()
            self._candidates.clear()

    def _close_models(self) -> None:
        """Frees the readers but the OCR's engine, which is small and is needed again."""
        with self._lock:
            for candidate in self._candidates.values():
                if candidate.model.backend != "ocr":
                    candidate.close()

    def _is_kept(self, page_text: PageText) -> bool:
        return self._cache.mode != "off" and all(each.reply_key for each in page_text.readings)

    def _read_guarded(self, case: Case) -> PageText | UserError:
        """An OCR engine runs in this process: whatever it raises is an error of the case."""
        try:
            return self._find(case) or self._ask(case)
        except DocumentError as error:
            return error
        except Skip as error:
            return type(error)(self._explain(case, error.message))
        except UserError as error:
            return GenerationError(error.kind, self._explain(case, error.message))
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            return GenerationError(type(error).__name__, self._explain(case, said))

    def _explain(self, case: Case, what: Message | str) -> Message:
        return Message("pages_not_read", {"model": case.model.name, "what": what})

    def _find(self, case: Case) -> PageText | None:
        """What the cache has; None where it has nothing, or not yet of this run."""
        check_applicable(case)
        page_text = self._find(case.reading) if case.reading else None
        if case.reading and page_text is None:
            return None
        request = self._make_request(case, page_text)
        is_fresh = request.key in self._read_now
        generation = self._cache.get(request.key, is_fresh)
        return self._make_page_text(request, generation) if generation else None

    def _ask(self, case: Case) -> PageText:
        page_text = self.read(case.reading) if case.reading else None
        candidate = self._open(case.model)
        if self._cache.mode == "only":
            raise make_not_cached_error(case)
        candidate.load()
        request = self._make_request(case, page_text)
        render_pages(request.prompt)
        generation = time_generation(candidate, request.prompt, lambda call: call())
        generation = replace(generation, reply_key=request.key)
        if not candidate.recorded:
            self._cache.put(generation)
        if request.key:
            self._read_now.add(request.key)
        return self._make_page_text(request, generation)

    def _open(self, model: Model) -> Candidate:
        """By name: one that is asked for another number of pages is the same model."""
        if model.name not in self._candidates:
            self._candidates[model.name] = self._make_candidate(model)
        return self._candidates[model.name]

    def _make_request(self, case: Case, page_text: PageText | None) -> _Request:
        candidate = self._open(case.model)
        prompt = self._complete(case, self._make_prompt(case), page_text)
        return _Request(case, candidate, prompt, self._keys.compute(case, candidate, prompt))

    def _make_page_text(self, request: _Request, generation: Generation) -> PageText:
        model, earlier = request.case.model, request.prompt.page_text
        reading = Reading(
            reader=model.name,
            seconds=generation.elapsed_seconds,
            usage=generation.usage,
            price=model.price,
            cached=generation.cached and request.key not in self._read_now,
            measured_at=generation.measured_at,
            reply_key=generation.reply_key,
        )
        text, notes = _clean_text(request, generation)
        return PageText(
            text=text,
            readings=(*(earlier.readings if earlier else ()), reading),
            notes=(*(earlier.notes if earlier else ()), *generation.notes, *notes),
        )


def _clean_text(request: _Request, generation: Generation) -> tuple[str, list[Message]]:
    """A reply as the text of pages: without a model's thoughts, and no longer than pages are."""
    model, text = request.case.model, generation.raw_response
    notes = []
    if model.backend != "ocr":
        start, is_open = find_answer_start(text)
        text = "" if is_open else text[start:]
    if generation.finish_reason == "length":
        notes.append(Message("reading_cut", {"model": model.name}))
    limit = MAX_PAGE_CHARACTERS * max(1, len(request.prompt.pages))
    if len(text) > limit:
        notes.append(Message("reading_too_long", {"model": model.name, "limit": limit}))
    cleaned: str = replace_surrogates(text[:limit])
    return cleaned.strip(), notes
