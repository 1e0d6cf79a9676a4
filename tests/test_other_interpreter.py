"""A model that needs other versions: `python:` names an interpreter, its worker runs there, the
rest stays here.

The second environment is real: transformers 4.40.2 and what belongs to it, as `vlm-lab models env
phi-3-vision` says, installed by this file. Two things are borrowed from this interpreter, and so
not proven: torch (the recipe's is gigabytes here) and, because there is none for this torch,
torchvision, which Phi-3-vision's own code imports. The checkpoint is a stand-in with code of its
own in Phi-3-vision's form (tests/phi3_stand_in), not Phi-3-vision.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.projects import PROJECT, records_of, run_folder_of, write_project
from tests.suites import REFERENCE
from vlm_lab.backends.transformers import weights
from vlm_lab.cli.models import RECIPES

RECIPE = RECIPES["microsoft/Phi-3-vision-128k-instruct"]
PAGE = PROJECT / "benchmarks" / "invoices" / "documents" / "slips" / "slip 02.png"
BORROWED = ("torch==", "torchvision==")
MODELS = """
defaults: {{python: {python}, dtype: float32, trust_remote_code: true,
            generation_kwargs: {{max_new_tokens: 12}}}}
models:
  - {{name: phi-3-vision, model_id: {folder}, attn_implementation: eager}}
  - {{name: phi-3-vision-auto, model_id: {folder}}}
"""
# The model card's own lines, for the same page, in the same interpreter.
BY_HAND = """
import json, sys, torch
from PIL import Image
from transformers import AutoModelForCausalLM, AutoProcessor
folder, page, text = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(
    folder, trust_remote_code=True, torch_dtype=torch.float32, _attn_implementation="eager")
processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
message = [{"role": "user", "content": "<|image_1|>\\n" + text}]
tokenizer = processor.tokenizer
prompt = tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
inputs = processor(prompt, [Image.open(page).convert("RGB")], return_tensors="pt")
ids = model.generate(**inputs, max_new_tokens=12, do_sample=False)[0, inputs["input_ids"].shape[1]:]
text = processor.decode(ids, skip_special_tokens=True)
print(json.dumps({"text": text, "prompt": inputs["input_ids"].shape[1]}))
"""

pytestmark = [pytest.mark.slow, pytest.mark.engines]  # it makes an environment


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment; skips where pip reaches no index."""
    folder = tmp_path_factory.mktemp("env")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    made = folder / "bin" / "python"
    (own,) = folder.glob("lib/python3*/site-packages")
    (own / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    packages = [each for each in RECIPE.packages if not each.startswith(BORROWED)]
    pip = [str(made), "-m", "pip", "install", "--quiet", "--retries=1", "--timeout=30", *packages]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode and ("connection broken" in done.stderr or "PIP_NO_INDEX" in os.environ):
        pytest.skip(f"pip reaches no index: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def stand_in(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as transformers 4.40 writes it."""
    folder = tmp_path_factory.mktemp("checkpoints") / "phi-3-vision"
    subprocess.run(
        [str(python), "-m", "tests.phi3_stand_in.make", str(folder)], cwd=PROJECT, check=True
    )
    return folder


def test_a_model_with_code_of_its_own_answers_from_an_interpreter_of_its_own(
    pytester: pytest.Pytester, python: Path, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From models.yaml to the record, over a page of the samples. See above for what this cannot
    show: torchvision."""
    monkeypatch.setenv("HF_MODULES_CACHE", str(pytester.path / "modules"))
    write_project(
        pytester.path, MODELS.format(folder=stand_in, python=python), {"inv_1": REFERENCE}
    )
    page = pytester.path / "benchmarks" / "invoices" / "documents" / "inv_1.png"
    shutil.copy(PAGE, page)
    run = pytester.runpytest("benchmarks", "-k", "phi-3-vision", "--device=cpu")
    records = records_of(run_folder_of(pytester.path))
    assert [record["error"] for record in records] == [None, None], run.stdout.str()
    hand = by_hand(python, stand_in, page, records[0]["prompt"])
    for record in records:
        assert record["raw_response"]
        assert (record["raw_response"], record["usage"]["prompt_tokens"]) == (
            hand["text"],
            hand["prompt"],
        )
        assert record["usage"]["visual_tokens"] == 12, "three crops of the page, four tokens each"
        assert record["usage"]["output_tokens"] == 12
        assert record["image_sizes"] == [[28, 28]]
        told = record["environment"]
        assert f"transformers=={told['transformers']}" in RECIPE.packages
        assert told["model_class"] == "StandInForCausalLM"
        assert told["attn_implementation"]["value"] == "eager"
        assert told["weights"] == weights.compute_digest(stand_in, pytester.path / "cache"), (
            "its code is part of the hash"
        )


def by_hand(python: Path, folder: Path, page: Path, text: str) -> dict[str, Any]:
    command = [str(python), "-c", BY_HAND, str(folder), str(page), text]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_the_environment_is_the_recipes(python: Path) -> None:
    """What pip resolved for the commands of `vlm-lab models env` belongs together and imports."""
    code = "import importlib.metadata as m, transformers, PIL; "
    code += "print(*(f'{n}=={m.version(n)}' for n in %r))"
    names = [each.partition("==")[0] for each in RECIPE.packages if not each.startswith(BORROWED)]
    done = subprocess.run(
        [str(python), "-c", code % names], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) <= set(RECIPE.packages)
