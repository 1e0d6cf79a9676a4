"""models.yaml's time limits for what runs in a process of its own."""

import threading

from vlm_lab.errors import UserError
from vlm_lab.messages import Message
from vlm_lab.sanitize import quote_value
from vlm_lab.types import Model

DEFAULT_TIMEOUTS = {"load_timeout": 1800.0, "reply_timeout": 600.0}


def read_timeouts(model: Model) -> dict[str, float]:
    """Seconds for loading and for one reply, from `backend_kwargs`. UserError for what is no
    number of seconds."""
    timeouts = dict(DEFAULT_TIMEOUTS)
    for key in timeouts:
        value = model.backend_kwargs.get(key, timeouts[key])
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 < value < threading.TIMEOUT_MAX:
            figures = {"model": model.name, "key": key, "value": quote_value(value)}
            raise UserError(Message("no_seconds", figures))
        timeouts[key] = float(value)
    return timeouts
