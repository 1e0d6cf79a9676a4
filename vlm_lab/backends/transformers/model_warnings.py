"""What a user should know of a model before it is loaded: settings and packages that it lacks, and
a chat model without a chat template, which is asked in a form that it was not trained with.

In: a model and the run's settings. Out: messages. Nothing is started.
"""

from collections.abc import Iterator

from vlm_lab.backends.transformers import chat_template, families, weights
from vlm_lab.backends.transformers.packages import find_missing_package
from vlm_lab.backends.transformers.recipes import find_missing_settings
from vlm_lab.commands import format_command
from vlm_lab.files import read_json_object
from vlm_lab.messages import Message
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Model, Runtime


def find_model_warnings(model: Model, runtime: Runtime) -> Iterator[Message]:
    """Each of them that holds for a model."""
    settings = list(find_missing_settings(model, runtime))
    if settings:
        command = format_command("models", "env", model.name)
        figures = {"model": model.name, "settings": settings, "command": command}
        yield Message("lacks_settings", figures)
    folder = weights.find_folder(model, runtime.cache)
    if folder is None:
        return
    if missing_package := find_missing_package(model, runtime, folder):
        yield missing_package
    family = families.get_family(read_json_object(folder / "config.json"))
    if family.is_chat and not chat_template.has_chat_template(folder):
        form = family.prompt_format.format(images=family.image_placeholder, text="...")
        path = terminal_safe(str(folder / chat_template.TEMPLATE_FILES[0]))
        yield Message("no_chat_template", {"model": model.name, "form": form, "file": path})
