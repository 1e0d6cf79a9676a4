"""Several prompts at once, as one padded batch: what the scenario `offline` asks, and `--probe`.

Runs inside the worker, perhaps in another interpreter: valid on Python 3.9. Seconds of a batch are
nobody's: text, tokens and probabilities come back, a row for each prompt.
"""

from __future__ import annotations

import time
from typing import Any

from vlm_lab.backends.transformers import devices, processors
from vlm_lab.backends.transformers.batch_observer import BatchObserver
from vlm_lab.backends.transformers.loaded_model import LoadedModel, Payload
from vlm_lab.backends.transformers.worker_error import WorkerError
from vlm_lab.messages import Message


def generate_replies(loaded_model: LoadedModel, request: Payload) -> Payload:
    """The replies to `request["batch_prompts"]`: (text, number of pages) each, the pages of
    all of them in `pages`. `timing` is the whole batch's."""
    torch = loaded_model.torch
    devices.seed_random_numbers(loaded_model.device, request["seed"])
    devices.reset_peak_memory(loaded_model.device)
    start_time = time.perf_counter()
    inputs = (
        request["inputs"] if "inputs" in request else build_padded_inputs(loaded_model, request)
    )
    inputs = inputs.to(loaded_model.device, dtype=loaded_model.model.dtype)
    inputs_time = time.perf_counter()
    observer = BatchObserver()
    with torch.inference_mode():
        output, seen = loaded_model.generate_token_ids(inputs, request, observer)
    end_time = time.perf_counter()
    first_token_time = seen.first_token_time or end_time
    timing = [
        inputs_time - start_time,
        first_token_time - inputs_time,
        end_time - first_token_time,
    ]
    reply_start = seen.prompt_length or 0
    logprobs = observer.collect_logprobs(output) if seen is observer else [[] for _ in output]
    prompts = split_inputs(inputs, [count for _, count in request["batch_prompts"]])
    with loaded_model.processor_lock:
        replies = [
            build_row(loaded_model, row[reply_start:].tolist(), row_logprobs, prompt)
            for row, row_logprobs, prompt in zip(output, logprobs, prompts)  # noqa: B905 - 3.9
        ]
    return {"replies": replies, "timing": timing, **loaded_model.describe_answer()}


def build_padded_inputs(loaded_model: LoadedModel, request: Payload) -> Any:
    """Ids and pixels of all prompts. One thread at a time has the processor."""
    if processors.has_numbered_images(loaded_model.processor):
        raise WorkerError("NoBatch", Message("no_batch_by_own_code"))
    remaining_images, chat_prompts = loaded_model.build_page_images(request), []
    images_by_prompt: list[Any] = []
    for text, image_count in request["batch_prompts"]:
        images, remaining_images = remaining_images[:image_count], remaining_images[image_count:]
        chat_prompts.append(loaded_model.build_chat_prompt(text, image_count))
        images_by_prompt += [images] if loaded_model.family.multi_image else images
    with loaded_model.processor_lock:
        return processors.encode_batch(loaded_model.processor, chat_prompts, images_by_prompt)


def split_inputs(inputs: Any, image_counts: list[int]) -> list[Payload]:
    """What tokens and sizes are counted by, for each prompt as if it had been asked alone: its ids
    without the padding, and its pages' grids where the processor gives them."""
    prompts, first_image = [], 0
    for row, image_count in enumerate(image_counts):
        ids = inputs["input_ids"][row]
        prompt = {"input_ids": ids[inputs["attention_mask"][row].bool()][None]}
        images = slice(first_image, first_image + image_count)
        first_image += image_count
        if "image_grid_thw" in inputs:
            prompt["image_grid_thw"] = inputs["image_grid_thw"][images]
        if "aspect_ratio_mask" in inputs:
            prompt["aspect_ratio_mask"] = inputs["aspect_ratio_mask"][row]
        prompts.append(prompt)
    return prompts


def build_row(
    loaded_model: LoadedModel, ids: list[int], logprobs: list[float], prompt: Payload
) -> Payload:
    """One row of a batch, without the padding after its end."""
    eos_ids = loaded_model.collect_eos_ids()
    end_index = next((index for index, token in enumerate(ids) if token in eos_ids), None)
    reply_ids = ids if end_index is None else ids[: end_index + 1]
    logprobs = logprobs[: len(reply_ids)]
    text = loaded_model.decode_reply(reply_ids)
    return {
        "text": text,
        "finish_reason": "length" if end_index is None else "stop",
        "prompt_tokens": prompt["input_ids"].shape[1],
        "visual_tokens": loaded_model.count_visual_tokens(prompt),
        "output_tokens": len(reply_ids),
        "tokens": loaded_model.pair_tokens(reply_ids, text, logprobs),
        "mean_logprob": sum(logprobs) / len(logprobs) if logprobs else None,
        "image_sizes": loaded_model.compute_image_sizes(prompt),
    }
