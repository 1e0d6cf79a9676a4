"""The candidates of the models.yaml that ships: each can be planned, and docs/models.md has it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from vlm_lab.backends.transformers import families
from vlm_lab.config.models_file import load_candidates
from vlm_lab.types import Model

PROJECT = Path(__file__).parents[1]
SHIPPED = load_candidates([PROJECT / "models.yaml"]).models
HUB_MODELS = [model for model in SHIPPED if "/" in model.model_id and model.model_id[0] != "."]
FACTS = yaml.safe_load((PROJECT / "tools" / "model_facts.yaml").read_text("utf-8"))
CANDIDATES = {facts["id"]: facts for facts in FACTS["candidates"]}


def test_each_candidate_is_planned_without_an_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-c", "pytest.ini", "--rootdir", ".", "benchmarks"]
    command += ["--dry-run", f"--output-dir={tmp_path}", "-k", "not nano"]
    completed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    for model in HUB_MODELS:
        planned = rf"^{re.escape(model.name)} \({re.escape(model.prompts[0])}"
        assert re.search(planned, completed.stdout, re.MULTILINE), model.name


@pytest.mark.parametrize("model", HUB_MODELS, ids=lambda model: model.name)
def test_a_candidates_facts_are_in_the_docs_and_its_settings_belong_to_its_family(
    model: Model,
) -> None:
    facts = CANDIDATES[model.model_id]
    assert f"| {model.model_id} |" in (PROJECT / "docs" / "models.md").read_text("utf-8")
    config = {"model_type": facts["family"]}
    family = families.get_family(config)
    families.resolve_processor_kwargs(family, config, {}, model.processor_kwargs)
    assert family.multi_image or model.pages == "each"


def test_every_fact_is_of_a_family_that_is_known_and_says_its_licence() -> None:
    known = {*families.FAMILIES, "phi3_v"}
    for model_id, facts in CANDIDATES.items():
        assert facts["family"] in known, model_id
        assert all(facts[key] for key in ("licence", "does")), model_id
        assert facts["gigabytes"] in (8, 24, 80), model_id
