"""Several prompts at once, as one padded batch: what `--probe` compares with single replies.

Runs inside the worker, perhaps in another interpreter: valid on Python 3.9. Replies alone come
back: seconds, tokens and probabilities of a batch are nobody's.
"""

from __future__ import annotations

from typing import Any

from vlm_lab.backends.transformers import processors
from vlm_lab.backends.transformers.loaded_model import LoadedModel, Payload
from vlm_lab.backends.transformers.worker_error import WorkerError


def generate_replies(loaded_model: LoadedModel, request: Payload) -> Payload:
    """The replies to `request["batch_prompts"]`: (text, number of pages) each, the pages of
    all of them in `pages`."""
    torch = loaded_model.torch
    torch.manual_seed(request["seed"])
    inputs = build_padded_inputs(loaded_model, request)
    with torch.inference_mode():
        output, observer = loaded_model.generate_token_ids(inputs, request["generation_kwargs"])
    reply_start = observer.prompt_length or 0
    return {"replies": [decode_row(loaded_model, row[reply_start:].tolist()) for row in output]}


def build_padded_inputs(loaded_model: LoadedModel, request: Payload) -> Any:
    """Ids and pixels of all prompts, on the model's device."""
    if processors.has_numbered_images(loaded_model.processor):
        raise WorkerError("NoBatch", "this model's own code takes one prompt at a time")
    remaining_images, chat_prompts = loaded_model.build_page_images(request), []
    images_by_prompt: list[Any] = []
    for text, image_count in request["batch_prompts"]:
        images, remaining_images = remaining_images[:image_count], remaining_images[image_count:]
        chat_prompts.append(loaded_model.build_chat_prompt(text, image_count))
        images_by_prompt += [images] if loaded_model.family.multi_image else images
    inputs = processors.encode_batch(loaded_model.processor, chat_prompts, images_by_prompt)
    return inputs.to(loaded_model.device, dtype=loaded_model.model.dtype)


def decode_row(loaded_model: LoadedModel, ids: list[int]) -> Payload:
    """One row of a batch, without the padding after its end."""
    eos_ids = loaded_model.collect_eos_ids()
    end_index = next((index for index, token in enumerate(ids) if token in eos_ids), None)
    reply_ids = ids if end_index is None else ids[: end_index + 1]
    return {
        "text": loaded_model.decode_reply(reply_ids),
        "finish_reason": "length" if end_index is None else "stop",
    }
