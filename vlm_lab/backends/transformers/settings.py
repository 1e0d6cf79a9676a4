"""What models.yaml may say of a model of this backend, beside what all models have.

In: a model. Out: its time limits and what its replies are held to, or a UserError that names the
setting.
"""

from pathlib import Path

from vlm_lab.backends.reply_schema import JSON_SCHEMA, RESPONSE_FORMAT
from vlm_lab.backends.timeouts import DEFAULT_TIMEOUTS, read_timeouts
from vlm_lab.backends.transformers import families
from vlm_lab.backends.transformers.quantization import find_method
from vlm_lab.errors import UserError
from vlm_lab.files import read_json_object
from vlm_lab.messages import Message
from vlm_lab.sanitize import quote_value
from vlm_lab.types import Model

RENAMED_SETTINGS = {"torch_dtype": "dtype", "use_flash_attention_2": "attn_implementation"}


def check_renamed_settings(model: Model) -> None:
    """Names that transformers 5 no longer has; UserError says what they are called now."""
    for value in (*model.load_kwargs, *model.load_kwargs.values(), *model.backend_kwargs.values()):
        if value == "AutoModelForVision2Seq":
            figures = {"model": model.name, "value": value}
            raise UserError(Message("setting_gone", figures))
    for old_name, new_name in RENAMED_SETTINGS.items():
        if old_name in model.load_kwargs:
            figures = {"model": model.name, "old": old_name, "new": new_name}
            raise UserError(Message("setting_renamed", figures))


def parse_timeouts(model: Model) -> dict[str, float]:
    """Seconds for loading and for one reply; UserError for a key that is not known or not a
    number."""
    for key, value in model.backend_kwargs.items():
        if key not in (*DEFAULT_TIMEOUTS, RESPONSE_FORMAT):
            figures = {"known": list(DEFAULT_TIMEOUTS), "key": key, "value": quote_value(value)}
            raise UserError(Message("unknown_timeout", {"model": model.name, **figures}))
    return read_timeouts(model)


def read_response_format(model: Model, folder: Path) -> str | None:
    """What the model's replies are held to; None where they are free. UserError for another form,
    and for a family that answers in another one."""
    response_format: str | None = model.backend_kwargs.get(RESPONSE_FORMAT)
    if response_format not in (None, JSON_SCHEMA):
        figures = {"model": model.name, "value": quote_value(response_format)}
        raise UserError(Message("response_format_unknown", figures))
    family = families.get_family(read_json_object(folder / "config.json"))
    if response_format and family.postprocess_method:
        raise UserError(Message("response_format_of_tags", {"model": model.name}))
    return response_format


def check_quantization(model: Model, folder: Path) -> None:
    """UserError where weights that have fewer bits already are to lose more."""
    method = find_method(read_json_object(folder / "config.json"))
    if model.quantization and method:
        figures = {"model": model.name, "name": model.quantization, "method": method}
        raise UserError(Message("quantized_already", figures))
