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

SETTINGS: Mapping[str, Any] = {"Global.log_level": "critical"}
SESSION_OPTIONS: Mapping[str, str] = {
    # A thread without work sleeps. By default it spins, which takes a core from whatever else runs:
    # beside a busy process a page took 0.78 times as long and 0.74 times the CPU seconds without
    # it, alone it took as long. The texts are the same. RapidOCR has no setting for it.
    # docs/page-text.md has what else was measured.
    "session.intra_op.allow_spinning": "0",
}
ERRORS_ALONE = 4  # of onnxruntime's levels of severity
MAX_THREADS = 8


def load_rapidocr_engine() -> Any:
    """The engine with the models of its package loaded one by one, so that it never looks for
    others online. Raises Skip where the package or its models are missing."""
    try:
        import rapidocr
        from omegaconf import flag_override
    except ImportError as error:
        command = format_install_command("ocr")
        raise Skip(Message("ocr_not_installed", {"command": command})) from error
    models = Path(rapidocr.__file__).parent / "models"
    engine = rapidocr.RapidOCR(params=dict(SETTINGS))
    for stage in ("Det", "Cls", "Rec"):
        model_path = next(models.glob(f"*_{stage.lower()}_*.onnx"), None)
        if model_path is None:
            command = f"{format_install_command('ocr')} --force-reinstall"
            raise Skip(Message("ocr_lacks_models", {"path": str(models), "command": command}))
        with flag_override(engine.cfg[stage], "allow_objects", True):
            engine.cfg[stage].session = _load_model(model_path)  # taken when it reads a page
    return engine


def run_rapidocr(engine: Any, image: Image) -> list[TextBox]:
    """What RapidOCR finds on an RGB image."""
    import numpy as np

    result = engine(np.asarray(image)[:, :, ::-1])  # BGR, as OpenCV has it
    if result.boxes is None:
        return []
    return list(zip(result.boxes.tolist(), result.txts, strict=True))


def _load_model(path: Path) -> Any:
    """Memory that one page needed is kept for the next, which RapidOCR would turn off: a sixth less
    CPU time."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = _count_threads()
    options.log_severity_level = ERRORS_ALONE
    for key, value in SESSION_OPTIONS.items():
        options.add_session_config_entry(key, value)
    return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _count_threads() -> int:
    """One for each core that this process may use: more would wait for each other."""
    if sys.platform == "linux":
        return min(len(os.sched_getaffinity(0)), MAX_THREADS)
    return min(os.cpu_count() or 1, MAX_THREADS)
