"""pytest tests/test_variants_of_the_small_model.py: the model that ships, asked as it is, held to
the schema, with fewer bits and with an adapter, in one run: each held against itself, paired."""

import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.adapters import write_adapter
from tests.projects import PROJECT, records_of, run_folder_of, write_project
from vlm_lab.fields.schema import build_grammar_schema
from vlm_lab.records.report_json import read_report
from vlm_lab.report.variant_table import VARIANT_COLUMNS, build_variant_rows

NANO = PROJECT / "checkpoints" / "qwen2-vl-nano"
SAMPLES = PROJECT / "benchmarks" / "invoices"
DOCUMENTS = ("slip 02.png", "slip 04.jpg")
PACKAGES = {"json": "llguidance", "int8": "bitsandbytes", "tuned": "peft"}
MODELS = f"""\
models:
  - name: nano
    model_id: {NANO}
    dtype: bfloat16
    generation_kwargs: {{max_new_tokens: 320, temperature: 0.0}}
    variants:
      json: {{backend_kwargs: {{response_format: json_schema}}}}
      int8: {{quantization: int8}}
      tuned: {{adapter: lora}}
"""
Rows = dict[str, list[dict[str, Any]]]


def write_samples(folder: Path) -> None:
    """A project with a few drawn slips, the schema and the prompt that the model was trained on."""
    write_project(folder, MODELS, {})
    suite = folder / "benchmarks" / "invoices"
    shutil.rmtree(suite)
    for part in ("documents", "references"):
        (suite / part).mkdir(parents=True)
    for name in ("schema.json", "prompt.md"):
        shutil.copyfile(SAMPLES / name, suite / name)
    (suite / "suite.yaml").write_text("languages: [en, de, fr]\nverified: true\n")
    for name in DOCUMENTS:
        reference = f"{Path(name).stem}.json"
        shutil.copyfile(SAMPLES / "documents/slips" / name, suite / "documents" / name)
        shutil.copyfile(SAMPLES / "references/slips" / reference, suite / "references" / reference)
    write_adapter(folder / "lora", NANO, strength=0.08)


def test_each_variant_is_answered_and_held_against_the_model_as_it_is(
    pytester: pytest.Pytester,
) -> None:
    missing = [name for name in PACKAGES.values() if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: the extra `dev`")
    write_samples(pytester.path)
    result = pytester.runpytest("benchmarks", "-p", "no:cacheprovider", "--junitxml=junit.xml")
    assert result.ret == 0
    run = run_folder_of(pytester.path)
    records: Rows = {}
    for record in records_of(run):
        records.setdefault(record["model"], []).append(record)
    assert {name: len(rows) for name, rows in records.items()} == dict.fromkeys(
        ("nano", "nano+json", "nano+int8", "nano+tuned"), len(DOCUMENTS)
    )
    check_what_was_asked(records, pytester.path)
    report = read_report(run)
    table = [
        dict(zip(VARIANT_COLUMNS, row, strict=True))
        for row in build_variant_rows(report, report.summaries)
    ]
    assert {row["variant"] for row in table} == {"nano+json", "nano+int8", "nano+tuned"}
    for row in table:
        assert row["as good within"] != "-", row
        assert float(row["ms/token"]) > 0, row
    compared = {frozenset((first[0], second[0])) for first, second in list_paired(report)}
    assert {frozenset(("nano", f"nano+{name}")) for name in PACKAGES} <= compared
    check_names(run, pytester)


def list_paired(report: Any) -> list[Any]:
    """The pairs with an interval of their difference."""
    return [
        (each.first, each.second)
        for each in report.comparisons
        if each.difference.low is not None and each.difference.high is not None
    ]


def check_what_was_asked(records: Rows, folder: Path) -> None:
    """Of each variant: what its records say, and that it was done."""
    schema = json.loads((folder / "benchmarks/invoices/schema.json").read_text())
    environments = {name: rows[0]["environment"] for name, rows in records.items()}
    as_it_is = environments["nano"]
    assert not {"response_format", "quantization", "adapter"} & as_it_is.keys()
    for record in records["nano+json"]:
        assert record["status"] == "ok"
        jsonschema.validate(json.loads(record["raw_response"]), build_grammar_schema(schema))
    assert environments["nano+json"]["response_format"]["value"] == "json_schema"
    assert environments["nano+int8"]["quantization"]["value"] == "int8"
    assert environments["nano+int8"]["weights_bytes"] < 0.6 * as_it_is["weights_bytes"]
    adapter = environments["nano+tuned"]["adapter"]
    assert (adapter["value"], adapter["merged"], len(adapter["digest"])) == ("lora", False, 64)
    answers = {name: [row["raw_response"] for row in rows] for name, rows in records.items()}
    assert answers["nano+tuned"] != answers["nano"]
    keys = [row["reply_key"] for rows in records.values() for row in rows]
    assert len(set(keys)) == len(keys)


def check_names(run: Path, pytester: pytest.Pytester) -> None:
    """A plus stands in paths and in test ids as it is, and selects its variant alone."""
    assert (run / "nano+int8").is_dir()
    names = re.findall(r'<testcase [^>]*name="([^"]*)"', (pytester.path / "junit.xml").read_text())
    assert sum("[nano+int8-default-" in name for name in names) == len(DOCUMENTS)
    result = pytester.runpytest("benchmarks", "--collect-only", "-q", "-k", "nano+int8")
    selected = re.findall(r"\[(nano.*?)-default-", result.stdout.str())
    assert selected == ["nano+int8"] * len(DOCUMENTS)
