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
    "vlm-lab", "torch", "transformers", "accelerate", "tokenizers",
    "pillow", "pypdfium2", "rapidocr", "onnxruntime", "numpy", "scipy",
    "deepdiff", "rapidfuzz", "json-repair", "pytest", "pytest-benchmark",
)  # fmt: skip


def collect_environment(project_folder: Path, seed: int, device: str) -> dict[str, Any]:
    """Versions and machine, to tell whether two runs compare; `device` comes with its reason."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _read_cpu_name(),
        "cpu_count": os.cpu_count(),
        "device": device,
        "packages": {name: _find_version(name) for name in PACKAGES},
        "commit": _find_commit(project_folder),
        "seed": seed,
    }


def describe_device(runtime: Runtime) -> str:
    """What `--device` will come to, and why; the record of a case has what it did come to."""
    if runtime.device != "auto":
        return f"{runtime.device} (asked for)"
    processor, *gpu_names = detect_hardware()
    if gpu_names:
        return f"cuda (the driver names {', '.join(gpu_names)})"
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


def _find_commit(project_folder: Path) -> str | None:
    """The commit of the project's own repository; None where there is none, or no git."""
    if not (project_folder / ".git").exists():
        return None
    command = ["git", "-C", str(project_folder), "describe"]
    command += ["--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.strip()
