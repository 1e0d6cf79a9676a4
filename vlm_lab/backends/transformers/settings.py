"""What models.yaml may say of a model of this backend, beside what all models have.

In: a model. Out: its time limits, or a UserError that names the setting.
"""

from vlm_lab.backends.timeouts import DEFAULT_TIMEOUTS, read_timeouts
from vlm_lab.errors import UserError
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
        if key not in DEFAULT_TIMEOUTS:
            figures = {"known": list(DEFAULT_TIMEOUTS), "key": key, "value": quote_value(value)}
            raise UserError(Message("unknown_timeout", {"model": model.name, **figures}))
    return read_timeouts(model)
