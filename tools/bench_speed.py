"""What the suite costs beside a loop and a batch written by hand: whole processes, in turns, over
the same checkpoint and the same PDF files.

    .venv/bin/python tools/bench_speed.py [--short] [--model FOLDER] [--tokens 64]
                                          [--documents 40] [--rounds 3]
                                          [--memory-documents 200] [--limit 1.5]

Each process starts from nothing and ends with its answers on disk; the suite is `pytest benchmarks`
as users type it, report included. Pages, dpi, preprocessing, dtype, attention, threads and the
number of tokens are the same, and so must the replies be. The suite does more, and pays for it
here: `SUITE_EXTRAS`.

By the times of the answers: seconds a document between the first answer and the last, seconds
before the first and after the last, of the whole process; CPU seconds beside, which hold on a
machine that does other work too; and how much the memory of all its processes grows from document
40 to the last of a longer run (0 leaves that out; --rounds 0 leaves out all else). A ratio is the
median over the rounds, with the least and the most of them: every other round runs the other way
round, so that a machine that gets slower is on nobody's side. Without --model a random Qwen2-VL of
about 15 M parameters is made. Exit status 1 where a document takes the suite more than `limit`
times the loop's seconds. `--short`, for CI: a minute, loop and suite alone.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))
from tests import checkpoints  # noqa: E402

TEXT = "Return the invoice as JSON with the keys invoice_number, issue_date, seller and totals."
SIZE = {
    "hidden_size": 384,
    "intermediate_size": 1024,
    "num_hidden_layers": 8,
    "num_attention_heads": 6,
}
REFERENCE = {"invoice_number": "A-17", "issue_date": "2024-03-01", "totals": {"gross": "119.00"}}
BATCH_SIZE = 8
SUITE_EXTRAS = (
    "log-probabilities of all tokens, tokens aligned with the reply, parsing, scores, an fsync and"
    " two files an answer, report"
)
# What tests this project and is not installed with it: hypothesis alone takes 0.2 s at the end.
TEST_PLUGINS_OFF = ("-p", "no:hypothesispytest", "-p", "no:xdist")
SHORT_FORM = {"tokens": 32, "documents": 12, "memory_documents": 0}
MEMORY_START = 40  # documents, after which memory should not grow
SAMPLING_SECONDS = 0.1
OWN = 0  # stands for the process that was started, among the numbers of those that it started
LOOP = """
import json, sys, time
from pathlib import Path
import pypdfium2, torch
from transformers import AutoModelForImageTextToText, Qwen2VLProcessor

class ImagesOnly(Qwen2VLProcessor):
    def __init__(self, image_processor=None, tokenizer=None, chat_template=None):
        super().__init__(image_processor, tokenizer, chat_template=chat_template)

folder, documents, answers, text, tokens, size, count, device, dtype = sys.argv[1:]
processor = ImagesOnly.from_pretrained(folder)
processor.tokenizer.padding_side = "left"
model = AutoModelForImageTextToText.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
model.to(device)
content = [{"type": "image"}, {"type": "text", "text": text}]
messages = [{"role": "user", "content": content}]
words = processor.apply_chat_template(messages, add_generation_prompt=True)
paths, size = sorted(Path(documents).iterdir())[: int(count)], int(size)
with open(answers, "w") as file:
    for start in range(0, len(paths), size):
        pages = []
        for path in paths[start : start + size]:
            with pypdfium2.PdfDocument(path) as pdf:
                pages.append(pdf[0].render(scale=150 / 72).to_pil().convert("RGB"))
        texts = [words] * len(pages)
        inputs = processor(images=pages, text=texts, padding=True, return_tensors="pt")
        inputs = inputs.to(device, dtype=model.dtype)
        with torch.inference_mode():
            output = model.generate(**inputs, max_new_tokens=int(tokens), do_sample=False)
        ids = output[:, inputs["input_ids"].shape[1] :]
        replies = processor.batch_decode(ids, skip_special_tokens=True)
        for path, reply in zip(paths[start : start + size], replies):
            answer = {"document": path.stem, "reply": reply, "time": time.time()}
            file.write(json.dumps(answer) + "\\n")
        file.flush()
"""


@dataclass(frozen=True)
class Timeline:
    """When one process had its answers, and what it took; times are seconds since its start."""

    answer_times: Sequence[float]
    whole: float
    cpu: float
    memory: Sequence[tuple[float, Mapping[int, int]]]  # when, bytes by process; its own is OWN

    @property
    def document(self) -> float:
        """Seconds a document, without what comes before the first answer or batch."""
        later_count = sum(answer > self.start + 0.001 for answer in self.answer_times)
        return (self.answer_times[-1] - self.start) / max(1, later_count)

    @property
    def start(self) -> float:
        return self.answer_times[0]

    @property
    def end(self) -> float:
        return self.whole - self.answer_times[-1]

    def measure_growth(self) -> dict[int, float]:
        """Megabytes from document MEMORY_START to the last one by process, each its median around
        that time: a page that is just being rendered is no growth. One that was replaced counts
        as less, its successor as more."""
        part = (self.answer_times[-1] - self.answer_times[MEMORY_START - 1]) / 8
        first = self._read_memory(self.answer_times[MEMORY_START - 1], part)
        last = self._read_memory(self.answer_times[-1] - part, part)
        return {
            process: (last.get(process, 0) - first.get(process, 0)) / 1e6
            for process in first | last
        }

    def _read_memory(self, start: float, seconds: float) -> dict[int, float]:
        sizes: dict[int, list[int]] = {}
        for when, size_by_process in self.memory:
            if start <= when <= start + seconds:
                for process, size in size_by_process.items():
                    sizes.setdefault(process, []).append(size)
        return {process: statistics.median(each) for process, each in sizes.items()}


MEASURES: dict[str, Callable[[Timeline], float]] = {
    "seconds a document": lambda timeline: timeline.document,
    "start to first answer": lambda timeline: timeline.start,
    "end after last answer": lambda timeline: timeline.end,
    "whole process": lambda timeline: timeline.whole,
    "CPU seconds, whole process": lambda timeline: timeline.cpu,
}


def write_documents(folder: Path, count: int) -> None:
    """A suite in `folder`: PDF files of one A4 page with forty lines, each with its reference."""
    from reportlab.pdfgen.canvas import Canvas

    for part in ("documents", "references"):
        (folder / part).mkdir(parents=True)
    for number in range(count):
        canvas = Canvas(str(folder / "documents" / f"d{number:04}.pdf"), pagesize=(595, 842))
        for row in range(40):
            words = f"Invoice {number:04}  position {row}  {row * 17 + number}.50 EUR"
            canvas.drawString(45, 800 - 19 * row, words)
        canvas.save()
        (folder / "references" / f"d{number:04}.json").write_text(json.dumps(REFERENCE))
    schema = PROJECT / "benchmarks" / "invoices" / "schema.json"
    (folder / "schema.json").write_text(schema.read_text())
    (folder / "prompt.md").write_text(TEXT)


def write_project(folder: Path, checkpoint: Path, tokens: int, count: int, dtype: str) -> None:
    """What a user has: pytest.ini, models.yaml, the test file and a suite."""
    write_documents(folder / "benchmarks" / "invoices", count)
    ini = (PROJECT / "pytest.ini").read_text()
    (folder / "pytest.ini").write_text(ini.replace("pythonpath = .", f"pythonpath = {PROJECT}"))
    test = (PROJECT / "benchmarks" / "test_invoices.py").read_text()
    (folder / "benchmarks" / "test_invoices.py").write_text(test)
    settings = f"generation_kwargs: {{max_new_tokens: {tokens}}}, dtype: {dtype}"
    models = f"models:\n  - {{name: tiny, model_id: {checkpoint}, {settings}}}\n"
    (folder / "models.yaml").write_text(models)


def run_process(
    command: Sequence[str],
    folder: Path,
    read_times: Callable[[], list[float]],
    watches_memory: bool,
) -> Timeline:
    """Runs a command to its end; stops everything where it fails. Nothing is done beside it where
    memory is not watched: on two cores that takes time from what is measured."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    memory: list[tuple[float, dict[int, int]]] = []
    started = time.time()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        while watches_memory and process.poll() is None:
            memory.append((time.time() - started, measure_memory(process.pid)))
            time.sleep(SAMPLING_SECONDS)
        process.wait()
        whole = time.time() - started
        if process.returncode:
            output.seek(0)
            sys.exit(output.read()[-3000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    answer_times = [answer - started for answer in read_times()]
    return Timeline(answer_times, whole, cpu, memory)


def measure_memory(pid: int) -> dict[int, int]:
    """Bytes that a process (OWN) and those below it have in memory, without those that are gone."""
    sizes: dict[int, int] = {}
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                sizes[OWN if process == root else process.pid] = process.memory_info().rss
    return sizes


class Bench:
    """One folder of documents, asked as often as wanted."""

    def __init__(
        self,
        folder: Path,
        checkpoint: Path,
        tokens: int,
        count: int,
        device: str = "cpu",
        dtype: str = "float32",
        watches_memory: bool = False,
    ) -> None:
        self.folder, self.checkpoint, self.tokens = folder, checkpoint, tokens
        self.watches_memory = watches_memory
        self.count, self.device, self.dtype = count, device, dtype
        write_project(folder, checkpoint, tokens, count, dtype)
        self._round = 0

    def run_round(self, with_batch: bool) -> dict[str, Timeline]:
        """One process of each, one after the other; the next time in the other order."""
        runs: dict[str, Callable[[], Timeline]] = {
            "loop": self.run_loop,
            "batch": lambda: self.run_loop(BATCH_SIZE),
            "suite": self.run_suite,
        }
        if not with_batch:
            del runs["batch"]
        order = list(runs) if self._round % 2 == 0 else list(reversed(runs))
        timelines = {name: runs[name]() for name in order}
        return {name: timelines[name] for name in runs}

    def run_loop(self, batch_size: int = 1, count: int | None = None) -> Timeline:
        """The loop, or the batch; of the first `count` documents where that is given."""
        documents = self.folder / "benchmarks" / "invoices" / "documents"
        answers = self.find_answers(batch_size)
        arguments = [str(self.checkpoint), str(documents), str(answers)]
        arguments += [TEXT, str(self.tokens), str(batch_size), str(count or self.count)]
        arguments += [self.device, self.dtype]
        command = [sys.executable, "-c", LOOP, *arguments]
        return self._run(command, lambda: [answer["time"] for answer in read_lines(answers)])

    def find_answers(self, batch_size: int = 1) -> Path:
        """What the loop writes its answers to."""
        return self.folder / f"answers-{batch_size}.jsonl"

    def run_suite(self) -> Timeline:
        output = self.make_output_folder()
        timeline = self.ask_suite(output, lambda: read_record_times(output))
        if read_replies(output) != read_loop_replies(self.find_answers()):
            sys.exit("the two do not do the same: their replies differ")
        return timeline

    def make_output_folder(self) -> Path:
        """For one run of the suite."""
        self._round += 1
        return self.folder / f"results-{self._round}"

    def ask_suite(
        self, output: Path, read_times: Callable[[], list[float]], *options: str
    ) -> Timeline:
        """A run of the suite, all documents asked anew."""
        # The cache would answer the second time.
        command = [sys.executable, "-m", "pytest", "benchmarks", "-q", "--replies=refresh"]
        command += [f"--device={self.device}", f"--output-dir={output}", *options]
        return self._run([*command, *TEST_PLUGINS_OFF], read_times)

    def _run(self, command: Sequence[str], read_times: Callable[[], list[float]]) -> Timeline:
        return run_process(command, self.folder, read_times, self.watches_memory)


def read_record_times(output: Path) -> list[float]:
    """When each record of a run was on disk."""
    return sorted(path.stat().st_mtime for path in output.glob("*/tiny/*.json"))


def read_replies(output: Path) -> dict[str, str]:
    """What the suite's only run under `output` was answered, by document."""
    (records,) = output.glob("*/records.jsonl")
    return {row["document"]: row["raw_response"] for row in read_lines(records)}


def find_failed_documents(output: Path) -> list[str]:
    """Those that the suite's only run under `output` has no reply of, whatever it says."""
    (records,) = output.glob("*/records.jsonl")
    return [row["document"] for row in read_lines(records) if row["raw_response"] is None]


def read_loop_replies(answers: Path) -> dict[str, str]:
    """The same of a loop."""
    return {answer["document"]: answer["reply"] for answer in read_lines(answers)}


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def print_measures(rounds: Sequence[Mapping[str, Timeline]]) -> float:
    """A line a measure: its medians, and the suite's ratio to each other process of a round. The
    ratio of the seconds a document to the loop's."""
    names = list(rounds[0])
    others = [name for name in names if name != "suite"]
    titles = "".join(f"{name:>8}" for name in names)
    print(f"  {'':<28}{titles}" + "".join(f"{'to ' + name:>20}" for name in others))
    for measure, read in MEASURES.items():
        values = {name: [read(timelines[name]) for timelines in rounds] for name in names}
        medians = "".join(f"{statistics.median(values[name]):8.3f}" for name in names)
        ratios = "".join(f"{format_ratios(compute_ratios(values, name)):>20}" for name in others)
        print(f"  {measure:<28}{medians}{ratios}")
    seconds = {name: [timelines[name].document for timelines in rounds] for name in names}
    return statistics.median(compute_ratios(seconds, "loop"))


def compute_ratios(values: Mapping[str, Sequence[float]], other: str) -> list[float]:
    """Of each round the suite's value divided by another's."""
    pairs = zip(values["suite"], values[other], strict=True)
    return [of_suite / of_other for of_suite, of_other in pairs]


def format_ratios(ratios: Sequence[float]) -> str:
    """Their median, and between which two they lie."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def print_growth(bench: Bench) -> None:
    loop, suite = bench.run_loop(), bench.run_suite()
    loop_growth, suite_growth = loop.measure_growth(), suite.measure_growth()
    print(
        f"  memory from document {MEMORY_START} to the last of {len(loop.answer_times)}: "
        f"loop {sum(loop_growth.values()):+.1f} MB, suite {sum(suite_growth.values()):+.1f} MB, "
        f"of which pytest's process {suite_growth[OWN]:+.1f} MB"
    )


def draw_checkpoint(folder: Path) -> None:
    """A random Qwen2-VL of about 15 million parameters."""
    with patch.dict(checkpoints.TEXT, SIZE):
        checkpoints.build("qwen2_vl", folder)


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--documents", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-documents", type=int, default=200)
    parser.add_argument("--limit", type=float, default=1.5)
    if "--short" in (sys.argv[1:] if arguments is None else arguments):
        parser.set_defaults(**SHORT_FORM)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = read_options(arguments)
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # Python keeps what it compiled, as at a user's
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = options.model or Path(folder) / "qwen2_vl"
        if options.model is None:
            draw_checkpoint(checkpoint)
        bench = Bench(Path(folder) / "project", checkpoint, options.tokens, options.documents)
        rounds = [bench.run_round(with_batch=not options.short) for _ in range(options.rounds)]
        now, load = datetime.now(UTC).date(), os.getloadavg()[1]
        print(
            f"{options.documents} documents, {options.tokens} new tokens, {options.rounds} rounds; "
            f"{now}, {os.cpu_count()} cores, load {load:.1f}"
        )
        ratio = print_measures(rounds) if rounds else 0.0
        print(f"  the suite alone: {SUITE_EXTRAS}")
        if options.memory_documents > MEMORY_START:
            long_project, count = Path(folder) / "long", options.memory_documents
            long_bench = Bench(long_project, checkpoint, options.tokens, count, watches_memory=True)
            print_growth(long_bench)
    return 0 if ratio <= options.limit else 1


if __name__ == "__main__":
    sys.exit(main())
