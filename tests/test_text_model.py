"""pytest -m engines tests/test_text_model.py: OCR and a real, pretrained language model that sees
nothing are a candidate, as a user runs one: ten real invoices are read as text, SmolLM2-135M
answers, its answers are scored, whatever they are.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.projects import PROJECT, records_of, run_folder_of, write_project
from tests.smollm2 import make_checkpoint
from vlm_lab.types import ANSWERED

pytestmark = [pytest.mark.engines, pytest.mark.slow]

DOCUMENTS = 10
MODELS = """
defaults: {generation_kwargs: {max_new_tokens: 160}}
prompts:
  text:
    text: |
      {{ ocr_text }}

      Write this invoice's data as JSON, with nothing before it:
      {"invoice_number": "", "issue_date": "", "currency": "",
      "seller": {"name": ""}, "totals": {"net": "", "tax": "", "gross": ""}}
models:
  - name: smollm2-135m
    model_id: CHECKPOINT
    image: false
    prompts: [text]
    dtype: float32
"""


def write_real_invoices(folder: Path, shared: Path) -> None:
    """A project over documents of many makers: each sixth of those that lie beside the project."""
    write_project(folder, MODELS.replace("CHECKPOINT", str(make_checkpoint())), {})
    suite, shipped = folder / "benchmarks" / "invoices", PROJECT / "benchmarks" / "invoices"
    for name in ("schema.json", "prompt.md"):
        shutil.copyfile(shipped / name, suite / name)
    paths = sorted((shared / "invoices" / "documents").iterdir())
    for path in paths[:: len(paths) // DOCUMENTS][:DOCUMENTS]:
        reference = shared / "invoices" / "references" / f"{path.stem}.json"
        shutil.copyfile(path, suite / "documents" / path.name)
        shutil.copyfile(reference, suite / "references" / reference.name)


def test_a_pretrained_text_model_answers_the_text_of_real_invoices(
    pytester: pytest.Pytester, shared: Path
) -> None:
    for package in ("torch", "transformers", "rapidocr"):
        pytest.importorskip(package)
    write_real_invoices(pytester.path, shared)
    result = pytester.runpytest("benchmarks", "-p", "no:cacheprovider", "--device", "cpu")
    assert result.ret == 0
    result.stdout.re_match_lines([r"smollm2-135m +text +ocr +\d"])
    run = run_folder_of(pytester.path)
    records = [record for record in records_of(run) if record["model"] == "smollm2-135m"]
    assert len(records) == DOCUMENTS
    for record in records:
        check_record(record)
    summaries = json.loads((run / "report.json").read_text())["summaries"]
    (summary,) = [each for each in summaries if each["model"] == "smollm2-135m"]
    assert summary["scores"]["field_f1"]["n"] == DOCUMENTS
    speed = summary["speed"]
    assert speed["median_seconds"] > speed["answering_seconds"] > 1
    assert speed["reading_seconds"] > 0.1


def check_record(record: dict[str, Any]) -> None:
    """It answered, in words or not; its pages were read by the OCR, and none of them was sent."""
    assert record["status"] in ANSWERED
    assert record["raw_response"]
    assert record["environment"]["model_class"] == "LlamaForCausalLM"
    assert record["environment"]["chat_template"]["content"] == "text"
    assert record["usage"]["visual_tokens"] is None
    (reading,) = record["page_text"]["readings"]
    assert reading["reader"] == "ocr"
    assert len(record["page_text"]["text"]) > 100
    assert record["elapsed_seconds"] > reading["seconds"] > 0
