"""RapidOCR, whose models are in its package: a page -> pieces of text and where they stand."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL.Image import Image

from vlm_lab.backends.ocr.text_lines import TextBox
from vlm_lab.commands import format_install_command
from vlm_lab.errors import Skip
from vlm_lab.messages import Message

RUNTIME = "EngineConfig.onnxruntime"
SPEED: Mapping[str, Any] = {
    # Memory that one page needed is kept for the next. The texts are the same.
    f"{RUNTIME}.enable_cpu_mem_arena": True,
}
MAX_THREADS = 8


def load_rapidocr_engine() -> Any:
    """The engine with the models of its package named one by one, so that it never looks for others
    online. Raises Skip where the package or its models are missing."""
    try:
        import rapidocr
    except ImportError as error:
        command = format_install_command("ocr")
        raise Skip(Message("ocr_not_installed", {"command": command})) from error
    models = Path(rapidocr.__file__).parent / "models"
    settings: dict[str, Any] = {**SPEED, f"{RUNTIME}.intra_op_num_threads": _count_threads()}
    for stage in ("Det", "Cls", "Rec"):
        model_path = next(models.glob(f"*_{stage.lower()}_*.onnx"), None)
        if model_path is None:
            command = f"{format_install_command('ocr')} --force-reinstall"
            raise Skip(Message("ocr_lacks_models", {"path": str(models), "command": command}))
        settings[f"{stage}.model_path"] = str(model_path)
    return rapidocr.RapidOCR(params=settings | {"Global.log_level": "critical"})


def run_rapidocr(engine: Any, image: Image) -> list[TextBox]:
    """What RapidOCR finds on an RGB image."""
    import numpy as np

    result = engine(np.asarray(image)[:, :, ::-1])  # BGR, as OpenCV has it
    if result.boxes is None:
        return []
    return list(zip(result.boxes.tolist(), result.txts, strict=True))


def _count_threads() -> int:
    """One for each core that this process may use: more would wait for each other."""
    if sys.platform == "linux":
        return min(len(os.sched_getaffinity(0)), MAX_THREADS)
    return min(os.cpu_count() or 1, MAX_THREADS)
