"""What the suite costs beside a loop written by hand: whole processes, the same checkpoint, the
same PDF files.

    .venv/bin/python tools/bench_overhead.py [--model FOLDER] [--tokens 128] [--documents 120]
                                             [--limit 1.11]

Either side starts from nothing and ends with its answers on disk. The loop renders a file's page,
asks the model and writes the reply; the suite is `pytest benchmarks` as users type it: collection,
worker, cache, scoring, records, report. Each runs over a tenth of the documents and over all of
them, in turns, so that a noisy machine is noisy to both; the difference of the two is the price of
a document without the start. CPU seconds of the processes and their children are printed beside,
because they hold on a machine that does other work too. Without --model a random Qwen2-VL of about
15 M parameters is made. Exit status 1 when the suite takes more than `limit` times the loop's
seconds for a document.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
LOOP = """
import json, sys
from pathlib import Path
import pypdfium2, torch
from transformers import AutoModelForImageTextToText, Qwen2VLProcessor

class ImagesOnly(Qwen2VLProcessor):
    def __init__(self, image_processor=None, tokenizer=None, chat_template=None):
        super().__init__(image_processor, tokenizer, chat_template=chat_template)

folder, documents, answers, text, tokens, dtype = sys.argv[1:]
processor = ImagesOnly.from_pretrained(folder)
model = AutoModelForImageTextToText.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
content = [{"type": "image"}, {"type": "text", "text": text}]
messages = [{"role": "user", "content": content}]
words = processor.apply_chat_template(messages, add_generation_prompt=True)
with open(answers, "w") as file:
    for path in sorted(Path(documents).iterdir()):
        with pypdfium2.PdfDocument(path) as pdf:
            page = pdf[0].render(scale=150 / 72).to_pil().convert("RGB")
        inputs = processor(images=[page], text=[words], return_tensors="pt").to(dtype=model.dtype)
        with torch.inference_mode():
            output = model.generate(**inputs, max_new_tokens=int(tokens), do_sample=False)
        reply = processor.decode(output[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True)
        file.write(json.dumps({"document": path.stem, "reply": reply}) + "\\n")
"""


@dataclass(frozen=True)
class Cost:
    """Seconds of a whole process, by the wall clock and of the processors."""

    wall: float
    cpu: float

    def minus(self, other: "Cost") -> "Cost":
        return Cost(self.wall - other.wall, self.cpu - other.cpu)


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


def write_project(folder: Path, checkpoint: Path, tokens: int, count: int) -> None:
    """What a user has: pytest.ini, models.yaml, the test file and a suite."""
    write_documents(folder / "benchmarks" / "invoices", count)
    ini = (PROJECT / "pytest.ini").read_text()
    (folder / "pytest.ini").write_text(ini.replace("pythonpath = .", f"pythonpath = {PROJECT}"))
    test = (PROJECT / "benchmarks" / "test_invoices.py").read_text()
    (folder / "benchmarks" / "test_invoices.py").write_text(test)
    settings = f"generation_kwargs: {{max_new_tokens: {tokens}}}, dtype: float32"
    models = f"models:\n  - {{name: tiny, model_id: {checkpoint}, {settings}}}\n"
    (folder / "models.yaml").write_text(models)


def measure(command: Sequence[str], folder: Path) -> Cost:
    """Runs a command to its end; stops everything where it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def check_same_replies(loop: Path, suite: Path) -> None:
    """Stops where the two did not do the same work."""
    by_hand = {row["document"]: row["reply"] for row in map(json.loads, loop.open())}
    (records,) = suite.glob("results/*/records.jsonl")
    of_suite = {row["document"]: row["raw_response"] for row in map(json.loads, records.open())}
    if by_hand != of_suite:
        sys.exit("the two do not do the same: their replies differ")


def run_both(folder: Path, checkpoint: Path, tokens: int, count: int) -> tuple[Cost, Cost]:
    """(the loop's cost, the suite's) over `count` documents."""
    folder.mkdir()
    write_project(folder, checkpoint, tokens, count)
    documents, answers = folder / "benchmarks" / "invoices" / "documents", folder / "loop.jsonl"
    arguments = [str(checkpoint), str(documents), str(answers), TEXT, str(tokens), "float32"]
    loop = measure([sys.executable, "-c", LOOP, *arguments], folder)
    suite = measure([sys.executable, "-m", "pytest", "benchmarks", "-q"], folder)
    check_same_replies(answers, folder)
    return loop, suite


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--documents", type=int, default=120)
    parser.add_argument("--limit", type=float, default=1.11)
    options = parser.parse_args(arguments)
    os.environ["HF_HUB_OFFLINE"] = "1"
    few = max(2, options.documents // 10)
    with tempfile.TemporaryDirectory() as made:
        checkpoint = options.model or Path(made) / "qwen2_vl"
        if options.model is None:
            checkpoints.TEXT.update(SIZE)
            checkpoints.build("qwen2_vl", checkpoint)
        loop_few, suite_few = run_both(Path(made) / "few", checkpoint, options.tokens, few)
        loop, suite = run_both(Path(made) / "all", checkpoint, options.tokens, options.documents)
    print(f"{options.documents} documents, {options.tokens} new tokens, whole processes:")
    print_line("wall seconds, start and report included", loop.wall, suite.wall, options.documents)
    print_line("CPU seconds, start and report included", loop.cpu, suite.cpu, options.documents)
    more_loop, more_suite = loop.minus(loop_few), suite.minus(suite_few)
    print_line(
        "wall seconds of one more document",
        more_loop.wall,
        more_suite.wall,
        options.documents - few,
    )
    print_line(
        "CPU seconds of one more document", more_loop.cpu, more_suite.cpu, options.documents - few
    )
    return 0 if suite.wall <= options.limit * loop.wall else 1


def print_line(what: str, loop: float, suite: float, documents: int) -> None:
    """Both sides' seconds for a document, and their ratio."""
    print(
        f"  {what:<42} loop {loop / documents:.3f}  suite {suite / documents:.3f}  "
        f"ratio {suite / loop:.3f}"
    )


if __name__ == "__main__":
    sys.exit(main())
