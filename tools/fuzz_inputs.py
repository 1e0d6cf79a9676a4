"""Inputs that were made odd on purpose, through what reads them: no traceback, no hang, no flood.

    python tools/fuzz_inputs.py --count 10000 --seed 7

Each is a sound input of one kind (a document, a reply, a reference, schema.json, suite.yaml,
models.yaml, a prompt, tags.csv, replayed lines, corrections.json, records, report.json, run.json,
looks.jsonl, baseline.json, values of --sweep, a request to the corrections page) after some
changes, by a seed: the same arguments make the same inputs. It may be read, or refused by a
sentence that names its file; anything else, an input that takes longer than its limit, or more than
a gigabyte of memory ends with exit status 1 and keeps the input under --keep.
"""

import argparse
import faulthandler
import json
import random
import resource
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.fuzz_documents import open_document, read_sources
from tools.fuzz_run_files import RUN_KINDS
from tools.odd_values import encode, mutate_bytes, mutate_json, mutate_text, mutate_yaml
from vlm_lab import parse, score
from vlm_lab.backends.replay import Replay
from vlm_lab.config.models_file import check_prompts, load_candidates
from vlm_lab.errors import UserError
from vlm_lab.records.record_lines import encode_record
from vlm_lab.records.run_folder import read_records
from vlm_lab.run.preflight import check_suite
from vlm_lab.run.record import build_answered_record
from vlm_lab.sanitize import terminal_safe_lines
from vlm_lab.suite import load_documents, load_suite, make_prompt
from vlm_lab.types import Case, Document, Generation, Model, Prompt, Runtime

LIMIT_SECONDS = 10.0  # for an input; a document has fuzz_documents' own
BACKSTOP_SECONDS = 120.0  # where not even a signal gets through
MAX_MEMORY_MB = 1000
MAX_SENTENCE = 2000  # characters
PROJECT = Path(__file__).parents[1]
SAMPLES = PROJECT / "benchmarks" / "invoices" / "documents"

SCHEMA: dict[str, Any] = {
    "$defs": {"party": {"type": "object", "properties": {"name": {"type": "string"}}}},
    "type": "object",
    "properties": {
        "invoice_number": {"type": "string", "x-vlm-lab": {"type": "identifier"}},
        "issue_date": {"type": ["string", "null"], "format": "date"},
        "seller": {"$ref": "#/$defs/party"},
        "gross": {"type": "string", "x-vlm-lab": {"type": "amount", "tolerance": "0.01"}},
        "paid": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "line_items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"text": {"type": "string"}, "amount": {"format": "decimal"}},
            },
        },
    },
}
REFERENCE: dict[str, Any] = {
    "invoice_number": "A-17",
    "issue_date": "2024-03-12",
    "seller": {"name": "Muster GmbH"},
    "gross": "1.234,56 EUR",
    "paid": True,
    "tags": ["a", "b"],
    "line_items": [{"text": "Pump", "amount": "30.00"}, {"text": "Hose", "amount": 11.5}],
}
SUITE_YAML = """\
documents: documents
references: references
match: "{stem}.json"
unwrap: result.data
map: {gross: "Totals.Gross", "line_items[].amount": "Rows[].Sum"}
ignore: [confidence, "*.bbox"]
empty: absent
verified: true
date_order: dmy
languages: [de, ru]
decimal_mark: ","
tags: {file: tags.csv, folder: parent, seller: seller.name}
pages: {max: 4, dpi: 150}
cluster: seller
holdout: 0.5
prompts: {default: prompt.md}
corrections: corrections.json
"""
MODELS_YAML = """\
defaults: {generation_kwargs: &g {max_new_tokens: 4, do_sample: false}, dtype: auto}
plugins: [json]
prompts: {terse: {text: "Answer as {{ schema }}"}}
models:
  - {name: one, model_id: acme/one, revision: main, generation_kwargs: *g, dpi: 150}
  - name: two
    model_id: served
    backend: openai
    backend_kwargs: {base_url: "http://127.0.0.1:1/v1", timeout: 60, extra_body: {a: [1, 2.5]}}
    only: {kind: [slip], language: [de]}
    price: {per_hour: 1.5}
    prompts: [default, terse]
    chat_template_kwargs: {enable_thinking: false}
  - {name: three, model_id: acme/three, backend: openai, serve: vllm, serve_args: [--seed, 1]}
  - name: four
    model_id: acme/four
    backend: openai
    serve: [server, "{model_id}", --port, "{port}"]
decide:
  require: {field_f1: 0.95, max_error_rate: 0.01}
  prefer: [field_f1, p95_seconds]
  familywise_error_rate: 0.05
  looks: 3
  by: language
  equivalence_margin: 0.02
  cost: {minutes_per_field: 1.5, wage_per_hour: 30, missed_total: 80}
"""
PROMPT = (
    "Read it.{# note #}\n{% if schema %}Answer as {{ schema }}{% endif %}{% raw %}{x}{% endraw %}\n"
)
TAGS = 'document,kind,language,verified\ninv_0.png,slip,de,yes\n"inv_1.png",receipt,en,\n'
CORRECTIONS = [
    {
        "document": "inv_0",
        "path": "gross",
        "reference": "1.234,56 EUR",
        "said": {"one": "1.234,50"},
        "why": ["..."],
        "verdict": "reference_wrong",
        "right": "1.234,50",
    }
]
REPLAY_ROW: dict[str, Any] = {
    "document": "inv_0",
    "raw_response": json.dumps(REFERENCE),
    "usage": {"prompt_tokens": 1, "output_tokens": 3},
    "timing": {"preprocess": 0.1, "decode": 1.0},
    "finish_reason": "stop",
    "elapsed_seconds": 1.0,
    "mean_logprob": -1.0,
    "page_responses": [json.dumps(REFERENCE)],
    "environment": {"device": "cpu"},
    "prompt_id": "default",
}
MODEL = Model(name="m", model_id="m", backend="replay")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kind", choices=sorted(KINDS), action="append", help="only these")
    parser.add_argument("--documents", type=Path, default=SAMPLES, metavar="FOLDER")
    parser.add_argument("--keep", type=Path, default=Path("fuzz_findings"))
    args = parser.parse_args()
    kinds = args.kind or list(KINDS)
    outcomes: Counter[str] = Counter()
    slowest: dict[str, float] = {}
    findings = 0
    started = time.perf_counter()
    with TemporaryDirectory() as temporary:
        fuzzer = Fuzzer(Path(temporary), args.documents)
        for number in range(args.count):
            kind = kinds[number % len(kinds)]
            outcome, seconds = fuzzer.try_input(kind, random.Random(f"{args.seed}-{number}"))  # noqa: S311
            slowest[kind] = max(seconds, slowest.get(kind, 0.0))
            outcomes[f"{kind}: {outcome.partition(':')[0]}"] += 1
            if outcome.startswith("!"):
                findings += 1
                shutil.copytree(fuzzer.folder, args.keep / f"{args.seed}-{number}-{kind}")
                print(f"{number} {kind}: {outcome} after {seconds:.1f} s", flush=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{args.count} inputs in {time.perf_counter() - started:.0f} s, seed {args.seed}")
    print(f"peak memory {memory:.0f} MB; slowest of each kind, in seconds:")
    print(", ".join(f"{kind} {seconds:.1f}" for kind, seconds in slowest.items()))
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:6} {outcome}")
    return int(findings > 0 or memory > MAX_MEMORY_MB)


class Fuzzer:
    """A suite in a folder, of which one file at a time is made odd."""

    def __init__(self, folder: Path, samples: Path = SAMPLES) -> None:
        self.folder, self.samples = folder / "suite", samples
        self._sources: list[bytes] = []

    def try_input(self, kind: str, rng: random.Random) -> tuple[str, float]:
        """What came of one input, `!` before what must not be; and the seconds it took."""
        shutil.rmtree(self.folder, ignore_errors=True)
        write_suite(self.folder)
        started = time.perf_counter()
        try:
            with limited_seconds(LIMIT_SECONDS if kind != "document" else BACKSTOP_SECONDS):
                outcome = KINDS[kind](self, rng)
        except UserError as error:
            outcome = judge_sentence(str(error))
        except HangError:
            outcome = "! hang"
        except Exception as error:
            place = error.__traceback__
            while place and place.tb_next:
                place = place.tb_next
            where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
            outcome = f"! {type(error).__name__}: {str(error)[:200]!r} in {where}"
        return outcome, time.perf_counter() - started

    def try_document(self, rng: random.Random) -> str:
        self._sources = self._sources or read_sources(self.samples)
        path = self.folder / "documents" / "odd.bin"
        path.write_bytes(mutate_bytes(rng, rng.choice(self._sources), self._sources))
        return open_document(path)[0]

    def try_reply(self, rng: random.Random) -> str:
        document = load_documents(load_suite(self.folder))[0][0]
        text = mutate_text(rng, make_reply(rng))
        return answer(document, Generation(raw_response=text, fields=document.suite.fields))

    def try_reference(self, rng: random.Random) -> str:
        name = f"inv_0{rng.choice(('.json', '.json', '.JSON', '.csv', '.jsonl', '.xml'))}"
        (self.folder / "references" / "inv_0.json").unlink()
        shape = rng.choice((REFERENCE, [REFERENCE], {"inv_0.png": REFERENCE}, {"data": REFERENCE}))
        (self.folder / "references" / name).write_bytes(mutate_json(rng, shape))
        return load(self.folder)

    def try_schema(self, rng: random.Random) -> str:
        (self.folder / "schema.json").write_bytes(mutate_json(rng, SCHEMA))
        return load(self.folder)

    def try_suite(self, rng: random.Random) -> str:
        (self.folder / "suite.yaml").write_bytes(mutate_yaml(rng, SUITE_YAML))
        return load(self.folder)

    def try_models(self, rng: random.Random) -> str:
        path = self.folder / "models.yaml"
        path.write_bytes(mutate_yaml(rng, MODELS_YAML))
        check_prompts(load_candidates([path]), {"default": "", "terse": ""}, ())
        return "read"

    def try_prompt(self, rng: random.Random) -> str:
        (self.folder / "prompt.md").write_bytes(encode(rng, mutate_text(rng, PROMPT)))
        build_prompt(load_documents(load_suite(self.folder))[0][0])
        return "read"

    def try_tags(self, rng: random.Random) -> str:
        (self.folder / "suite.yaml").write_text("tags: {file: tags.csv}\n")
        (self.folder / "tags.csv").write_bytes(encode(rng, mutate_text(rng, TAGS)))
        (self.folder / "verified.txt").write_bytes(encode(rng, mutate_text(rng, "inv_0\ninv_1\n")))
        return load(self.folder)

    def try_replay(self, rng: random.Random) -> str:
        path = self.folder / "replies.jsonl"
        path.write_bytes(mutate_json(rng, REPLAY_ROW) + b"\n" + json.dumps(REPLAY_ROW).encode())
        document = load_documents(load_suite(self.folder))[0][0]
        backend = Replay(
            Model(name="m", model_id=str(path), backend="replay"), Runtime(self.folder)
        )
        return answer(document, backend.generate(build_prompt(document)))

    def try_corrections(self, rng: random.Random) -> str:
        (self.folder / "corrections.json").write_bytes(mutate_json(rng, CORRECTIONS))
        return load(self.folder)

    def try_run(self, rng: random.Random) -> str:
        """Records of somebody else's run; its report is a kind of its own."""
        document = load_documents(load_suite(self.folder))[0][0]
        generation = Generation(raw_response=json.dumps(REFERENCE))
        record = json.loads(encode_record(build_record(document, generation)))
        (self.folder / "records.jsonl").write_bytes(mutate_json(rng, record))
        for record in read_records(self.folder):
            encode_record(record)
        return "read"


class HangError(BaseException):
    """An input took longer than its limit: nothing of ours catches it."""


@contextmanager
def limited_seconds(seconds: float) -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise HangError

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + BACKSTOP_SECONDS, exit=True)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, previous)


def judge_sentence(message: str) -> str:
    """`refused`, where the message is one that a person can use."""
    message = terminal_safe_lines(message)  # as every way to a terminal does
    lines = message.split("\n")
    if len(message) > MAX_SENTENCE or len(lines) > 8:
        return f"! refused in {len(message)} characters: {message[:200]}"
    return f"refused: {message}"


def write_suite(folder: Path) -> None:
    for part in ("documents", "references"):
        (folder / part).mkdir(parents=True)
    for name in ("inv_0", "inv_1"):
        Image.new("RGB", (32, 32)).save(folder / "documents" / f"{name}.png")
        (folder / "references" / f"{name}.json").write_text(json.dumps(REFERENCE))
    (folder / "suite.yaml").write_text("languages: [de]\n")
    (folder / "models.yaml").write_text("models: [{name: m, model_id: a/m}]\n")
    (folder / "schema.json").write_text(json.dumps(SCHEMA))
    (folder / "corrections.json").write_text("[]")
    (folder / "prompt.md").write_text(PROMPT)
    (folder / "tags.csv").write_text(TAGS)


def load(folder: Path) -> str:
    """As a run does; a sound document beside the odd one must still be scored."""
    suite = load_suite(folder)
    documents, _ = load_documents(suite)
    errors, _ = check_suite(suite, documents)
    return judge_sentence("\n".join(errors[:1])) if errors else "read"


def build_prompt(document: Document) -> Prompt:
    suite = document.suite
    template = suite.prompts.get("default", "")
    return make_prompt(MODEL, template, "default", document, None)


def build_record(document: Document, generation: Generation) -> Any:
    prediction = parse(generation)
    case = Case(MODEL, "default", document.suite.prompts.get("default", ""), document)
    prompt = Prompt(id="default", text="", pages=(), document_id=document.id, document_name="")
    return build_answered_record(case, prompt, generation, prediction, score(prediction, document))


def answer(document: Document, generation: Generation) -> str:
    """Parses, scores and writes a reply, as a run does."""
    record = build_record(document, generation)
    encode_record(record)
    return record.status


def make_reply(rng: random.Random) -> str:
    text = json.dumps(REFERENCE, ensure_ascii=False, indent=rng.choice((None, 1)))
    forms = (
        text,
        f"```json\n{text}\n```",
        f"<think>maybe {text}</think>{text}",
        json.dumps(text),
        "\n".join(f"{key}: {value}" for key, value in REFERENCE.items()),
        f"| text | amount |\n|---|---|\n| Pump | 30.00 |\n{text}",
        text.replace('"', "'").replace("true", "True"),
    )
    return rng.choice(forms)


def _try_run_kind(
    try_kind: Callable[[Path, random.Random], str], fuzzer: Fuzzer, rng: random.Random
) -> str:
    return try_kind(fuzzer.folder, rng)


KINDS: dict[str, Callable[[Fuzzer, random.Random], str]] = {
    "document": Fuzzer.try_document,
    "reply": Fuzzer.try_reply,
    "reference": Fuzzer.try_reference,
    "schema": Fuzzer.try_schema,
    "suite": Fuzzer.try_suite,
    "models": Fuzzer.try_models,
    "prompt": Fuzzer.try_prompt,
    "tags": Fuzzer.try_tags,
    "replay": Fuzzer.try_replay,
    "corrections": Fuzzer.try_corrections,
    "run": Fuzzer.try_run,
    **{name: partial(_try_run_kind, try_kind) for name, try_kind in RUN_KINDS.items()},
}


if __name__ == "__main__":
    sys.exit(main())
