"""Tiny random checkpoints of further families, made of `tests.checkpoint_parts`.

    .venv/bin/python -m tests.checkpoints mllama FOLDER

Most differ in three things only: names of tokens, the vision tower's numbers, the image processor's
settings.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.checkpoint_parts import (
    CHAT,
    CLIP,
    GLM_IMAGE,
    GLM_TOKENS,
    LAYERS,
    LLAVA_GRID,
    SIGLIP,
    SQUARE,
    TEXT,
    find_ids,
    mrope,
    named_tokenizer,
    save,
    special_ids,
    tokenizer,
)


def lighton_ocr(folder: Path) -> None:
    """LightOnOCR: Pixtral's tower, so a page keeps its shape; Pixtral's own processor wants
    torchvision."""
    from transformers import LightOnOcrConfig

    names = ["<|image_pad|>", "<|vision_pad|>", "<|vision_end|>"]
    roles = ("image_token", "image_break_token", "image_end_token")
    text = named_tokenizer(folder, roles, names)
    config = LightOnOcrConfig(
        text_config={"model_type": "qwen3", **TEXT, "head_dim": 8, "vocab_size": len(text)},
        vision_config={
            "model_type": "pixtral",
            **LAYERS,
            "head_dim": 8,
            "image_size": 448,
            "patch_size": 14,
        },
        image_token_id=text.convert_tokens_to_ids(names[0]),
        spatial_merge_size=2,
    )
    preprocessor = {
        "image_processor_type": "PixtralImageProcessor",
        "patch_size": 14,
        "size": {"longest_edge": 448},
    }
    settings = {"processor_class": "LightOnOcrProcessor", "patch_size": 14, "spatial_merge_size": 2}
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", names[0]), settings)


def llava_onevision(folder: Path) -> None:
    from transformers import LlavaOnevisionConfig

    text = tokenizer(folder, ["<image>", "<video>"])
    grid = [[112 * i, 112 * j] for i in range(1, 4) for j in range(1, 4)]
    config = LlavaOnevisionConfig(
        text_config={"model_type": "qwen2", **TEXT, "vocab_size": len(text)},
        vision_config={**SIGLIP, "image_size": 112, "patch_size": 14, "vision_use_head": False},
        image_token_index=text.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=grid,
        video_token_index=text.convert_tokens_to_ids("<video>"),
    )
    preprocessor = {
        "image_processor_type": "LlavaOnevisionImageProcessor",
        **SQUARE,
        "image_grid_pinpoints": grid,
    }
    processor = {
        "processor_class": "LlavaOnevisionProcessor",
        "num_image_tokens": 64,
        "vision_feature_select_strategy": "full",
    }
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", "<image>\n"), processor)


def granite_vision(folder: Path) -> None:
    """Granite Vision: LLaVA-NeXT with IBM's language model and SigLIP."""
    from transformers import LlavaNextConfig

    text = tokenizer(folder, ["<image>"])
    config = LlavaNextConfig(
        text_config={"model_type": "granite", **TEXT, "vocab_size": len(text)},
        vision_config={**SIGLIP, "image_size": 112, "patch_size": 14, "vision_use_head": False},
        image_token_index=text.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=LLAVA_GRID,
        vision_feature_select_strategy="full",
        vision_feature_layer=[-2, -1],
    )
    preprocessor = {
        "image_processor_type": "LlavaNextImageProcessor",
        **SQUARE,
        "image_grid_pinpoints": LLAVA_GRID,
        "crop_size": {"height": 112, "width": 112},
    }
    processor = {
        "processor_class": "LlavaNextProcessor",
        "patch_size": 14,
        "image_token": "<image>",
        "vision_feature_select_strategy": "full",
    }
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", "<image>\n"), processor)


def mllama(folder: Path) -> None:
    """Llama 3.2 Vision: the page goes in through cross attention, one token stands for all of
    it."""
    from transformers import MllamaConfig

    text = tokenizer(folder, ["<|begin|>", "<|python_tag|>", "<|image|>"], bos_token="<|begin|>")  # noqa: S106
    config = MllamaConfig(
        text_config={
            **TEXT,
            "vocab_size": len(text) - 1,
            "cross_attention_layers": [1],
            "bos_token_id": text.bos_token_id,
            "eos_token_id": text.eos_token_id,
            "pad_token_id": text.pad_token_id,
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_global_layers": 1,
            "attention_heads": 4,
            "image_size": 112,
            "patch_size": 14,
            "vision_output_dim": 64,
            "intermediate_layers_indices": [1],
            "supported_aspect_ratios": [
                [1, 1],
                [1, 2],
                [1, 3],
                [1, 4],
                [2, 1],
                [2, 2],
                [3, 1],
                [4, 1],
            ],
        },
        image_token_index=text.convert_tokens_to_ids("<|image|>"),
    )
    preprocessor = {"image_processor_type": "MllamaImageProcessor", **SQUARE, "max_image_tiles": 4}
    save(
        folder,
        config,
        text,
        preprocessor,
        CHAT.replace("IMAGE", "<|image|>"),
        {"processor_class": "MllamaProcessor"},
    )


def got_ocr2(folder: Path) -> None:
    from transformers import GotOcr2Config

    text = tokenizer(folder, ["<img>", "</img>", "<imgpad>"])
    config = GotOcr2Config(
        text_config={"model_type": "qwen2", **TEXT, "vocab_size": len(text)},
        vision_config={
            "hidden_size": 32,
            "output_channels": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 1024,
            "patch_size": 16,
            "mlp_dim": 64,
            "global_attn_indexes": [],
        },
        image_token_index=text.convert_tokens_to_ids("<imgpad>"),
        image_seq_length=256,
    )
    preprocessor = {
        "image_processor_type": "GotOcr2ImageProcessor",
        "size": {"height": 1024, "width": 1024},
    }
    save(folder, config, text, preprocessor, "", {"processor_class": "GotOcr2Processor"})


def glm(
    folder: Path,
    config_class: Any,
    kind: str,
    text_type: dict[str, Any],
    vision_type: dict[str, Any],
) -> None:
    """What GLM-4.1V, GLM-4.6V and GLM-OCR share: Qwen's pages, counted as two frames of a film."""
    text = tokenizer(folder, [*GLM_TOKENS.values()])
    rope = {
        "rope_type": "default",
        "mrope_section": mrope(),
        "rope_theta": 1e4,
        "partial_rotary_factor": 1.0,
    }
    config = config_class(
        text_config={
            **TEXT,
            **text_type,
            "vocab_size": len(text),
            "rope_parameters": rope,
            "eos_token_id": text.eos_token_id,
            "pad_token_id": text.pad_token_id,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "num_heads": 4,
            "intermediate_size": 64,
            "out_hidden_size": 32,
            "image_size": 112,
            **vision_type,
        },
        **find_ids(text, GLM_TOKENS),
    )
    preprocessor = {
        "image_processor_type": f"{kind}ImageProcessor",
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "size": {"shortest_edge": 12544, "longest_edge": 401408},
    }
    template = CHAT.replace("IMAGE", GLM_IMAGE)
    save(folder, config, text, preprocessor, template, {"processor_class": f"{kind}Processor"})


def glm4v(folder: Path) -> None:
    from transformers import Glm4vConfig

    glm(folder, Glm4vConfig, "Glm4v", {}, {})


def glm46v(folder: Path) -> None:
    from transformers import Glm46VConfig

    glm(
        folder, Glm46VConfig, "Glm46V", {"model_type": "glm4v_text"}, {"model_type": "glm4v_vision"}
    )


def glm_ocr(folder: Path) -> None:
    from transformers import GlmOcrConfig

    glm(folder, GlmOcrConfig, "Glm46V", {"head_dim": 8}, {})


def idefics2(folder: Path) -> None:
    """Idefics 2: a perceiver makes the same number of tokens of every page, or of each quarter of
    it and the whole."""
    from transformers import Idefics2Config

    text = tokenizer(folder, ["<image>", "<fake_token_around_image>", "<end_of_utterance>"])
    config = Idefics2Config(
        text_config={
            "model_type": "mistral",
            **TEXT,
            "vocab_size": len(text),
            "pad_token_id": text.pad_token_id,
        },
        vision_config={**LAYERS, "image_size": 112, "patch_size": 14},
        perceiver_config={
            "hidden_size": 32,
            "resampler_n_latents": 16,
            "resampler_depth": 1,
            "resampler_n_heads": 4,
            "resampler_head_dim": 8,
            "num_key_value_heads": 2,
        },
        image_token_id=text.convert_tokens_to_ids("<image>"),
    )
    preprocessor = {
        "image_processor_type": "Idefics2ImageProcessor",
        "do_image_splitting": True,
        "size": {"longest_edge": 112, "shortest_edge": 56},
    }
    processor = {"processor_class": "Idefics2Processor", "image_seq_len": 16}
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", "<image>"), processor)


def aya_vision(folder: Path) -> None:
    from transformers import AyaVisionConfig

    names = [
        "<image>",
        "<|START_OF_IMG|>",
        "<|END_OF_IMG|>",
        "<|IMG_PATCH|>",
        "<|IMG_LINE_BREAK|>",
        "TILE",
        "TILE_GLOBAL",
    ]
    text = tokenizer(folder, names)
    config = AyaVisionConfig(
        text_config={
            "model_type": "cohere2",
            **TEXT,
            **special_ids(text),
        },
        vision_config={**SIGLIP, "image_size": 112, "patch_size": 14, "vision_use_head": False},
        image_token_index=text.convert_tokens_to_ids("<|IMG_PATCH|>"),
        downsample_factor=2,
    )
    preprocessor = {
        "image_processor_type": "GotOcr2ImageProcessor",
        **SQUARE,
        "crop_to_patches": True,
    }
    processor = {
        "processor_class": "AyaVisionProcessor",
        "patch_size": 14,
        "img_size": 112,
        "downsample_factor": 2,
    }
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", "<image>"), processor)


def ovis2(folder: Path) -> None:
    from transformers import Ovis2Config

    names = [
        "<image>",
        "<IMG_ATOM>",
        "<IMG_START>",
        "<IMG_GRID>",
        "<IMG_COL>",
        "<IMG_ROW>",
        "<IMG_END>",
    ]
    text = tokenizer(folder, names)
    _, atom, *indicators = text.convert_tokens_to_ids(names)
    config = Ovis2Config(
        text_config={"model_type": "qwen2", **TEXT, "vocab_size": len(text)},
        vision_config={
            **LAYERS,
            "image_size": 112,
            "patch_size": 14,
            "hidden_stride": 2,
            "vocab_size": 64,
        },
        image_token_id=atom,
        visual_indicator_token_ids=indicators,
        vocab_size=len(text),
        hidden_size=32,
    )
    preprocessor = {
        "image_processor_type": "Ovis2ImageProcessor",
        **SQUARE,
        "crop_to_patches": True,
        "max_patches": 9,
    }
    processor = {"processor_class": "Ovis2Processor", "image_seq_length": 16}
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", "<image>"), processor)


def deepseek_vl(folder: Path) -> None:
    from transformers import DeepseekVLConfig

    text = tokenizer(
        folder, ["<image_placeholder>"], extra_special_tokens={"image_token": "<image_placeholder>"}
    )
    config = DeepseekVLConfig(
        text_config={"model_type": "llama", **TEXT, "vocab_size": len(text)},
        vision_config={**SIGLIP, "image_size": 112, "patch_size": 14, "vision_use_head": False},
        image_token_id=text.convert_tokens_to_ids("<image_placeholder>"),
    )
    preprocessor = {"image_processor_type": "DeepseekVLImageProcessor", **SQUARE}
    processor = {"processor_class": "DeepseekVLProcessor", "num_image_tokens": 64}
    save(
        folder, config, text, preprocessor, CHAT.replace("IMAGE", "<image_placeholder>"), processor
    )


def paddleocr_vl(folder: Path) -> None:
    from transformers import PaddleOCRVLConfig

    names = ["<|IMAGE_START|>", "<|IMAGE_END|>", "<|IMAGE_PLACEHOLDER|>", "<|VIDEO|>"]
    text = tokenizer(folder, names, extra_special_tokens={"image_token": "<|IMAGE_PLACEHOLDER|>"})
    start, end, image, video = text.convert_tokens_to_ids(names)
    rope = {"rope_type": "default", "mrope_section": mrope(), "rope_theta": 5e5}
    config = PaddleOCRVLConfig(
        text_config={
            **TEXT,
            "head_dim": 8,
            "vocab_size": len(text),
            "rope_parameters": rope,
            "bos_token_id": None,
            "eos_token_id": text.eos_token_id,
            "pad_token_id": text.pad_token_id,
        },
        vision_config={**LAYERS, "image_size": 112, "patch_size": 14},
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    preprocessor = {
        "image_processor_type": "PaddleOCRVLImageProcessor",
        "patch_size": 14,
        "merge_size": 2,
        "size": {"shortest_edge": 28224, "longest_edge": 200704},
    }
    template = CHAT.replace("IMAGE", "<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>")
    save(folder, config, text, preprocessor, template, {"processor_class": "PaddleOCRVLProcessor"})


def florence2(folder: Path) -> None:
    """Florence-2: an encoder for page and prompt, a decoder for the reply; asked by task tokens."""
    from transformers import Florence2Config

    image = {"image_token": "<image>"}
    text = tokenizer(folder, ["<image>", "<s>"], bos_token="<s>", extra_special_tokens=image)  # noqa: S106
    config = Florence2Config(
        text_config={
            "model_type": "bart",
            "d_model": 32,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 64,
            "decoder_ffn_dim": 64,
            "vocab_size": len(text),
            "max_position_embeddings": 4096,
            "bos_token_id": text.bos_token_id,
            "eos_token_id": text.eos_token_id,
            "pad_token_id": text.pad_token_id,
            "decoder_start_token_id": text.eos_token_id,
            "forced_eos_token_id": None,
        },
        vision_config={
            "depths": [1, 1, 1, 1],
            "embed_dim": [8, 16, 32, 32],
            "num_heads": [2, 2, 4, 4],
            "num_groups": [2, 2, 4, 4],
            "window_size": 4,
            "projection_dim": 32,
        },
        image_token_id=text.convert_tokens_to_ids("<image>"),
    )
    preprocessor = {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"height": 224, "width": 224},
        "do_center_crop": False,
        "image_seq_length": 50,
    }
    processor = {"processor_class": "Florence2Processor"}
    save(folder, config, text, preprocessor, "", processor)


def donut(folder: Path) -> None:
    """Donut: no prompt but a task token that the decoder starts with."""
    from transformers import VisionEncoderDecoderConfig

    text = tokenizer(folder, ["<s_cord-v2>", "</s_cord-v2>"])
    config = VisionEncoderDecoderConfig(
        encoder={
            "model_type": "donut-swin",
            "image_size": [128, 96],
            "embed_dim": 8,
            "depths": [1, 1],
            "num_heads": [2, 2],
            "window_size": 4,
            "patch_size": 4,
        },
        decoder={
            "model_type": "mbart",
            "d_model": 16,
            "decoder_layers": 1,
            "decoder_attention_heads": 2,
            "decoder_ffn_dim": 32,
            "vocab_size": len(text),
            "max_position_embeddings": 1024,
            "is_decoder": True,
            "add_cross_attention": True,
            "eos_token_id": text.eos_token_id,
            "pad_token_id": text.pad_token_id,
            "forced_eos_token_id": None,
        },
        decoder_start_token_id=text.convert_tokens_to_ids("<s_cord-v2>"),
        pad_token_id=text.pad_token_id,
    )
    preprocessor = {
        "image_processor_type": "DonutImageProcessor",
        "size": {"height": 128, "width": 96},
    }
    save(folder, config, text, preprocessor, "", {"processor_class": "DonutProcessor"})


def vipllava(folder: Path) -> None:
    from transformers import VipLlavaConfig

    text = tokenizer(folder, ["<image>"])
    config = VipLlavaConfig(
        text_config={"model_type": "llama", **TEXT, "vocab_size": len(text)},
        vision_config={**CLIP, "num_hidden_layers": 3, "image_size": 112, "patch_size": 14},
        image_token_index=text.convert_tokens_to_ids("<image>"),
        vision_feature_layers=[-2, -1],
    )
    preprocessor = {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 112},
        "crop_size": {"height": 112, "width": 112},
    }
    processor = {
        "processor_class": "LlavaProcessor",
        "patch_size": 14,
        "num_additional_image_tokens": 1,
        "vision_feature_select_strategy": "default",
        "image_token": "<image>",
    }
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", "<image>\n"), processor)


FAMILIES: dict[str, Callable[[Path], None]] = {
    made.__name__: made
    for made in (
        aya_vision,
        deepseek_vl,
        donut,
        florence2,
        glm46v,
        glm4v,
        glm_ocr,
        got_ocr2,
        granite_vision,
        idefics2,
        lighton_ocr,
        llava_onevision,
        mllama,
        ovis2,
        paddleocr_vl,
        vipllava,
    )
}
