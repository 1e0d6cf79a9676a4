"""What a worker said when it could not load a model -> the error that its user gets.

In: the model, its checkpoint, the error's kind and words. Out: an error that says what to do about
files, weights, packages or versions.
"""

from vlm_lab.backends.transformers.checkpoint_files import find_unreadable_files
from vlm_lab.backends.transformers.interpreter import make_interpreter_error
from vlm_lab.backends.transformers.weights import Weights, describe_renewal
from vlm_lab.commands import format_command
from vlm_lab.errors import GenerationError, UserError
from vlm_lab.files import read_json_object
from vlm_lab.messages import Message
from vlm_lab.types import Model

WEIGHTS_ERRORS = ("MissingWeights", "UnusedWeights", "MismatchedWeights", "BrokenWeights")
SAFETENSORS_ERROR = "SafetensorError"
IMPORT_ERRORS = ("ImportError", "ModuleNotFoundError")


def make_load_error(
    model: Model, checkpoint: Weights, kind: str, message: Message | str
) -> UserError:
    """UserError for what is asked for and cannot be had, Skip for an interpreter that lacks
    something, else GenerationError."""
    if kind == "Unavailable":
        return UserError(Message("of_model", {"model": model.name, "what": message}))
    if model.python and kind in IMPORT_ERRORS:
        reason = Message("interpreter_lacks", {"path": model.python, "said": message})
        return make_interpreter_error(model, reason)
    reason = Message("load_failed", {"model": model.name, "said": message})
    remedy = describe_renewal(checkpoint, model.name)
    if kind == SAFETENSORS_ERROR:
        names = find_unreadable_files(checkpoint.folder)
        figures = {"what": reason, "files": list(names), "remedy": remedy}
        reason = Message("load_failed_files", figures)
    if kind in WEIGHTS_ERRORS:
        reason = Message("load_failed_remedy", {"what": reason, "remedy": remedy})
    if read_json_object(checkpoint.folder / "config.json").get("auto_map"):
        command = format_command("models", "env", model.name)
        reason = Message("load_failed_own_code", {"what": reason, "command": command})
    return GenerationError(kind, reason)
