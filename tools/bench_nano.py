"""How well, how fast and how surely qwen2-vl-nano reads: the figures of its card, as Markdown.

    # 200 documents of unseen seeds
    .venv/bin/python tools/bench_nano.py
    # does it keep to a choice of fields
    .venv/bin/python tools/bench_nano.py --choices
    # the samples of its kind
    .venv/bin/python tools/bench_nano.py benchmarks/invoices receipts slips
    # any documents/ and references/
    .venv/bin/python tools/bench_nano.py FOLDER

The suite runs it, as it runs any model, without a cache. Figures are over the seven header fields;
values count as right when they are exact or differ in format alone; an unanswered document has all
its fields missing.
"""

import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from training.nano import FOLDER, batches, test_set  # noqa: E402
from training.nano.rendering import FIELDS  # noqa: E402
from vlm_lab.backends.transformers.backend import Transformers  # noqa: E402
from vlm_lab.fields.schema import flatten_json  # noqa: E402
from vlm_lab.parsing import parse  # noqa: E402
from vlm_lab.suite.pages import Pages  # noqa: E402
from vlm_lab.types import CORRECT, EXPECTED, PREDICTED, Model, Prompt, Runtime  # noqa: E402  # noqa: E402

MODELS = """
prompts: {{terse: {{text: {terse}}}}}
models:
  - name: qwen2-vl-nano
    model_id: {folder}
    prompts: [default, terse]
    generation_kwargs: {{max_new_tokens: 256}}
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        if sys.argv[1:] == ["--choices"]:
            choices(work)
            return
        source = Path(sys.argv[1]) if len(sys.argv) > 1 else work
        if len(sys.argv) == 1:
            test_set.write(work, 200)
        rows = run(source, work)
    parts = tuple(sys.argv[2:])
    for prompt in ("default", "terse"):
        chosen = [
            row
            for row in rows
            if row["prompt_id"] == prompt and row["document_name"].startswith(parts or "")
        ]
        print(f"\n### Prompt {prompt}, {len(chosen)} documents\n")
        for line in [*fields(chosen), "", *sureness(chosen), "", *cost(chosen)]:
            print(line)


def run(source: Path, work: Path) -> list[dict[str, Any]]:
    """The records of one run over `source`'s documents and references."""
    terse = batches.taught(ROOT)[0]["terse"]
    (work / "models.yaml").write_text(
        MODELS.format(terse=json.dumps(terse), folder=json.dumps(str(FOLDER)))
    )
    command = [sys.executable, "-m", "pytest", "-q", "-c", "pytest.ini", "--rootdir", ".",
               "benchmarks", f"--models-file={work / 'models.yaml'}",
               f"--documents={source / 'documents'}", f"--references={source / 'references'}",
               f"--output-dir={work / 'results'}", "--replies=off"]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (records,) = (work / "results").glob("*/records.jsonl")
    return [json.loads(line) for line in records.read_text("utf-8").splitlines()]


def choices(work: Path) -> None:
    """50 documents, each asked for some of the fields in the words of each prompt."""
    test_set.write(work, 50, seed=4000)
    nano = Transformers(
        Model(name="nano", model_id=str(FOLDER)), Runtime(work / "cache", device="cpu")
    )
    prompts, schema = batches.taught(ROOT)
    chance = random.Random(0)  # noqa: S311 - a choice, no secret
    for name, template in {**prompts, "skeleton of JSON": ""}.items():
        told = [
            chosen(nano, path, *some(chance, template, schema))
            for path in sorted((work / "documents").iterdir())
        ]
        kept, right, asked = (sum(each) for each in zip(*told, strict=True))
        print(
            f"{name}: {kept} of {len(told)} answers hold what was asked for alone; "
            f"{right} of {asked} values exact"
        )


def chosen(nano: Transformers, path: Path, text: str, wanted: list[str]) -> tuple[bool, int, int]:
    """Whether the answer has just the fields that were wanted, how many of them are right, and how
    many they are."""
    prompt = Prompt(
        id="choice",
        text=text,
        pages=Pages(path, 1, 150),
        document_id=path.stem,
        document_name=path.name,
    )
    found = dict(flatten_json(parse(nano.generate(prompt)).value or {}))
    reference = path.parents[1] / "references" / f"{path.stem}.json"
    expected = dict(flatten_json(json.loads(reference.read_text("utf-8"))))
    return (
        set(found) == set(wanted),
        sum(found.get(name) == expected[name] for name in wanted),
        len(wanted),
    )


def some(chance: random.Random, template: str, schema: dict[str, Any]) -> tuple[str, list[str]]:
    """A prompt for fewer than all fields."""
    while True:
        text, wanted = batches.prompt(chance, [template], schema)
        if len(wanted) < len(FIELDS):
            return text, wanted


def fields(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Micro F1 by field and over all: 2 right / (expected + answered)."""
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in FIELDS}
    for row in rows:
        for found in row["fields"]:
            if found["path"] in outcomes:
                outcomes[found["path"]][found["outcome"]] += 1
    outcomes["all seven"] = sum(outcomes.values(), Counter())
    table = ["| field | right | wrong | missing | spurious | F1 |", "|---|---|---|---|---|---|"]
    for name, count in outcomes.items():
        right, expected, answered = (
            sum(count[outcome] for outcome in outcomes)
            for outcomes in (CORRECT, EXPECTED, PREDICTED)
        )
        f1 = 2 * right / (expected + answered) if expected + answered else 0.0
        table.append(
            f"| {name} | {right} | {count['wrong']} | {count['missing']} | {count['spurious']} "
            f"| {f1:.3f} |"
        )
    return table


def sureness(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Risk-coverage: of the surest answers, how many are wrong. Confidence is the probability of a
    value's tokens."""
    cells = [found for row in rows for found in row["fields"] if found["path"] in FIELDS]
    answers = [
        (each["confidence"], each["outcome"] in ("wrong", "spurious"))
        for each in cells
        if each["confidence"]
    ]
    answers.sort(key=lambda each: -each[0])
    table = ["| the surest | least confidence | wrong |", "|---|---|---|"]
    for share in (0.5, 0.7, 0.8, 0.9, 0.95, 1.0):
        kept = answers[: round(share * len(answers))]
        if kept:
            wrong_share = sum(wrong for _, wrong in kept) / len(kept)
            table.append(f"| {share:.0%} | {kept[-1][0]:.3f} | {wrong_share:.1%} |")
    return table


def cost(rows: Iterable[dict[str, Any]]) -> list[str]:
    kept = [row for row in rows if row["elapsed_seconds"]]
    seconds = sorted(row["elapsed_seconds"] for row in kept)
    tokens = sorted(row["usage"]["visual_tokens"] for row in kept)
    memory = max((row["peak_memory_bytes"] or 0 for row in kept), default=0)
    header = [[each["outcome"] for each in row["fields"] if each["path"] in FIELDS] for row in kept]
    right = sum(all(outcome in CORRECT for outcome in outcomes) for outcomes in header)
    median, p95 = (seconds[int(len(seconds) * share)] for share in (0.5, 0.95))
    return [
        f"{right} of {len(kept)} documents with all seven right; "
        f"{median:.2f} s a document at the median, {p95:.2f} s at p95; "
        f"{tokens[len(tokens) // 2]} visual tokens; {memory / 1e6:.0f} MB at the most"
    ]


if __name__ == "__main__":
    main()
