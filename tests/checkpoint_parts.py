"""What tiny random checkpoints of all families are made of: a tokenizer, the numbers of small
towers, tokens that families share, and the files as the hub has them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

EOS, PAD = "<|im_end|>", "<|pad|>"
TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 16384,
}
LAYERS = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
CLIP = {"model_type": "clip_vision_model", **LAYERS, "projection_dim": 32}
SIGLIP = {"model_type": "siglip_vision_model", **LAYERS}
SQUARE = {"size": {"height": 112, "width": 112}}
LLAVA_GRID = [[112, 224], [224, 112], [224, 224], [336, 112], [112, 336]]
TILES = {
    "image_processor_type": "GotOcr2ImageProcessor",
    **SQUARE,
    "crop_to_patches": True,
    "min_patches": 1,
    "max_patches": 12,
}
QWEN_TOKENS = {
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
}
QWEN_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
GLM_TOKENS = {
    "image_start_token_id": "<|begin_of_image|>",
    "image_end_token_id": "<|end_of_image|>",
    "image_token_id": "<|image|>",
    "video_token_id": "<|video|>",
    "video_start_token_id": "<|begin_of_video|>",
    "video_end_token_id": "<|end_of_video|>",
}
GLM_IMAGE = "<|begin_of_image|><|image|><|end_of_image|>"
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
USER_FIRST = (
    "{% for message in messages %}{{ 'USER: ' if message['role'] == 'user' else 'ASSISTANT: ' }}"
    "{% for part in message['content'] if part['type'] == 'image' %}IMAGE\n{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{% endfor %}"
    "{% if add_generation_prompt %} ASSISTANT:{% endif %}"
)


def tokenizer(
    folder: Path, extra: Sequence[str], unused_token_count: int = 0, **kwargs: Any
) -> Any:
    """A byte-level tokenizer of 256 bytes and some special tokens: what it encodes it decodes, in
    any script. Unused tokens stand in no text that it encodes; they give a vocabulary its size."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = [*alphabet, *[f"unused{index}" for index in range(unused_token_count)]]
    inner = Tokenizer(
        models.BPE(vocab={name: index for index, name in enumerate(names)}, merges=[])
    )
    inner.pre_tokenizer, inner.decoder = (
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoders.ByteLevel(),
    )
    specials = [EOS, PAD, "<|im_start|>", *extra]
    inner.add_special_tokens(specials)
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token=EOS,
        pad_token=PAD,
        additional_special_tokens=specials[2:],
        **kwargs,
    )
    made.save_pretrained(folder)
    return made


def named_tokenizer(folder: Path, roles: Sequence[str], names: Sequence[str]) -> Any:
    """A tokenizer whose special tokens have the roles that a processor asks for."""
    return tokenizer(folder, names, extra_special_tokens=dict(zip(roles, names, strict=True)))


def special_ids(text: Any) -> dict[str, Any]:
    """Ends of a text, as a config names them."""
    return {
        "vocab_size": len(text),
        "bos_token_id": None,
        "eos_token_id": text.eos_token_id,
        "pad_token_id": text.pad_token_id,
    }


def find_ids(text: Any, tokens: Mapping[str, str]) -> dict[str, int]:
    """The id of each token, by the key that a config has for it."""
    return {key: text.convert_tokens_to_ids(name) for key, name in tokens.items()}


def save(
    folder: Path,
    config: Any,
    text: Any,
    preprocessor: dict[str, Any],
    template: str,
    processor: dict[str, Any],
) -> None:
    """Writes weights and settings as the hub has them. `processor` has `processor_class` and its
    own settings."""
    import torch
    from transformers import AutoModelForImageTextToText

    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_config(config)
    model.generation_config.eos_token_id = text.convert_tokens_to_ids(EOS)
    model.generation_config.pad_token_id = text.convert_tokens_to_ids(PAD)
    model.save_pretrained(folder)
    write(
        folder / "preprocessor_config.json",
        {**preprocessor, "processor_class": processor["processor_class"]},
    )
    write(folder / "processor_config.json", processor)
    if template:
        (folder / "chat_template.jinja").write_text(template, "utf-8")


def write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1), "utf-8")


def compute_head_size() -> int:
    """Numbers of a head. Asked when a checkpoint is made: TEXT may hold larger numbers then."""
    return TEXT["hidden_size"] // TEXT["num_attention_heads"]


def mrope() -> list[int]:
    """How the halves of a head's numbers are shared among time, height and width, in about Qwen's
    proportions."""
    half = compute_head_size() // 2
    time = half // 4
    return [time, (half - time) // 2, half - time - (half - time) // 2]
