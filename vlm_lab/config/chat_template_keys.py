"""What `chat_template_kwargs` of a model in models.yaml may hold: variables of the checkpoint's own
chat template, never what decides which text is rendered, or how.

    chat_template_kwargs: {enable_thinking: false}

`chat_template` there is the *name* of one of the checkpoint's templates. A template's own text is
refused: a prompt would no longer be the one that the checkpoint was trained with, and a record
would not say so.
"""

import re
from collections.abc import Sequence

from vlm_lab.config.strict_yaml import YamlKey, YamlSource
from vlm_lab.types import Model

CHAT_TEMPLATE_KEY = "chat_template_kwargs"
TEMPLATE_NAME_PATTERN = re.compile(r"\w[\w.-]*")
SET_BY_HARNESS = "is set by the benchmark for all models alike"
GUARDED = "stands beside chat_template_kwargs, not in it"
REFUSED_KEYS = {
    **dict.fromkeys(("conversation", "messages"), "is the prompt and the document's pages"),
    **dict.fromkeys(
        (
            "add_generation_prompt",
            "continue_final_message",
            "tokenize",
            "return_tensors",
            "return_dict",
            "return_assistant_tokens_mask",
            "sanitize_control_tokens",
            "load_audio_from_video",
        ),
        SET_BY_HARNESS,
    ),
    "processor_kwargs": GUARDED,
    "trust_remote_code": GUARDED,
    "use_safetensors": GUARDED,
}


def check_chat_template_kwargs(
    source: YamlSource, keys_of_model: Sequence[YamlKey], model: Model
) -> None:
    """UserError for a key that is no variable of a template, and for a template's text."""
    kwargs = model.chat_template_kwargs
    keys = [*keys_of_model, CHAT_TEMPLATE_KEY]
    for key in kwargs:
        if key in REFUSED_KEYS:
            raise source.make_error([*keys, key], f"is not taken: it {REFUSED_KEYS[key]}")
    name = kwargs.get("chat_template", "default")
    if not isinstance(name, str) or not TEMPLATE_NAME_PATTERN.fullmatch(name):
        raise source.make_error(
            [*keys, "chat_template"],
            "must be the name of one of the checkpoint's templates, such as default "
            f"(got {str(name)[:40]!r}); a text of one's own is not taken",
        )
