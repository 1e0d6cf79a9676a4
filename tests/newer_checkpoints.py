"""Tiny random checkpoints of the families of 2026, made of `tests.checkpoint_parts`.

.venv/bin/python -m tests.checkpoints gemma4 FOLDER
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.checkpoint_parts import (
    CHAT,
    GLM_IMAGE,
    GLM_TOKENS,
    LAYERS,
    QWEN_IMAGE,
    QWEN_TOKENS,
    SIGLIP,
    TEXT,
    TILES,
    compute_head_size,
    find_ids,
    mrope,
    named_tokenizer,
    save,
    special_ids,
    tokenizer,
    write,
)
from tests.checkpoints import qwen
from tests.more_checkpoints import glm

QWEN3_5_TEXT = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}
QWEN3_5_VISION = {
    "depth": 2,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_heads": 4,
    "out_hidden_size": 32,
    "num_position_embeddings": 64,
}


def add_to_text(config_class: Any, settings: dict[str, Any]) -> Callable[..., Any]:
    """A config with further settings of its language model."""

    def make(text_config: dict[str, Any], **kwargs: Any) -> Any:
        return config_class(text_config={**text_config, **settings}, **kwargs)

    return make


def qwen3_5(folder: Path) -> None:
    """Qwen3.5, 3.6 and NuExtract3: three layers of four attend in linear time."""
    from transformers import Qwen3_5Config

    make = add_to_text(Qwen3_5Config, {**QWEN3_5_TEXT, "partial_rotary_factor": 1.0})
    qwen(folder, make, QWEN3_5_VISION, "Qwen3VLProcessor", 16)


def qwen3_5_moe(folder: Path) -> None:
    from transformers import Qwen3_5MoeConfig

    experts = {
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
    }
    settings = {**QWEN3_5_TEXT, **experts, "partial_rotary_factor": 1.0}
    qwen(
        folder,
        add_to_text(Qwen3_5MoeConfig, settings),
        QWEN3_5_VISION,
        "Qwen3VLProcessor",
        16,
    )


def qwen3_vl_moe(folder: Path) -> None:
    from transformers import Qwen3VLMoeConfig

    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    vision = {**QWEN3_5_VISION, "deepstack_visual_indexes": [0]}
    make = add_to_text(Qwen3VLMoeConfig, experts)
    qwen(folder, make, vision, "Qwen3VLProcessor", 16)


def glm4v_moe(folder: Path) -> None:
    from transformers import Glm4vMoeConfig

    experts = {
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "head_dim": compute_head_size(),
    }
    glm(folder, Glm4vMoeConfig, "Glm4v", experts, {})


def exaone4_5(folder: Path) -> None:
    """EXAONE 4.5: Qwen2.5-VL's pages, LG's language model."""
    from transformers import Exaone4_5_Config

    language = {
        "model_type": "exaone4",
        "layer_types": ["sliding_attention", "full_attention"],
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    }
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 4,
        "num_key_value_heads": 2,
        "out_hidden_size": 32,
        "fullatt_block_indexes": [1],
    }
    make = add_to_text(Exaone4_5_Config, language)
    qwen(folder, without_vision_ends(make), vision, "Exaone4_5_Processor", 14)


def hyperclovax_vision_v2(folder: Path) -> None:
    """HyperCLOVA X: Qwen2.5-VL's vision tower, Naver's language model."""
    from transformers import HyperCLOVAXVisionV2Config

    language = {
        "model_type": "hyperclovax",
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    }
    vision = {
        "model_type": "qwen2_5_vl_vision",
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 4,
        "out_hidden_size": 32,
        "fullatt_block_indexes": [1],
    }
    make = add_to_text(HyperCLOVAXVisionV2Config, language)
    qwen(folder, without_vision_ends(make), vision, "HyperCLOVAXVisionV2Processor", 14)


def without_vision_ends(make: Callable[..., Any]) -> Callable[..., Any]:
    """A config that does not name the tokens around a page."""

    def make_config(vision_start_token_id: int, vision_end_token_id: int, **kwargs: Any) -> Any:
        return make(**kwargs)

    return make_config


def lfm3_vl(folder: Path) -> None:
    """LFM3-VL: Qwen's pages, a language model of convolutions and attention in turn."""
    from transformers import Lfm3VlConfig

    text = tokenizer(folder, [*QWEN_TOKENS.values()])
    config = Lfm3VlConfig(
        text_config={
            "model_type": "lfm3",
            **TEXT,
            **special_ids(text),
            "head_dim": compute_head_size(),
            "layer_types": ["conv", "full_attention"],
        },
        vision_config={
            **LAYERS,
            "num_key_value_heads": 2,
            "layer_types": ["conv", "full_attention"],
        },
        **find_ids(text, QWEN_TOKENS),
        projector_hidden_size=32,
    )
    template = CHAT.replace("IMAGE", QWEN_IMAGE)
    preprocessor = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "size": {"shortest_edge": 3136, "longest_edge": 200704},
        "patch_size": 16,
        "temporal_patch_size": 2,
        "merge_size": 2,
    }
    save(folder, config, text, preprocessor, template, {"processor_class": "Lfm3VlProcessor"})


def cohere_compass(folder: Path) -> None:
    from transformers import CohereCompassConfig

    names = ["<|VISION_START|>", "<|VISION_END|>", "<|IMAGE_PAD|>", "<|VIDEO_PAD|>"]
    text = tokenizer(folder, names)
    start, end, image, video = text.convert_tokens_to_ids(names)
    rope = {"rope_type": "default", "mrope_section": mrope(), "rope_theta": 1e6}
    config = CohereCompassConfig(
        text_config={
            **TEXT,
            **special_ids(text),
            "logit_scale": 1.0,
            "layer_types": ["full_attention", "full_attention"],
            "rope_parameters": {"full_attention": rope},
        },
        vision_config={**QWEN3_5_VISION, "patch_size": 16, "deepstack_visual_indexes": [0]},
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    template = CHAT.replace("IMAGE", "<|VISION_START|><|IMAGE_PAD|><|VISION_END|>")
    preprocessor = {
        "image_processor_type": "CohereCompassImageProcessor",
        "min_pixels": 3136,
        "max_pixels": 200704,
        "patch_size": 16,
    }
    processor = {"processor_class": "CohereCompassProcessor"}
    save(folder, config, text, preprocessor, template, processor)


def ernie4_5_vl_moe(folder: Path) -> None:
    """ERNIE 4.5 VL: Qwen's pages, other experts for them than for words."""
    from transformers import Ernie4_5_VLMoeConfig

    names = [
        "<|IMAGE_START|>",
        "<|IMAGE_END|>",
        "<|IMAGE_PLACEHOLDER|>",
        "<|VIDEO_START|>",
        "<|VIDEO_END|>",
        "<|VIDEO_PLACEHOLDER|>",
    ]
    roles = [
        f"{kind}_{part}token" for kind in ("image", "video") for part in ("start_", "end_", "")
    ]
    text = named_tokenizer(folder, roles, names)
    ids = dict(
        zip((f"{role}_id" for role in roles), text.convert_tokens_to_ids(names), strict=True)
    )
    rope = {"rope_type": "default", "mrope_section": mrope(), "rope_theta": 5e5}
    config = Ernie4_5_VLMoeConfig(
        text_config={
            **TEXT,
            **special_ids(text),
            "rope_parameters": rope,
            "moe_num_experts": 4,
            "moe_k": 2,
            "moe_intermediate_size": [16, 16],
        },
        vision_config={"depth": 2, "hidden_size": 32, "num_heads": 4, "intermediate_size": 64},
        **ids,
    )
    template = CHAT.replace("IMAGE", "<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>")
    preprocessor = {
        "image_processor_type": "Ernie4_5_VLMoeImageProcessor",
        "size": {"shortest_edge": 3136, "longest_edge": 200704},
    }
    processor = {"processor_class": "Ernie4_5_VLMoeProcessor"}
    save(folder, config, text, preprocessor, template, processor)


def glm5_next(folder: Path) -> None:
    """GLM 5.3 Flash: sides rounded up, and padding instead of another shape."""
    from transformers import Glm5NextConfig

    text = tokenizer(folder, [*GLM_TOKENS.values()])
    config = Glm5NextConfig(
        text_config={
            **TEXT,
            **special_ids(text),
            "num_key_value_heads": 4,
            "layer_types": ["linear_attention", "indexed_attention"],
            "mlp_layer_types": ["dense", "sparse"],
            "indexer_types": ["full", "full"],
            "moe_intermediate_size": 16,
            "n_routed_experts": 4,
            "num_experts_per_tok": 2,
            "kv_lora_rank": 16,
            "q_lora_rank": 16,
            "v_head_dim": 8,
            "qk_nope_head_dim": 8,
            "index_head_dim": 8,
            "index_n_heads": 2,
            "linear_head_dim": 8,
            "linear_num_heads": 4,
            "hc_mult": 2,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "num_heads": 4,
            "intermediate_size": 64,
            "out_hidden_size": 32,
            "image_size": 112,
            "projection_intermediate_size": 64,
        },
        **find_ids(text, GLM_TOKENS),
    )
    preprocessor = {
        "image_processor_type": "Glm5NextImageProcessor",
        "min_image_tokens": 16,
        "max_image_tokens": 256,
    }
    template = CHAT.replace("IMAGE", GLM_IMAGE)
    save(folder, config, text, preprocessor, template, {"processor_class": "Glm5NextProcessor"})


def gemma4(folder: Path) -> None:
    """Gemma 4: a page keeps its shape, and is enlarged until it has all tokens of the budget."""
    from transformers import Gemma4Config

    roles = ["boi_token", "eoi_token", "image_token", "boa_token", "eoa_token", "audio_token"]
    names = ["<|image>", "<image|>", "<|image|>", "<|audio>", "<audio|>", "<|audio|>"]
    text = named_tokenizer(folder, roles, names)
    start, end, image, *_ = text.convert_tokens_to_ids(names)
    config = Gemma4Config(
        text_config={
            **TEXT,
            **special_ids(text),
            "vocab_size": len(text) + 1,
            "head_dim": compute_head_size(),
            "global_head_dim": 2 * compute_head_size(),
            "layer_types": ["sliding_attention", "full_attention"],
            "vocab_size_per_layer_input": len(text) + 1,
            "hidden_size_per_layer_input": 8,
        },
        vision_config={**LAYERS, "num_key_value_heads": 4, "head_dim": compute_head_size()},
        image_token_id=image,
        boi_token_id=start,
        eoi_token_id=end,
        video_token_id=len(text),
    )
    preprocessor = {"image_processor_type": "Gemma4ImageProcessor", "max_soft_tokens": 280}
    processor = {"processor_class": "Gemma4Processor", "image_seq_length": 280}
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", "<|image|>"), processor)
    feature_extractor = {"feature_extractor_type": "Gemma4AudioFeatureExtractor"}
    write(
        folder / "processor_config.json",
        {**processor, "image_processor": preprocessor, "feature_extractor": feature_extractor},
    )


def granite4_vision(folder: Path) -> None:
    """Granite Vision 4: LLaVA-NeXT's tiles, their patches condensed in windows."""
    from transformers import Granite4VisionConfig

    text = tokenizer(folder, ["<image>"])
    grid = [[128, 256], [256, 128], [256, 256], [384, 128], [128, 384]]
    config = Granite4VisionConfig(
        text_config={**TEXT, **special_ids(text)},
        vision_config={
            **SIGLIP,
            "hidden_size": 64,
            "image_size": 128,
            "patch_size": 8,
            "vision_use_head": False,
        },
        qformer_config={
            "model_type": "blip_2_qformer",
            "num_hidden_layers": 1,
            "intermediate_size": 64,
            "cross_attention_frequency": 1,
            "use_qformer_text_input": False,
        },
        image_token_index=text.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=grid,
        vision_feature_select_strategy="full",
        downsample_rate="2/4",
        deepstack_layer_map=[[-2, 0]],
        spatial_target_layers=[0, 0, 1, 1],
    )
    preprocessor = {
        "image_processor_type": "LlavaNextImageProcessor",
        "size": {"height": 128, "width": 128},
        "image_grid_pinpoints": grid,
        "crop_size": {"height": 128, "width": 128},
    }
    processor = {
        "processor_class": "Granite4VisionProcessor",
        "patch_size": 8,
        "image_token": "<image>",
        "vision_feature_select_strategy": "full",
        "downsample_rate": "2/4",
    }
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", "<image>\n"), processor)


def granite_docling(folder: Path) -> None:
    """Granite for Docling: tiles named by row and column, and the page as a whole."""
    from transformers import GraniteDoclingConfig

    places = [f"<row_{row}_col_{column}>" for row in range(1, 17) for column in range(1, 17)]
    text = tokenizer(folder, ["<image>", "<fake_token_around_image>", "<global-img>", *places])
    config = GraniteDoclingConfig(
        text_config={**TEXT, **special_ids(text)},
        vision_config={
            **LAYERS,
            "image_size": 128,
            "patch_size": 16,
            "scale_factor": 2,
            "out_hidden_size": 32,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=text.convert_tokens_to_ids("<image>"),
        pad_token_id=text.pad_token_id,
    )
    preprocessor = {
        "image_processor_type": "GraniteDoclingImageProcessor",
        "size": {"height": 128, "width": 128},
        "max_patches": 12,
    }
    processor = {"processor_class": "GraniteDoclingProcessor", "image_seq_len": 16}
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", "<image>"), processor)


def hunyuan_vl(folder: Path) -> None:
    """HunyuanOCR: Qwen's pages, and a token at the end of each row."""
    from transformers import HunYuanVLConfig

    roles = ["image_start_token", "image_end_token", "image_token"]
    names = ["<img_start>", "<img_end>", "<image>"]
    text = named_tokenizer(folder, roles, names)
    start, end, image = text.convert_tokens_to_ids(names)
    config = HunYuanVLConfig(
        text_config={
            **TEXT,
            **special_ids(text),
            "head_dim": 16,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e4,
                "mrope_section": [2, 2, 2, 2],
            },
        },
        vision_config={**LAYERS, "out_hidden_size": 32, "max_image_size": 448},
        image_token_id=image,
        im_start_id=start,
        im_end_id=end,
        im_newline_id=image,
    )
    preprocessor = {
        "image_processor_type": "HunYuanVLImageProcessor",
        "min_pixels": 65536,
        "max_pixels": 262144,
        "patch_size": 16,
        "merge_size": 2,
    }
    template = CHAT.replace("IMAGE", "".join((names[0], names[2], names[1])))
    save(folder, config, text, preprocessor, template, {"processor_class": "HunYuanVLProcessor"})


def deepseek_ocr2(folder: Path) -> None:
    """DeepSeek-OCR 2: the numbers of tokens are those of its code, 144 a tile and 256 for the
    page."""
    from transformers import DeepseekOcr2Config

    text = tokenizer(folder, ["<image>"], extra_special_tokens={"image_token": "<image>"})
    config = DeepseekOcr2Config(
        text_config={
            **TEXT,
            **special_ids(text),
            "n_routed_experts": 4,
            "n_shared_experts": 1,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 16,
            "mlp_layer_types": ["dense", "sparse"],
        },
        vision_config={
            "sam_config": {
                "hidden_size": 16,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "output_channels": 16,
                "downsample_channels": [16, 32],
                "global_attn_indexes": [],
            },
            "encoder_config": {**LAYERS, "num_key_value_heads": 2},
        },
        image_token_id=text.convert_tokens_to_ids("<image>"),
    )
    preprocessor = {
        "image_processor_type": "DeepseekOcr2ImageProcessor",
        "size": {"height": 1024, "width": 1024},
        "tile_size": 768,
    }
    processor = {"processor_class": "DeepseekOcr2Processor"}
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", "<image>\n"), processor)


def minicpm(folder: Path, config_class: Any, kind: str) -> None:
    """MiniCPM-V 4.6 and 4.7: the page and slices of it, each with its own shape."""
    roles = [
        "image_token",
        "video_token",
        "image_start_token",
        "image_end_token",
        "slice_start_token",
        "slice_end_token",
        "image_id_start_token",
        "image_id_end_token",
    ]
    names = [
        "<|image_pad|>",
        "<|video_pad|>",
        "<image>",
        "</image>",
        "<slice>",
        "</slice>",
        "<image_id>",
        "</image_id>",
    ]
    text = named_tokenizer(folder, roles, names)
    image, video, *borders = text.convert_tokens_to_ids(names)
    rope = {"rope_type": "default", "mrope_section": mrope(), "rope_theta": 1e6}
    places = {}
    if kind == "MiniCPMV4_7":
        keys = ("image_start_id", "image_end_id", "slice_start_id", "slice_end_id")
        newline = text("\n")["input_ids"][0]
        places = {**dict(zip(keys, borders, strict=False)), "newline_id": newline}
    config = config_class(
        text_config={
            "model_type": "qwen3_5_text",
            **TEXT,
            **special_ids(text),
            **QWEN3_5_TEXT,
            "head_dim": compute_head_size(),
            "rope_parameters": rope,
            "partial_rotary_factor": 1.0,
        },
        vision_config={**LAYERS, "image_size": 224, "patch_size": 14},
        insert_layer_id=0,
        image_token_id=image,
        video_token_id=video,
        **places,
    )
    preprocessor = {
        "image_processor_type": "MiniCPMV4_6ImageProcessor",
        "scale_resolution": 224,
        "max_slice_nums": 9,
        "patch_size": 14,
    }
    processor = {"processor_class": f"{kind}Processor"}
    save(folder, config, text, preprocessor, CHAT.replace("IMAGE", "<|image_pad|>"), processor)


def minicpmv4_6(folder: Path) -> None:
    from transformers import MiniCPMV4_6Config

    minicpm(folder, MiniCPMV4_6Config, "MiniCPMV4_6")


def minicpmv4_7(folder: Path) -> None:
    from transformers import MiniCPMV4_7Config

    minicpm(folder, MiniCPMV4_7Config, "MiniCPMV4_7")


def qianfan_ocr(folder: Path) -> None:
    """Qianfan-OCR: InternVL's tiles."""
    from transformers import QianfanOCRConfig

    roles = ["start_image_token", "end_image_token", "context_image_token"]
    names = ["<img>", "</img>", "<IMG_CONTEXT>"]
    text = named_tokenizer(folder, roles, names)
    config = QianfanOCRConfig(
        text_config={
            "model_type": "qwen3",
            **TEXT,
            **special_ids(text),
            "head_dim": compute_head_size(),
        },
        vision_config={**LAYERS, "image_size": [112, 112], "patch_size": [14, 14]},
        image_token_id=text.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=16,
    )
    processor = {"processor_class": "QianfanOCRProcessor", "image_seq_length": 16}
    save(folder, config, text, TILES, CHAT.replace("IMAGE", "<image>\n"), processor)


FAMILIES: dict[str, Callable[[Path], None]] = {
    made.__name__: made
    for made in (
        cohere_compass,
        deepseek_ocr2,
        ernie4_5_vl_moe,
        exaone4_5,
        gemma4,
        glm4v_moe,
        glm5_next,
        granite4_vision,
        granite_docling,
        hunyuan_vl,
        hyperclovax_vision_v2,
        lfm3_vl,
        minicpmv4_6,
        minicpmv4_7,
        qianfan_ocr,
        qwen3_5,
        qwen3_5_moe,
        qwen3_vl_moe,
    )
}
