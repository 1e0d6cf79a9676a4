"""A checkpoint of a model that reads text and nothing else: how it is told from one that sees, and
what stands in the place of its processor.

Runs inside the worker, perhaps in another interpreter: valid on Python 3.9, imports transformers
late.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

# Where transformers keeps the types of models that see; the second is of before 4.46.
SEEING_MODELS = (
    "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES",
    "MODEL_FOR_VISION_2_SEQ_MAPPING_NAMES",
)


def is_text_model(config: dict[str, Any]) -> bool:
    """Whether a config.json is of a language model without eyes; code of its own is taken to know
    better."""
    from transformers.models.auto import modeling_auto

    model_type = config.get("model_type")
    is_seeing = any(model_type in getattr(modeling_auto, name, ()) for name in SEEING_MODELS)
    is_language_model = model_type in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return is_language_model and not is_seeing and not config.get("auto_map")


class TextProcessor:
    """A tokenizer that is called as processors are."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.chat_template = tokenizer.chat_template
        if tokenizer.pad_token is None:  # a batch is padded with it, and the padding is masked
            tokenizer.pad_token = tokenizer.eos_token

    @classmethod
    def from_pretrained(cls, folder: Path, **settings: Any) -> TextProcessor:
        """Of a checkpoint's folder. Raises what transformers raises."""
        from transformers import AutoTokenizer

        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, **settings)
        return cls(tokenizer)

    def __call__(self, text: Any, images: Any = None, **settings: Any) -> Any:
        """Ids of one text, or of several that are padded to one length."""
        from transformers import BatchFeature

        return BatchFeature(dict(self.tokenizer(text, **settings)))

    def apply_chat_template(self, *messages: Any, **settings: Any) -> Any:
        return self.tokenizer.apply_chat_template(*messages, **settings)

    def decode(self, ids: Any, **settings: Any) -> Any:
        return self.tokenizer.decode(ids, **settings)
