"""Tiny random checkpoints, built from config with the real model and processor classes: no
download, a second each.

    .venv/bin/python -m tests.checkpoints qwen2_vl FOLDER

What comes out loads through the same path as a checkpoint of the hub: config.json, one safetensors
file, preprocessor_config.json, a tokenizer and the family's chat template. The weights are noise,
so are the replies.
"""

import json
import sys
from collections.abc import Callable, Sequence
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


def mrope() -> list[int]:
    """How the halves of a head's numbers are shared among time, height and width, in about Qwen's
    proportions."""
    half = TEXT["hidden_size"] // TEXT["num_attention_heads"] // 2
    time = half // 4
    return [time, (half - time) // 2, half - time - (half - time) // 2]


def qwen(
    folder: Path,
    config_class: Any,
    vision: dict[str, Any],
    processor: str,
    patch: int,
    unused_token_count: int = 0,
) -> None:
    """What Qwen2-VL, 2.5 and 3 share: four patches merged to a token, a budget of pixels."""
    names = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    text = tokenizer(folder, names, unused_token_count)
    start, end, image, video = text.convert_tokens_to_ids(names)
    rope = {"rope_type": "default", "mrope_section": mrope(), "rope_theta": 1e6}
    config = config_class(
        text_config={
            **TEXT,
            "head_dim": TEXT["hidden_size"] // TEXT["num_attention_heads"],
            "vocab_size": len(text),
            "bos_token_id": None,
            "eos_token_id": text.eos_token_id,
            "rope_parameters": rope,
        },
        vision_config=vision,
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    template = CHAT.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    preprocessor = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "min_pixels": 3136,
        "max_pixels": 200704,
        "patch_size": patch,
        "temporal_patch_size": 2,
        "merge_size": 2,
    }
    save(folder, config, text, preprocessor, template, {"processor_class": processor})


def qwen2_vl(folder: Path) -> None:
    """Qwen2-VL."""
    from transformers import Qwen2VLConfig

    vision = {
        "depth": 2,
        "embed_dim": 32,
        "hidden_size": TEXT["hidden_size"],
        "num_heads": 4,
        "mlp_ratio": 2,
    }
    qwen(folder, Qwen2VLConfig, vision, "Qwen2VLProcessor", 14)


def qwen2_5_vl(folder: Path) -> None:
    """Qwen2.5-VL: Qwen2-VL's pages, and a vision tower that attends in windows."""
    from transformers import Qwen2_5_VLConfig

    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 4,
        "out_hidden_size": 32,
        "fullatt_block_indexes": [1],
    }
    qwen(folder, Qwen2_5_VLConfig, vision, "Qwen2_5_VLProcessor", 14)


def qwen3_vl(folder: Path) -> None:
    """Qwen3-VL: patches of 16 instead of 14."""
    from transformers import Qwen3VLConfig

    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 4,
        "out_hidden_size": 32,
        "deepstack_visual_indexes": [0],
        "num_position_embeddings": 64,
    }
    qwen(folder, Qwen3VLConfig, vision, "Qwen3VLProcessor", 16)


CLIP = {
    "model_type": "clip_vision_model",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "projection_dim": 32,
}

SIGLIP = {
    "model_type": "siglip_vision_model",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


def llava(folder: Path) -> None:
    """LLaVA 1.5: one square per page, cut from its middle, always the same number of tokens."""
    from transformers import LlavaConfig

    text = tokenizer(folder, ["<image>"])
    config = LlavaConfig(
        text_config={"model_type": "llama", **TEXT, "vocab_size": len(text)},
        vision_config={**CLIP, "image_size": 112, "patch_size": 14},
        image_token_index=text.convert_tokens_to_ids("<image>"),
    )
    preprocessor = {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 112},
        "crop_size": {"height": 112, "width": 112},
        "do_center_crop": True,
    }
    processor = {
        "processor_class": "LlavaProcessor",
        "patch_size": 14,
        "num_additional_image_tokens": 1,
        "vision_feature_select_strategy": "default",
        "image_token": "<image>",
    }
    save(folder, config, text, preprocessor, USER_FIRST.replace("IMAGE", "<image>"), processor)


def llava_next(folder: Path) -> None:
    """LLaVA-NeXT (1.6): tiles of a grid that suits the page's shape, and the page as a whole."""
    from transformers import LlavaNextConfig

    text = tokenizer(folder, ["<image>"])
    grid = [[112, 224], [224, 112], [224, 224], [336, 112], [112, 336]]
    config = LlavaNextConfig(
        text_config={"model_type": "mistral", **TEXT, "vocab_size": len(text)},
        vision_config={**CLIP, "image_size": 112, "patch_size": 14},
        image_token_index=text.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=grid,
    )
    preprocessor = {
        "image_processor_type": "LlavaNextImageProcessor",
        "size": {"shortest_edge": 112},
        "crop_size": {"height": 112, "width": 112},
        "image_grid_pinpoints": grid,
    }
    processor = {
        "processor_class": "LlavaNextProcessor",
        "patch_size": 14,
        "num_additional_image_tokens": 1,
        "vision_feature_select_strategy": "default",
        "image_token": "<image>",
    }
    save(folder, config, text, preprocessor, USER_FIRST.replace("IMAGE", "<image>"), processor)


def gemma3(folder: Path) -> None:
    """Gemma 3: every page is one square and a fixed number of tokens."""
    from transformers import Gemma3Config

    names = ["<start_of_image>", "<end_of_image>", "<image_soft_token>"]
    text = tokenizer(
        folder,
        names,
        extra_special_tokens=dict(
            zip(("boi_token", "eoi_token", "image_token"), names, strict=True)
        ),
    )
    start, end, image = text.convert_tokens_to_ids(names)
    config = Gemma3Config(
        text_config={
            **TEXT,
            "head_dim": 8,
            "vocab_size": len(text),
            "sliding_window": 512,
            "bos_token_id": None,
            "eos_token_id": text.eos_token_id,
            "pad_token_id": text.pad_token_id,
        },
        vision_config={**SIGLIP, "image_size": 112, "patch_size": 14},
        mm_tokens_per_image=16,
        boi_token_index=start,
        eoi_token_index=end,
        image_token_index=image,
    )
    preprocessor = {
        "image_processor_type": "Gemma3ImageProcessor",
        "size": {"height": 112, "width": 112},
    }
    processor = {"processor_class": "Gemma3Processor", "image_seq_length": 16}
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", "<start_of_image>"), processor)


def paligemma(folder: Path) -> None:
    """PaliGemma: one square, no chat template, and the pages' tokens stand before everything."""
    from transformers import PaliGemmaConfig

    text = tokenizer(folder, ["<image>", "<bos>"], bos_token="<bos>")  # noqa: S106
    text.add_tokens([f"<loc{i:0>4}>" for i in range(1024)] + [f"<seg{i:0>3}>" for i in range(128)])
    text.save_pretrained(folder)
    config = PaliGemmaConfig(
        text_config={"model_type": "gemma", **TEXT, "head_dim": 8, "vocab_size": len(text)},
        vision_config={**SIGLIP, "image_size": 112, "patch_size": 14, "projection_dim": 32},
        image_token_index=text.convert_tokens_to_ids("<image>"),
        projection_dim=32,
        hidden_size=32,
    )
    preprocessor = {
        "image_processor_type": "SiglipImageProcessor",
        "size": {"height": 112, "width": 112},
        "image_seq_length": 64,
    }
    save(folder, config, text, preprocessor, "", {"processor_class": "PaliGemmaProcessor"})


def internvl(folder: Path) -> None:
    """InternVL 3: square tiles in a grid of the page's shape, and the page as a whole."""
    from transformers import InternVLConfig

    names = ["<img>", "</img>", "<IMG_CONTEXT>", "<video>"]
    roles = ("start_image_token", "end_image_token", "context_image_token", "video_token")
    text = tokenizer(folder, names, extra_special_tokens=dict(zip(roles, names, strict=True)))
    config = InternVLConfig(
        text_config={"model_type": "qwen2", **TEXT, "vocab_size": len(text)},
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": [112, 112],
            "patch_size": [14, 14],
        },
        image_token_id=text.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=16,
        downsample_ratio=0.5,
    )
    preprocessor = {
        "image_processor_type": "GotOcr2ImageProcessor",
        "size": {"height": 112, "width": 112},
        "crop_to_patches": True,
        "min_patches": 1,
        "max_patches": 12,
    }
    processor = {"processor_class": "InternVLProcessor", "image_seq_length": 16}
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", "<IMG_CONTEXT>\n"), processor)


def tiled(folder: Path, config_class: Any, name: str) -> None:
    """What Idefics 3 and SmolVLM share: tiles of a fixed side, rows and columns named, and the page
    as a whole."""
    text = tokenizer(
        folder,
        [
            "<image>",
            "<fake_token_around_image>",
            "<end_of_utterance>",
            "<global-img>",
            *(f"<row_{i}_col_{j}>" for i in range(1, 7) for j in range(1, 7)),
        ],
    )
    config = config_class(
        text_config={
            "model_type": "llama",
            **TEXT,
            "vocab_size": len(text),
            "pad_token_id": text.pad_token_id,
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 112,
            "patch_size": 14,
        },
        image_token_id=text.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=text.pad_token_id,
    )
    preprocessor = {
        "image_processor_type": f"{name}ImageProcessor",
        "size": {"longest_edge": 448},
        "max_image_size": {"longest_edge": 112},
        "do_image_splitting": True,
    }
    processor = {"processor_class": f"{name}Processor", "image_seq_len": 16}
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", "<image>"), processor)


def idefics3(folder: Path) -> None:
    from transformers import Idefics3Config

    tiled(folder, Idefics3Config, "Idefics3")


def smolvlm(folder: Path) -> None:
    from transformers import SmolVLMConfig

    tiled(folder, SmolVLMConfig, "SmolVLM")


FAMILIES: dict[str, Callable[[Path], None]] = {
    "gemma3": gemma3,
    "idefics3": idefics3,
    "internvl": internvl,
    "llava": llava,
    "llava_next": llava_next,
    "paligemma": paligemma,
    "qwen2_5_vl": qwen2_5_vl,
    "qwen2_vl": qwen2_vl,
    "qwen3_vl": qwen3_vl,
    "smolvlm": smolvlm,
}


def collect_families() -> dict[str, Callable[[Path], None]]:
    """What makes a checkpoint of each family, of all files."""
    from tests import more_checkpoints, newer_checkpoints

    return {**FAMILIES, **more_checkpoints.FAMILIES, **newer_checkpoints.FAMILIES}


def build(family: str, folder: Path) -> Path:
    """The checkpoint of one family in `folder` (made, kept when it is complete already)."""
    if not (folder / "processor_config.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        collect_families()[family](folder)
    return folder


if __name__ == "__main__":
    print(build(sys.argv[1], Path(sys.argv[2])))
