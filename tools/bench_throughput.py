"""What `--scenario offline` gets done beside loops written by hand: whole processes, in turns, over
the same checkpoint and the same PDF files.

    .venv/bin/python tools/bench_throughput.py [--model FOLDER] [--tokens 64] [--documents 48]
                                               [--alone 48] [--rounds 3] [--limit 0.35]
    .venv/bin/python tools/bench_throughput.py --vllm PYTHON
    .venv/bin/python tools/bench_throughput.py --gpu

A loop (one page at a time), the same in batches of 8, the suite's two scenarios. Each starts from
nothing and ends with its answers on disk; what is the same for all stands in bench_speed.py.
`--vllm`: the two scenarios also of the same weights in a vLLM that each run starts itself, with the
interpreter PYTHON, which has it.

Seconds a document are those between the first batch's answers and the last ones, by the other
documents; an answer counts when its whole batch is on disk. `busy` is the report's share of time in
which the model worked. `differ` counts the answers that are not those of one page at a time: a
padded batch adds numbers up in another order. Exit status 1 where a document takes `offline` more
than `limit` times the loop's seconds.

`--gpu`: a random Qwen2-VL of 2 billion parameters in bfloat16, 200 pages, once, beside
single-stream over 12 of them instead of the loop. Each other option can be typed beside it.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))
from tests import checkpoints  # noqa: E402
from tools import bench_speed  # noqa: E402
from tools.bench_speed import BATCH_SIZE, Bench, Timeline  # noqa: E402

LOOP, BATCH, SINGLE, OFFLINE = "loop", f"batch of {BATCH_SIZE}", "single-stream", "offline"
SERVED = {"vLLM, 1 at once": SINGLE, "vLLM, 16 at once": OFFLINE}
MODEL, SERVED_MODEL = "tiny", "served"
MIN_DOCUMENTS = 24
GPU_FORM = {
    "device": "cuda",
    "dtype": "bfloat16",
    "size": "2b",
    "documents": 200,
    "alone": 12,
    "rounds": 1,
    "limit": 1 / 8,
    "ways": (SINGLE, OFFLINE, BATCH),
}
# Qwen2-VL-2B's, and about as many tokens as its vocabulary has.
TWO_BILLION_TEXT = {
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32768,
}
TWO_BILLION_VISION = {
    "embed_dim": 1280,
    "depth": 32,
    "num_heads": 16,
    "hidden_size": 1536,
    "mlp_ratio": 4,
}
TWO_BILLION_PIXELS = 1280 * 28 * 28
UNUSED_TOKENS = 151_000


@dataclass(frozen=True)
class Outcome:
    """What one process did: its times, its replies by document, and of the suite how busy it kept
    the model."""

    timeline: Timeline
    replies: Mapping[str, str]
    busy_share: float | None = None


class ThroughputBench(Bench):
    """One folder of documents, asked in one way after another."""

    def serve_too(self, python: Path) -> None:
        """Adds the same weights in a vLLM of the interpreter to the project's models.yaml."""
        entry = {
            "name": SERVED_MODEL,
            "model_id": str(self.checkpoint),
            "backend": "openai",
            "serve": "vllm",
            "serve_args": ["--enforce-eager", "--max-num-seqs", "16", "--max-model-len", "4096"],
            "python": str(python.absolute()),
            "dtype": self.dtype,
            "generation_kwargs": {"max_new_tokens": self.tokens},
        }
        with (self.folder / "models.yaml").open("a") as file:
            file.write(f"  - {json.dumps(entry)}\n")

    def ask(self, way: str, count: int) -> Outcome:
        """One process, of `count` of the documents."""
        if way in (LOOP, BATCH):
            batch_size = 1 if way == LOOP else BATCH_SIZE
            timeline = self.run_loop(batch_size, count)
            return Outcome(timeline, bench_speed.read_loop_replies(self.find_answers(batch_size)))
        if way in SERVED:
            return self._ask_scenario(SERVED[way], SERVED_MODEL, count)
        return self._ask_scenario(way, MODEL, count)

    def _ask_scenario(self, scenario: str, model: str, count: int) -> Outcome:
        output = self.make_output_folder()
        options = (f"--scenario={scenario}", f"--sample={count}", "-k", model)
        timeline = self.ask_suite(output, lambda: read_batch_times(output, model), *options)
        (path,) = output.glob("*/report.json")
        (summary,) = json.loads(path.read_text())["summaries"]
        failed = bench_speed.find_failed_documents(output)
        if failed:
            sys.exit(f"{model}, {scenario}: no reply for {', '.join(failed)}")
        throughput = summary["speed"]["throughput"]
        busy_share = throughput["busy_share"] if throughput else None
        return Outcome(timeline, bench_speed.read_replies(output), busy_share)


def ask_aloud(bench: ThroughputBench, way: str, count: int) -> Outcome:
    """One process; a line when it has ended, since the next may take minutes."""
    outcome = bench.ask(way, count)
    timeline = outcome.timeline
    print(
        f"{way}: {timeline.document:.4f} s a document, first {timeline.start:.1f} s, "
        f"whole {timeline.whole:.1f} s",
        file=sys.stderr,
        flush=True,
    )
    return outcome


def read_batch_times(output: Path, model: str) -> list[float]:
    """For each record when all of its batch were on disk, in order; a record of none is alone."""
    written: dict[object, list[float]] = defaultdict(list)
    for file in output.glob(f"*/{model}/*.json"):
        batch = json.loads(file.read_text())["batch"]
        written[batch["end"] if batch else file].append(file.stat().st_mtime)
    return sorted(max(times) for times in written.values() for _ in times)


def print_table(rounds: Sequence[Mapping[str, Outcome]]) -> float:
    """A line for each way: medians over the rounds, beside the first way, whose pages are asked one
    by one. How much of its seconds `offline` takes."""
    base, *_ = rounds[0]
    titles = ("s a document", f"to {base}", "documents/s", "whole process", "CPU s")
    print(f"  {'':<16}" + "".join(f"{title:>18}" for title in titles) + f"{'busy':>6}{'differ':>8}")
    ratios = {}
    for way in rounds[0]:
        timelines = [outcomes[way].timeline for outcomes in rounds]
        seconds = statistics.median(timeline.document for timeline in timelines)
        ratios[way] = statistics.median(
            outcomes[way].timeline.document / outcomes[base].timeline.document
            for outcomes in rounds
        )
        whole = statistics.median(timeline.whole for timeline in timelines)
        cpu = statistics.median(timeline.cpu for timeline in timelines)
        figures = (f"{seconds:.4f}", f"{ratios[way]:.2f}", f"{1 / seconds:.2f}", f"{whole:.1f}")
        cells = "".join(f"{figure:>18}" for figure in (*figures, f"{cpu:.1f}"))
        differing = max(count_differing(outcomes[way], outcomes[base]) for outcomes in rounds)
        busy = format_busy([outcomes[way].busy_share for outcomes in rounds])
        print(f"  {way:<16}{cells}{busy:>6}{differing:8}")
    return ratios[OFFLINE]


def format_busy(shares: Sequence[float | None]) -> str:
    """The median; "-" of a process that does not say."""
    known = [share for share in shares if share is not None]
    return f"{statistics.median(known):.0%}" if known else "-"


def count_differing(outcome: Outcome, of_one_page: Outcome) -> int:
    """Documents that both were asked whose answer is not what it is one page at a time."""
    expected = of_one_page.replies
    return sum(
        expected[document] != reply
        for document, reply in outcome.replies.items()
        if document in expected
    )


def draw_checkpoint(folder: Path, size: str, device: str, dtype: str) -> None:
    """A random Qwen2-VL of about 15 million or 2 billion parameters."""
    if size == "tiny":
        bench_speed.draw_checkpoint(folder)
        return
    import torch
    from transformers import Qwen2VLConfig

    checkpoints.TEXT.update(TWO_BILLION_TEXT)
    torch.set_default_dtype(getattr(torch, dtype))
    folder.mkdir(parents=True)
    with torch.device(device):
        checkpoints.qwen(
            folder, Qwen2VLConfig, TWO_BILLION_VISION, "Qwen2VLProcessor", 14, UNUSED_TOKENS
        )
    path = folder / "preprocessor_config.json"
    settings = json.loads(path.read_text()) | {"max_pixels": TWO_BILLION_PIXELS}
    path.write_text(json.dumps(settings))


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--vllm", type=Path, metavar="PYTHON")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--size", choices=("tiny", "2b"), default="tiny")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--documents", type=int, default=48)
    parser.add_argument("--alone", type=int, help="documents that are asked one by one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=0.35)
    parser.set_defaults(ways=(LOOP, BATCH, SINGLE, OFFLINE))
    if "--gpu" in (sys.argv[1:] if arguments is None else arguments):
        parser.set_defaults(**GPU_FORM)
    options = parser.parse_args(arguments)
    if options.documents < MIN_DOCUMENTS:
        parser.error(f"--documents: {MIN_DOCUMENTS} at the least, so that several batches are seen")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = read_options(arguments)
    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = options.model or Path(folder) / "qwen2_vl"
        if options.model is None:
            draw_checkpoint(checkpoint, options.size, options.device, options.dtype)
        bench = ThroughputBench(
            Path(folder) / "project",
            checkpoint,
            options.tokens,
            options.documents,
            options.device,
            options.dtype,
        )
        ways: tuple[str, ...] = options.ways
        if options.vllm:
            # On a CPU it takes nearly all memory for keys and values unless it is told how much.
            os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
            bench.serve_too(options.vllm)
            ways = (*ways, *SERVED)
        counts = dict.fromkeys((LOOP, SINGLE), options.alone or options.documents)
        rounds = [
            {way: ask_aloud(bench, way, counts.get(way, options.documents)) for way in ways}
            for _ in range(options.rounds)
        ]
    now, load = datetime.now(UTC).date(), os.getloadavg()[1]
    print(
        f"{options.documents} documents, {options.tokens} new tokens, {options.rounds} rounds; "
        f"{now}, {options.device}, {os.cpu_count()} cores, load {load:.1f}"
    )
    return 0 if print_table(rounds) <= options.limit else 1


if __name__ == "__main__":
    sys.exit(main())
