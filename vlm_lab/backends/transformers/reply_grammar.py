"""A schema -> which tokens may come next, by llguidance: a reply that keeps to the schema.

In: JSON Schemas, one for each prompt of a batch, None for a reply that is free. Out: a logits
processor for `generate`, alone, padded to a batch, sampled or with beams. Properties stand in the
schema's order; between tokens is as much whitespace as a line's indentation takes.

Runs inside the worker, perhaps in another interpreter: valid on Python 3.9, imports torch, numpy
and llguidance late.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vlm_lab.backends.transformers.worker_error import WorkerError
from vlm_lab.messages import Message

PACKAGE = "llguidance"
BROKEN_LETTER = "\N{REPLACEMENT CHARACTER}"  # what a part of a letter is decoded to
# A space, or a line's end and indentation, as printers of JSON write it: where every other token is
# unlikely, a model that may write more of them writes them to its limit.
GRAMMAR_OPTIONS: Any = {"whitespace_pattern": r" |\r?\n[ \t]{0,40}"}
SAMPLE = '{"a": [1.5, null, "b c"]}'


class ReplyGrammar:
    """A model's tokenizer as llguidance has it. WorkerError where it takes none of this kind."""

    def __init__(self, tokenizer: Any, eos_ids: set[int]) -> None:
        import llguidance

        self._llguidance = llguidance
        self._eos_ids = sorted(token for token in eos_ids if token is not None)
        if not self._eos_ids:
            raise WorkerError("Unavailable", Message("grammar_without_end"))
        self._tokenizer = build_tokenizer(tokenizer, self._eos_ids)
        self._matchers: dict[str, Any] = {}  # one a schema: compiling takes as long as a token

    def describe(self) -> dict[str, Any]:
        """For the record."""
        reason = f"asked for; by {PACKAGE} {self._llguidance.__version__}"
        return {"value": "json_schema", "reason": reason}

    def build_processor(self, schemas: Sequence[str | None]) -> GrammarMask:
        """A logits processor for one call of `generate` with as many prompts."""
        return GrammarMask([self._find_matcher(schema) for schema in schemas], set(self._eos_ids))

    def _find_matcher(self, schema: str | None) -> Any:
        """The compiled grammar, at its start; it is copied for each reply."""
        if schema is None:
            return None
        if schema not in self._matchers:
            grammar = self._llguidance.LLMatcher.grammar_from_json_schema(schema, GRAMMAR_OPTIONS)
            matcher = self._llguidance.LLMatcher(self._tokenizer, grammar)
            check_matcher(matcher)
            self._matchers[schema] = matcher
        return self._matchers[schema]


class GrammarMask:
    """A logits processor that leaves the tokens which a row's schema allows after what the row has
    already said. A prompt has as many rows as beams are searched."""

    def __init__(self, matchers: Sequence[Any], eos_ids: set[int]) -> None:
        self._matchers, self._eos_ids = matchers, eos_ids
        self._prompt_length = 0
        self._rows: list[Row] = []

    def __call__(self, ids: Any, scores: Any) -> Any:
        """`ids` has the prompt and what each row has said, `scores` what may follow it."""
        import numpy
        import torch

        if not self._rows:
            self._begin(ids)
        allowed = numpy.zeros(tuple(scores.shape), dtype=bool)
        said = ids[:, self._prompt_length :].tolist()
        for row, tokens, allowed_tokens in zip(self._rows, said, allowed):  # noqa: B905 - 3.9
            row.mark_allowed(tokens, allowed_tokens)
        mask = torch.from_numpy(allowed).to(scores.device)
        return scores.masked_fill(~mask, -float("inf"))

    def _begin(self, ids: Any) -> None:
        self._prompt_length = int(ids.shape[1])
        rows_by_prompt = len(ids) // len(self._matchers)
        self._rows = [
            Row(matcher.deep_copy() if matcher else None, self._eos_ids)
            for matcher in self._matchers
            for _ in range(rows_by_prompt)
        ]


class Row:
    """One reply that is being written, and its place in the grammar; without one it is free."""

    def __init__(self, matcher: Any, eos_ids: set[int]) -> None:
        self._matcher, self._eos_ids = matcher, eos_ids
        self._tokens: list[int] = []  # that the matcher has seen

    def mark_allowed(self, tokens: list[int], allowed_tokens: Any) -> None:
        """Sets what may follow `tokens`. After its end nothing of a row is chosen."""
        import numpy

        if self._matcher is None or not self._eos_ids.isdisjoint(tokens):
            allowed_tokens[:] = True
            return
        self._move_to(tokens)
        mask = numpy.frombuffer(self._matcher.compute_bitmask(), dtype=numpy.uint8)
        check_matcher(self._matcher)
        bits = numpy.unpackbits(mask, bitorder="little")
        # A model may have more scores than its tokenizer has tokens, and the other way round.
        known_count = min(len(bits), len(allowed_tokens))
        allowed_tokens[:known_count] = bits[:known_count]

    def _move_to(self, tokens: list[int]) -> None:
        """Brings the matcher behind `tokens`: a beam may go on from what another one said."""
        seen_count = len(self._tokens)
        if tokens[:seen_count] != self._tokens:
            pairs = zip(tokens, self._tokens)  # noqa: B905 - Python 3.9
            seen_count = next(index for index, (new, old) in enumerate(pairs) if new != old)
            self._matcher.rollback(len(self._tokens) - seen_count)
        for token in tokens[seen_count:]:
            self._matcher.consume_token(token)
            check_matcher(self._matcher)
        self._tokens = tokens


def check_matcher(matcher: Any) -> None:
    """WorkerError where llguidance gave up on a grammar or a reply."""
    if matcher.is_error():
        said, _, _ = str(matcher.get_error()).partition("<state>")  # of the parser, a page of it
        figures = {"said": " ".join(said.split())[:500]}
        raise WorkerError("Grammar", Message("grammar_gave_up", figures))


def build_tokenizer(tokenizer: Any, eos_ids: list[int]) -> Any:
    """The tokenizer as llguidance reads it itself, else by what each single token decodes to.
    WorkerError where these do not add up to a text."""
    import llguidance
    from llguidance import hf

    try:
        return hf.from_tokenizer(tokenizer, eos_token=eos_ids)
    except ValueError:  # a kind that it does not know
        tokens = TokenTexts(tokenizer, eos_ids[0])
        wrapper = llguidance.TokenizerWrapper(tokens)
        return llguidance.LLTokenizer(wrapper, eos_token=eos_ids)


class TokenTexts:
    """A tokenizer in the form that llguidance's wrapper wants: the bytes of each token."""

    def __init__(self, tokenizer: Any, eos_id: int) -> None:
        self._tokenizer = tokenizer
        self.eos_token_id, self.bos_token_id = eos_id, tokenizer.bos_token_id
        token_ids = [[token] for token in range(len(tokenizer))]
        texts = [tokenizer.decode(ids, skip_special_tokens=False) for ids in token_ids]
        self.tokens = [text.encode() for text in texts]
        broken_ids = [index for index, text in enumerate(texts) if BROKEN_LETTER in text]
        self.special_token_ids = sorted({*tokenizer.all_special_ids, *broken_ids})
        sample_ids = self(SAMPLE)
        if "".join(texts[token] for token in sample_ids) != tokenizer.decode(sample_ids):
            figures = {"type": type(tokenizer).__name__}
            raise WorkerError("Unavailable", Message("grammar_tokenizer", figures))

    def __call__(self, text: str | bytes) -> list[int]:
        """The ids of a text."""
        decoded_text = text.decode() if isinstance(text, bytes) else text
        return list(self._tokenizer.encode(decoded_text, add_special_tokens=False))
