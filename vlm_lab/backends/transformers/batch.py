"""Several prompts at once, as one padded batch: what `--probe` holds against the replies to single
ones.

Runs inside the worker, perhaps in another interpreter: valid on Python 3.9. Replies alone come
back: seconds, tokens and probabilities of a batch are nobody's.
"""

from __future__ import annotations

from typing import Any

from vlm_lab.backends.transformers import processors
from vlm_lab.backends.transformers.loaded_model import LoadedModel, Payload, WorkerError
from vlm_lab.backends.transformers.streamer import TokenStreamer


def generate_replies(loaded: LoadedModel, request: Payload) -> Payload:
    """The replies to `request["texts"]`: (words, number of pages) each, the pages of all of them in
    `pages`."""
    torch = loaded.torch
    torch.manual_seed(request["seed"])
    inputs = build_padded_inputs(loaded, request)
    tracker = TokenStreamer()
    with torch.inference_mode():
        output = loaded.generate_token_ids(inputs, request["generation_kwargs"], tracker)
    start = inputs["input_ids"].shape[1]
    if loaded.model.config.is_encoder_decoder:
        start = output.shape[1] - tracker.put_count + 1 if tracker.put_count else 0
    return {"replies": [decode_row(loaded, row[start:].tolist()) for row in output]}


def build_padded_inputs(loaded: LoadedModel, request: Payload) -> Any:
    """Ids and pixels of all prompts, on the model's device."""
    if processors.has_numbered_images(loaded.processor):
        raise WorkerError("NoBatch", "this model's own code takes one prompt at a time")
    left, texts = loaded.build_page_images(request), []
    pages: list[Any] = []
    for text, count in request["texts"]:
        texts.append(loaded.build_chat_prompt(text, count))
        pages += [left[:count]] if loaded.family.multi_image else left[:count]
        left = left[count:]
    inputs = processors.encode_batch(loaded.processor, texts, pages)
    return inputs.to(loaded.device, dtype=loaded.model.dtype)


def decode_row(loaded: LoadedModel, ids: list[int]) -> Payload:
    """One row of a batch, without the padding after its end."""
    ends = loaded.collect_eos_ids()
    last = next((place for place, token in enumerate(ids) if token in ends), None)
    written = ids if last is None else ids[: last + 1]
    return {
        "text": loaded.decode_reply(written),
        "finish_reason": "length" if last is None else "stop",
    }
