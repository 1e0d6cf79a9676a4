"""What is seen of each token while it is made."""

import pytest

from vlm_lab.backends.transformers.streamer import STEPS_AT_ONCE, TokenStreamer

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("count", [1, STEPS_AT_ONCE, STEPS_AT_ONCE + 1, 3 * STEPS_AT_ONCE - 1])
def test_each_token_has_the_probability_that_its_own_step_gave_it(count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    scores = [torch.randn(1, 50, generator=generator) for _ in range(count)]
    prompt_ids, reply_ids = torch.tensor([7, 8, 9]), torch.arange(count)
    streamer = TokenStreamer()
    for step in range(count):
        ids = torch.cat([prompt_ids, reply_ids[:step]])[None]
        assert streamer(ids, scores[step]) is scores[step]
    expected = [float(scores[step].log_softmax(-1)[0, step]) for step in range(count)]
    assert streamer.prompt_length == 3
    assert streamer.collect_logprobs(reply_ids) == expected


def test_a_reply_without_tokens_has_no_probabilities() -> None:
    assert TokenStreamer().collect_logprobs(torch.tensor([], dtype=torch.long)) == []
