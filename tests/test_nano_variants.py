"""pytest tests/test_nano_variants.py: the model that ships, asked as it is (bfloat16), held to the
schema, with fewer bits, with an adapter and with the text of its pages, in one run: each of the
four held against the model as it is, paired.

It was never taught to read text, and its adapter is a random one: what is tested is the path, and
nothing is said for or against a variant.
"""

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.adapters import write_adapter
from tests.checkpoints import NANO
from tests.projects import records_of, run_folder_of
from tests.slips import SLIPS, write_slips
from vlm_lab.fields.schema import build_grammar_schema
from vlm_lab.records.report_json import read_report
from vlm_lab.report.variant_table import VARIANT_COLUMNS, build_variant_rows
from vlm_lab.types import Report

DOCUMENTS = ("slip 02.png", "slip 04.jpg")
VARIANTS = ("json", "int8", "tuned", "ocr")
NAMES = tuple(f"nano+{variant}" for variant in VARIANTS)
PACKAGES = ("torch", "transformers", "llguidance", "bitsandbytes", "peft", "rapidocr")
MODELS = f"""\
prompts:
  with-text: {{text: "{{{{ schema }}}} {{{{ ocr_text }}}}"}}
models:
  - name: nano
    model_id: {NANO}
    dtype: bfloat16
    generation_kwargs: {{max_new_tokens: 320, temperature: 0.0}}
    variants:
      json: {{backend_kwargs: {{response_format: json_schema}}}}
      int8: {{quantization: int8}}
      tuned: {{adapter: lora}}
      ocr: {{prompts: [with-text]}}
"""
PYTEST = (sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider", "--device=cpu")

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantRun:
    """What the run left, and what it said; records by the model's name."""

    project: Path
    folder: Path
    output: str
    records: dict[str, list[dict[str, Any]]]
    report: Report

    def get_environment(self, name: str) -> dict[str, Any]:
        """What the records of a model say of how it was loaded and asked."""
        environment: dict[str, Any] = self.records[name][0]["environment"]
        return environment

    def list_replies(self, name: str) -> list[str]:
        return [record["raw_response"] for record in self.records[name]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> VariantRun:
    """The only run: five models are loaded for it."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: the extra `dev`")
    project = tmp_path_factory.mktemp("variants")
    write_samples(project)
    done = run_pytest(project, "--junitxml=junit.xml")
    assert done.returncode == 0, done.stdout
    folder = run_folder_of(project)
    records: dict[str, list[dict[str, Any]]] = {}
    for record in records_of(folder):
        records.setdefault(record["model"], []).append(record)
    return VariantRun(
        project=project,
        folder=folder,
        output=done.stdout,
        records=records,
        report=read_report(folder),
    )


def write_samples(folder: Path) -> None:
    """A project with two drawn slips, and an adapter."""
    write_slips(folder, MODELS, {Path(name).stem: SLIPS / name for name in DOCUMENTS})
    write_adapter(folder / "lora", NANO, strength=0.08)


def run_pytest(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PYTEST, *options], cwd=project, capture_output=True, text=True)


def test_each_variant_is_asked_about_each_document(run: VariantRun) -> None:
    counts = {name: len(records) for name, records in run.records.items()}
    assert counts == dict.fromkeys(("nano", *NAMES), len(DOCUMENTS))
    keys = [row["reply_key"] for records in run.records.values() for row in records]
    assert len(set(keys)) == len(keys)


def test_each_variant_has_a_row_against_the_model_as_it_is(run: VariantRun) -> None:
    rows = build_variant_rows(run.report, run.report.summaries)
    table = [dict(zip(VARIANT_COLUMNS, row, strict=True)) for row in rows]
    prompts = {row["variant"]: row["prompt"] for row in table}
    assert prompts == {**dict.fromkeys(NAMES, "default"), "nano+ocr": "with-text"}
    assert len(table) == len(NAMES)
    for row in table:
        assert -1 <= float(row["minus as it is"]) <= 1, row
        assert 0 <= float(row["as good within"]) <= 1, row
        assert float(row["ms/token"]) > 0, row


def test_each_difference_has_a_paired_interval(run: VariantRun) -> None:
    compared = {frozenset(pair) for pair in list_pairs_with_interval(run.report)}
    assert {frozenset(("nano", name)) for name in NAMES} <= compared


def list_pairs_with_interval(report: Report) -> Sequence[tuple[str, str]]:
    """The models' names of each pair whose difference has an interval."""
    return [
        (each.first[0], each.second[0])
        for each in report.comparisons
        if each.difference.low is not None and each.difference.high is not None
    ]


def test_the_model_as_it_is_has_nothing_of_its_variants(run: VariantRun) -> None:
    environment = run.get_environment("nano")
    assert not {"response_format", "quantization", "adapter"} & environment.keys()
    assert environment["dtype"]["value"] == "bfloat16"
    assert run.records["nano"][0]["page_text"] is None


def test_constrained_replies_hold_to_the_schema(run: VariantRun) -> None:
    schema = json.loads((run.project / "benchmarks/invoices/schema.json").read_text())
    assert run.get_environment("nano+json")["response_format"]["value"] == "json_schema"
    for record in run.records["nano+json"]:
        assert record["status"] == "ok"
        jsonschema.validate(json.loads(record["raw_response"]), build_grammar_schema(schema))


def test_int8_takes_less_memory(run: VariantRun) -> None:
    environment, as_it_is = run.get_environment("nano+int8"), run.get_environment("nano")
    assert environment["quantization"]["value"] == "int8"
    assert environment["weights_bytes"] < 0.6 * as_it_is["weights_bytes"]


def test_an_adapter_changes_the_replies(run: VariantRun) -> None:
    adapter = run.get_environment("nano+tuned")["adapter"]
    assert (adapter["value"], adapter["merged"], len(adapter["digest"])) == ("lora", False, 64)
    assert run.list_replies("nano+tuned") != run.list_replies("nano")


def test_the_text_of_pages_stands_in_the_prompt(run: VariantRun) -> None:
    for record in run.records["nano+ocr"]:
        assert len(record["page_text"]["text"]) > 20
        usage = record["usage"]
        assert usage["prompt_tokens"] > usage["visual_tokens"] + 100
    assert re.search(r"^nano\+ocr +with-text +ocr +\d", run.output, re.MULTILINE)


def test_a_plus_stands_in_names_as_it_is_and_selects_its_variant_alone(run: VariantRun) -> None:
    assert (run.folder / "nano+int8").is_dir()
    names = re.findall(r'<testcase [^>]*name="([^"]*)"', (run.project / "junit.xml").read_text())
    assert sum("[nano+int8-default-" in name for name in names) == len(DOCUMENTS)
    collected = run_pytest(run.project, "--collect-only", "-q", "-k", "nano+int8").stdout
    selected = re.findall(r"\[(nano.*?)-default-", collected)
    assert selected == ["nano+int8"] * len(DOCUMENTS)
