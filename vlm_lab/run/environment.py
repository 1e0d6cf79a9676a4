"""What a run was made with: packages, processor, commit. Read without importing any of them."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers.devices import detect_hardware
from vlm_lab.types import Runtime

PACKAGES = (
    "vlm-lab", "torch", "transformers", "accelerate", "tokenizers", "pillow", "pypdfium2", "rapidocr", "onnxruntime",
    "numpy", "scipy", "deepdiff", "rapidfuzz", "json-repair", "pytest", "pytest-benchmark",
)  # fmt: skip


def collect_environment(project: Path, seed: int, device: str) -> dict[str, Any]:
    """Versions and machine, for telling whether two runs can be compared. `device` is said with its
    reason."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _read_cpu_name(),
        "cpu_count": os.cpu_count(),
        "device": device,
        "packages": {name: _find_version(name) for name in PACKAGES},
        "commit": _find_commit(project),
        "seed": seed,
    }


def describe_device(runtime: Runtime) -> str:
    """What `--device` will come to, and why; the record of a case has what it did come to."""
    if runtime.device != "auto":
        return f"{runtime.device} (asked for)"
    processor, *cards = detect_hardware()
    if cards:
        return f"cuda (the driver names {', '.join(cards)})"
    if processor == "arm64" and platform.system() == "Darwin":
        return "mps (Apple's GPU)"
    return f"cpu, {os.cpu_count()} cores (no NVIDIA driver)"


def _find_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _read_cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _find_commit(project: Path) -> str | None:
    """The commit of the project's own repository; None where it is no checkout or there is no
    git."""
    if not (project / ".git").exists():
        return None
    command = [
        "git",
        "-C",
        str(project),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
