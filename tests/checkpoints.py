"""Tiny random checkpoints, built from config with the real model and processor classes: no
download, a second each.

    .venv/bin/python -m tests.checkpoints qwen2_vl FOLDER

What comes out loads through the same path as a checkpoint of the hub: config.json, one safetensors
file, preprocessor_config.json, a tokenizer and the family's chat template. The weights are noise,
so are the replies.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.checkpoint_parts import (
    CHAT,
    CLIP,
    LAYERS,
    LLAVA_GRID,
    QWEN_IMAGE,
    QWEN_TOKENS,
    SIGLIP,
    SQUARE,
    TEXT,
    TILES,
    USER_FIRST,
    compute_head_size,
    find_ids,
    mrope,
    named_tokenizer,
    save,
    special_ids,
    tokenizer,
)

NANO = Path(__file__).parents[1] / "checkpoints" / "qwen2-vl-nano"


def copy_nano(folder: Path) -> Path:
    """A copy of the checkpoint that ships, to be changed."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in NANO.iterdir():
        if path.suffix in (".json", ".jinja", ".safetensors"):
            shutil.copyfile(path, folder / path.name)
    return folder


def qwen(
    folder: Path,
    config_class: Any,
    vision: dict[str, Any],
    processor: str,
    patch: int,
    unused_token_count: int = 0,
) -> None:
    """What Qwen2-VL, 2.5 and 3 share: four patches merged to a token, a budget of pixels."""
    text = tokenizer(folder, [*QWEN_TOKENS.values()], unused_token_count)
    rope = {"rope_type": "default", "mrope_section": mrope(), "rope_theta": 1e6}
    config = config_class(
        text_config={
            **TEXT,
            "head_dim": compute_head_size(),
            "vocab_size": len(text),
            "bos_token_id": None,
            "eos_token_id": text.eos_token_id,
            "rope_parameters": rope,
        },
        vision_config=vision,
        **find_ids(text, QWEN_TOKENS),
    )
    template = CHAT.replace("IMAGE", QWEN_IMAGE)
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
    config = LlavaNextConfig(
        text_config={"model_type": "mistral", **TEXT, "vocab_size": len(text)},
        vision_config={**CLIP, "image_size": 112, "patch_size": 14},
        image_token_index=text.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=LLAVA_GRID,
    )
    preprocessor = {
        "image_processor_type": "LlavaNextImageProcessor",
        "size": {"shortest_edge": 112},
        "crop_size": {"height": 112, "width": 112},
        "image_grid_pinpoints": LLAVA_GRID,
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
    text = named_tokenizer(folder, ("boi_token", "eoi_token", "image_token"), names)
    start, end, image = text.convert_tokens_to_ids(names)
    config = Gemma3Config(
        text_config={
            **TEXT,
            **special_ids(text),
            "head_dim": compute_head_size(),
            "sliding_window": 512,
        },
        vision_config={**SIGLIP, "image_size": 112, "patch_size": 14},
        mm_tokens_per_image=16,
        boi_token_index=start,
        eoi_token_index=end,
        image_token_index=image,
    )
    preprocessor = {"image_processor_type": "Gemma3ImageProcessor", **SQUARE}
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
        **SQUARE,
        "image_seq_length": 64,
    }
    save(folder, config, text, preprocessor, "", {"processor_class": "PaliGemmaProcessor"})


def internvl(folder: Path) -> None:
    """InternVL 3: square tiles in a grid of the page's shape, and the page as a whole."""
    from transformers import InternVLConfig

    names = ["<img>", "</img>", "<IMG_CONTEXT>", "<video>"]
    roles = ("start_image_token", "end_image_token", "context_image_token", "video_token")
    text = named_tokenizer(folder, roles, names)
    config = InternVLConfig(
        text_config={"model_type": "qwen2", **TEXT, "vocab_size": len(text)},
        vision_config={
            **LAYERS,
            "image_size": [112, 112],
            "patch_size": [14, 14],
        },
        image_token_id=text.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=16,
        downsample_ratio=0.5,
    )
    processor = {"processor_class": "InternVLProcessor", "image_seq_length": 16}
    save(folder, config, text, TILES, CHAT.replace("IMAGE", "<IMG_CONTEXT>\n"), processor)


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
            **LAYERS,
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
