"""Device, dtype and attention: the choice and its reason, and how much memory a reply took.

The choosing functions need torch and run inside the worker, perhaps in another interpreter: this
module is valid on Python 3.9, and imports torch late. What is forced and cannot be had is a
ValueError of a Message before anything is loaded. `detect_hardware` is the guess that the
run's header and the dry run make without torch.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_lab.files import read_json_object, write_json_object
from vlm_lab.messages import Message

ENVIRONMENTS_FILE = "environments.json"  # in the cache: what workers chose
HALF_PRECISION = ("float16", "bfloat16")
DTYPE_ALIASES = {
    "fp32": "float32",
    "float": "float32",
    "fp16": "float16",
    "half": "float16",
    "bf16": "bfloat16",
}
ATTENTION_IMPLEMENTATIONS = ("flash_attention_2", "sdpa", "eager")
# /proc/cpuinfo's names of what makes bfloat16 fast on a CPU.
CPU_BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16")


@dataclass(frozen=True)
class Choice:
    """What was taken and why."""

    value: str
    reason: str


def choose_device(requested: str) -> Choice:
    """`auto`, `cpu`, `cuda`, `cuda:N` or `mps` -> a device that is here. ValueError where it is
    not."""
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if requested == "auto":
        if cuda:
            return Choice("cuda", f"torch {torch.__version__} sees {torch.cuda.get_device_name(0)}")
        if mps:
            return Choice("mps", f"torch {torch.__version__} sees Apple's GPU")
        return Choice("cpu", f"torch {torch.__version__} sees no GPU")
    device_type, _, index = requested.partition(":")
    available = {"cpu": True, "cuda": cuda, "mps": mps}
    is_valid_index = not index or (device_type == "cuda" and index.isdigit())
    if device_type not in available or not is_valid_index:
        raise ValueError(Message("no_such_device", {"requested": requested}))
    if not available[device_type] or (index and int(index) >= torch.cuda.device_count()):
        count = torch.cuda.device_count() if cuda else 0
        figures = {"requested": requested, "version": str(torch.__version__), "n": count}
        raise ValueError(Message("device_not_here", figures))
    return Choice(requested, "asked for")


def choose_dtype(requested: str, device: str) -> Choice:
    """bfloat16 where the hardware computes in it, else float16 on GPUs and float32 on CPUs."""
    import torch

    if requested != "auto":
        name = DTYPE_ALIASES.get(requested, requested)
        torch_dtype = getattr(torch, name, None)
        if not isinstance(torch_dtype, torch.dtype) or not torch_dtype.is_floating_point:
            raise ValueError(Message("no_such_dtype", {"requested": requested}))
        return Choice(name, "asked for")
    if device.startswith("cuda"):
        if _has_gpu_bfloat16():
            return Choice("bfloat16", "this GPU computes in bfloat16")
        return Choice("float16", "this GPU has no bfloat16")
    if device == "mps":
        return Choice("float16", "half the memory; bfloat16 is not everywhere on Apple's GPUs")
    flags = read_cpu_flags()
    for flag in CPU_BFLOAT16_FLAGS:
        if flag in flags:
            return Choice("bfloat16", f"this CPU has {flag}")
    return Choice(
        "float32",
        f"this CPU has neither {' nor '.join(CPU_BFLOAT16_FLAGS)}: bfloat16 would be slower",
    )


def _has_gpu_bfloat16() -> bool:
    """torch 2.3, which Phi-3-vision's recipe has, knows no `including_emulation`: it never counts
    emulation."""
    import torch

    try:
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    except TypeError:
        return bool(torch.cuda.is_bf16_supported())


def choose_attention(
    requested: str, device: str, dtype: str, supported: tuple[str, ...] = ATTENTION_IMPLEMENTATIONS
) -> Choice:
    """The first of flash_attention_2, sdpa and eager that package, device, dtype and model allow.

    `supported` is what the model's class implements. Another name that is forced (`flex_attention`,
    a kernel of the hub) is handed on as it is: transformers refuses it before it loads anything.
    """
    obstacles = {"flash_attention_2": _find_flash_obstacle(device, dtype)}
    for name in ATTENTION_IMPLEMENTATIONS:
        if name not in supported:
            obstacles[name] = Message("attention_unknown_to_model")
    if requested != "auto":
        if obstacles.get(requested):
            figures = {"requested": requested, "why": obstacles[requested]}
            raise ValueError(Message("no_attention", figures))
        return Choice(requested, "asked for")
    skipped_reasons: list[str] = []
    for name in ATTENTION_IMPLEMENTATIONS:
        if not obstacles.get(name):
            return Choice(name, "; ".join(skipped_reasons) or "the fastest")
        skipped_reasons.append(f"{name}: {obstacles[name]}")
    # None is left: transformers itself says what is wrong with the last one.
    return Choice("eager", "; ".join(skipped_reasons[:-1]))


def _find_flash_obstacle(device: str, dtype: str) -> Message | None:
    if importlib.util.find_spec("flash_attn") is None:
        return Message("flash_not_installed")
    if not device.startswith("cuda"):
        return Message("flash_needs_cuda", {"device": device})
    return None if dtype in HALF_PRECISION else Message("flash_needs_half", {"dtype": dtype})


def read_cpu_flags() -> frozenset[str]:
    """What /proc/cpuinfo says that this CPU can do; nothing where there is no such file."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return frozenset()
    for line in text.splitlines():
        if line.startswith(("flags", "Features")):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def detect_hardware() -> list[str]:
    """CPU architecture and the NVIDIA GPUs that the driver names: a guess without torch, good for a
    header and a key.

    Read from /proc/driver/nvidia (Linux); CUDA_VISIBLE_DEVICES counts, because it decides what
    torch will see.
    """
    hardware = [platform.machine()]
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        lines = path.read_text("utf-8", "replace").splitlines()
        hardware += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        hardware.append(f"CUDA_VISIBLE_DEVICES={visible}")
    return hardware


def seed_random_numbers(device: str, seed: int) -> None:
    """Seeds torch for replies that are sampled. Of a model on the CPU no driver of another device
    is asked, which takes torch milliseconds before each reply."""
    import torch

    if device == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def reset_peak_memory(device: str) -> None:
    """Starts the high-water mark of the device's memory anew. A process' own mark stays what it
    is."""
    if device.startswith("cuda"):
        import torch

        for index in range(torch.cuda.device_count()):
            torch.cuda.reset_peak_memory_stats(index)


def measure_peak_memory(device: str) -> int | None:
    """Bytes: on CUDA what torch allocated at most since `reset_peak_memory`, over all GPUs; else
    the process' high water.

    On Linux VmHWM, because ru_maxrss there starts at what the *parent* had when it forked.
    """
    if device.startswith("cuda"):
        import torch

        return sum(
            torch.cuda.max_memory_allocated(index) for index in range(torch.cuda.device_count())
        )
    try:
        lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return _measure_max_rss()


def _measure_max_rss() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    value: Any = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(value) * (1 if sys.platform == "darwin" else 1024)


def read_choices(cache: Path, key: str) -> dict[str, Any]:
    """What a worker chose under `key` before; {} where none did. Only an interpreter with torch can
    know it."""
    value = read_json_object(cache / ENVIRONMENTS_FILE).get(key)
    return value if isinstance(value, dict) else {}


def write_choices(cache: Path, key: str, chosen: dict[str, Any]) -> None:
    """Leaves a worker's choice for the dry run and the header, which have no torch."""
    known = read_json_object(cache / ENVIRONMENTS_FILE)
    if known.get(key) == chosen:
        return
    with suppress(OSError):  # a cache that cannot be written costs time alone
        write_json_object(cache / ENVIRONMENTS_FILE, {**known, key: chosen})
