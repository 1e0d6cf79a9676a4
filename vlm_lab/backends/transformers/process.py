"""A worker for models of transformers, perhaps in another interpreter.

The modules it is made of are sent as source, which is why it works where vlm_lab is not installed.
"""

import os
import subprocess
import sys

from vlm_lab.errors import Skip
from vlm_lab.messages import Message
from vlm_lab.sanitize import terminal_safe
from vlm_lab.workers import process
from vlm_lab.workers.process import (
    OFFLINE_VARIABLES,
    START_SECONDS,
    ModuleSource,
    Worker,
    WorkerCode,
)

ENTRY_MODULE = "vlm_lab.backends.transformers.worker"
VISUAL_TOKENS = "vlm_lab.backends.transformers.visual_tokens"
WORKER_PACKAGES = (
    "vlm_lab",
    "vlm_lab.backends",
    "vlm_lab.backends.transformers",
    VISUAL_TOKENS,
    "vlm_lab.workers",
)
WORKER_MODULES = (
    "vlm_lab.files",
    "vlm_lab.failure_messages",
    "vlm_lab.model_messages",
    "vlm_lab.localization",
    "vlm_lab.messages",
    "vlm_lab.pixel_file",
    "vlm_lab.workers.child",
    "vlm_lab.backends.prompt_variable",
    "vlm_lab.backends.transformers.devices",
    f"{VISUAL_TOKENS}.sizes",
    f"{VISUAL_TOKENS}.squares",
    f"{VISUAL_TOKENS}.anyres",
    f"{VISUAL_TOKENS}.minicpm",
    f"{VISUAL_TOKENS}.mllama",
    f"{VISUAL_TOKENS}.pixel_budgets",
    f"{VISUAL_TOKENS}.tiles",
    "vlm_lab.backends.transformers.family",
    "vlm_lab.backends.transformers.family_table",
    "vlm_lab.backends.transformers.families",
    "vlm_lab.backends.transformers.worker_error",
    "vlm_lab.backends.transformers.chat_template",
    "vlm_lab.backends.transformers.images_only",
    "vlm_lab.backends.transformers.text_only",
    "vlm_lab.backends.transformers.processors",
    "vlm_lab.backends.transformers.library_messages",
    "vlm_lab.backends.transformers.libraries",
    "vlm_lab.backends.transformers.load_report",
    "vlm_lab.backends.transformers.quantization",
    "vlm_lab.backends.transformers.adapter_loading",
    "vlm_lab.backends.transformers.model_loading",
    "vlm_lab.backends.transformers.generation_settings",
    "vlm_lab.backends.transformers.beams",
    "vlm_lab.backends.transformers.streamer",
    "vlm_lab.backends.transformers.reply_grammar",
    "vlm_lab.backends.transformers.logits_processor",
    "vlm_lab.backends.transformers.loaded_model",
    "vlm_lab.backends.transformers.batch_observer",
    "vlm_lab.backends.transformers.batch",
    ENTRY_MODULE,
)
TORCH_VARIABLES = {"TRANSFORMERS_NO_TORCHVISION_IMPORT": "1"}


def start_worker(python: str | None, online: bool) -> Worker:
    """A worker of this interpreter or of another one. Skip where that does not run."""
    code = WorkerCode(entry_module=ENTRY_MODULE, module_sources=read_module_sources())
    variables = {**TORCH_VARIABLES, **({} if online else OFFLINE_VARIABLES)}
    return Worker(code, variables, check_interpreter(python) if python else sys.executable)


def read_module_sources() -> list[ModuleSource]:
    """What the worker is made of."""
    return process.read_module_sources(WORKER_PACKAGES, WORKER_MODULES)


def check_interpreter(python: str) -> str:
    """The absolute path of another interpreter; Skip where there is none that runs. Links stay: a
    venv is one."""
    path = os.path.abspath(python)
    try:
        completed = subprocess.run(
            [path, "-c", "print(7)"], capture_output=True, text=True, timeout=START_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        figures = {"path": str(python), "said": str(error)}
        raise Skip(Message("interpreter_not_started", figures)) from None
    if completed.stdout.strip() != "7":
        stderr_tail = terminal_safe(completed.stderr.strip())[-200:]
        raise Skip(Message("interpreter_broken", {"path": str(python), "said": stderr_tail}))
    return path
