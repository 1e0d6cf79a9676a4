"""What is seen of each token while it is made."""

from pathlib import Path
from typing import Any

import pytest

from tests import checkpoint_parts
from vlm_lab.backends.transformers import streamer as streamer_module
from vlm_lab.backends.transformers.streamer import (
    SingleTokens,
    TokenStreamer,
    decode_token_texts,
)

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("steps_at_once", [0.5, 1, 2, 16, 1000])
@pytest.mark.parametrize("count", [1, 2, 16, 17, 47])
def test_each_token_has_the_probability_that_its_own_step_gave_it(
    monkeypatch: pytest.MonkeyPatch, count: int, steps_at_once: float
) -> None:
    monkeypatch.setattr(streamer_module, "MAX_PENDING_SCORES", int(50 * steps_at_once))
    generator = torch.Generator().manual_seed(count)
    scores = [torch.randn(1, 50, generator=generator) for _ in range(count)]
    prompt_ids, reply_ids = torch.tensor([7, 8, 9]), torch.arange(count)
    streamer = TokenStreamer()
    for step in range(count):
        ids = torch.cat([prompt_ids, reply_ids[:step]])[None]
        assert streamer(ids, scores[step]) is scores[step]
        assert len(streamer._pending_scores) <= max(1, steps_at_once)
    expected = [float(scores[step].log_softmax(-1)[0, step]) for step in range(count)]
    assert streamer.prompt_length == 3
    assert streamer.collect_logprobs(reply_ids) == expected


def test_a_reply_without_tokens_has_no_probabilities() -> None:
    assert TokenStreamer().collect_logprobs(torch.tensor([], dtype=torch.long)) == []


def make_word_tokenizer() -> Any:
    """As sentencepiece's: words begin with a mark for the space before them, what is no word is
    spelled in bytes, and the first space is dropped."""
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    pieces = ["<unk>", "</s>", "\u2581", "\u2581Total", "\u2581119", "to", ",00", "\u00e9"]
    pieces += [f"<0x{byte:02X}>" for byte in range(256)]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token=pieces[0]))
    inner.decoder = tokenizers.decoders.Sequence(
        [
            tokenizers.decoders.Replace("\u2581", " "),
            tokenizers.decoders.ByteFallback(),
            tokenizers.decoders.Fuse(),
            tokenizers.decoders.Strip(" ", 1, 0),
        ]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token=pieces[0], eos_token=pieces[1]
    )


def spell(text: str) -> list[str]:
    return [f"<0x{byte:02X}>" for byte in text.encode()]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["\u2581Total", "\u2581119", ",00"], ["Total", " 119", ",00"]),
        (["\u2581Total", "</s>", "\u2581119"], ["Total", "", " 119"]),
        (["</s>", "</s>", "\u2581Total", "\u2581119"], ["", "", "Total", " 119"]),
        (["\u2581", "\u2581Total"], ["", " Total"]),
        (["to", *spell("\u20ac"), "\u2581119"], ["to", "", "", "\u20ac", " 119"]),
        (["to", *spell("\u20ac")[:2]], ["to", "\ufffd", "\ufffd"]),
    ],
)
def test_tokens_of_words_keep_the_spaces_between_them(
    tokens: list[str], expected: list[str]
) -> None:
    tokenizer = make_word_tokenizer()
    ids = tokenizer.convert_tokens_to_ids(tokens)
    text = tokenizer.decode(ids, skip_special_tokens=True)
    assert "".join(expected) == text
    assert decode_token_texts(SingleTokens(tokenizer), ids, text) == expected


@pytest.mark.parametrize("text", ["Total 119,00", "5 \u20ac, \u0418\u0442\u043e\u0433\u043e", ""])
def test_a_letter_of_several_tokens_is_the_last_ones(tmp_path: Path, text: str) -> None:
    tokenizer = checkpoint_parts.tokenizer(tmp_path, ["<image>"])
    ids = tokenizer.encode(text, add_special_tokens=False)
    token_texts = decode_token_texts(SingleTokens(tokenizer), ids, text)
    assert "".join(token_texts) == text
    assert [letter for letter in token_texts if letter] == list(text)


def test_a_token_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = checkpoint_parts.tokenizer(tmp_path, ["<image>"])
    decoded: list[list[int]] = []
    batch_decode = tokenizer.batch_decode

    def count(sequences: list[list[int]], **kwargs: Any) -> Any:
        decoded.extend(sequences)
        return batch_decode(sequences, **kwargs)

    monkeypatch.setattr(tokenizer, "batch_decode", count)
    single_tokens = SingleTokens(tokenizer)
    for text in ("119", "1191", "91 EUR"):
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert "".join(decode_token_texts(single_tokens, ids, text)) == text
    assert len(decoded) == len({ids[0] for ids in decoded}) >= 3
