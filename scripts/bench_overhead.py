"""What the suite costs beside a loop written by hand: the ratio of seconds per document, same checkpoint, same pages.

    .venv/bin/python scripts/bench_overhead.py [--model FOLDER] [--tokens 128] [--documents 40] [--limit 1.05]

The loop (processor, generate, decode) runs in a process of its own, as the suite's worker does, and the two take
turns, so that a noisy machine is noisy to both. The suite's seconds are from decoded pixels to the full reply: the
pipe, token counts and log-probabilities included. The CPU seconds of the two processes are printed beside, because
they hold on a machine that does other work too; set OMP_NUM_THREADS=1 there, threads that wait for a shared core make
either side ten times slower at random. Without --model a random Qwen2-VL of about 15 M parameters is made.
Exit status 1 when the ratio of the median seconds is above the limit.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests import checkpoints
from vlm_lab.backends.transformers import Transformers
from vlm_lab.types import Model, Page, Prompt, Runtime

TEXT = "Return the invoice as JSON with the keys invoice_number, issue_date, seller and totals."
SIZE = {"hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 8, "num_attention_heads": 6}


def page(number: int) -> Image.Image:
    """An A4 page at 150 dpi with words on it."""
    image = Image.new("RGB", (1240, 1754), "white")
    draw = ImageDraw.Draw(image)
    for row in range(40):
        draw.text((90, 80 + 40 * row), f"Invoice {number:04}  position {row}  {row * 17 + number}.50 EUR", fill="black")
    return image


def loop(pipe: Connection, folder: str, tokens: int, dtype: str) -> None:
    """What one would write by hand, and the seconds of each document."""
    import torch
    from transformers import AutoModelForImageTextToText

    processor = hand_processor(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    content = [{"type": "image"}, {"type": "text", "text": TEXT}]
    pipe.send("ready")
    while (image := pipe.recv()) is not None:
        start = time.perf_counter()
        text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        inputs = processor(images=[image], text=[text], return_tensors="pt").to(dtype=model.dtype)
        with torch.inference_mode():
            output = model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
        reply = processor.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        pipe.send((time.perf_counter() - start, reply))


def hand_processor(folder: str) -> Any:
    """Qwen2-VL's processor without torchvision: its own class without the video half."""
    from transformers import Qwen2VLProcessor

    class ImagesOnly(Qwen2VLProcessor):  # type: ignore[misc]
        def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None) -> None:
            super().__init__(image_processor, tokenizer, chat_template=chat_template)

    return ImagesOnly.from_pretrained(folder)


def measure(folder: Path, tokens: int, documents: int) -> list[tuple[float, float, float, float]]:
    """Of each document: seconds by hand and in the suite, CPU seconds by hand and in the worker. Warmed up."""
    model = Model(name="bench", model_id=str(folder), generation_kwargs={"max_new_tokens": tokens})
    backend = Transformers(model, Runtime(cache=folder / "cache"))
    here, there = get_context("spawn").Pipe()
    arguments = (there, str(folder), tokens, backend.environment["dtype"]["value"])
    process = get_context("spawn").Process(target=loop, args=arguments, daemon=True)
    process.start()
    here.recv()
    assert backend.worker is not None and process.pid is not None  # noqa: S101, PT018
    rows = []
    for number in range(documents + 2):
        image = page(number)
        before = [cpu(process.pid), cpu(backend.worker.pid)]
        here.send(image)
        hand, reply = here.recv()
        start = time.perf_counter()
        prompt = Prompt(id="p", text=TEXT, pages=[Page(0, image)], document_id="d", document_name="d")
        generation = backend.generate(prompt)
        suite = time.perf_counter() - start
        assert generation.raw_response == reply, "the two do not do the same"  # noqa: S101
        rows.append((hand, suite, cpu(process.pid) - before[0], cpu(backend.worker.pid) - before[1]))
    here.send(None)
    process.join()
    backend.close()
    return rows[2:]


def cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--documents", type=int, default=40)
    parser.add_argument("--limit", type=float, default=1.05)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as made:
        folder = options.model or Path(made) / "qwen2_vl"
        if options.model is None:
            checkpoints.TEXT.update(SIZE)
            checkpoints.build("qwen2_vl", folder)
        rows = measure(folder, options.tokens, options.documents)
    hand, suite, hand_cpu, suite_cpu = (statistics.median(column) for column in zip(*rows, strict=True))
    ratio = suite / hand
    print(f"{options.documents} documents, {options.tokens} new tokens, medians of seconds a document:")
    print(f"  by hand {hand:.3f}  suite {suite:.3f}  ratio {ratio:.3f}")
    print(f"  CPU: by hand {hand_cpu:.2f}  suite {suite_cpu:.2f}  ratio {suite_cpu / hand_cpu:.3f}")
    return 0 if ratio <= options.limit else 1


if __name__ == "__main__":
    sys.exit(main())
