"""What really differs between families of vision-language models, by config.json's `model_type`.

transformers' chat templates and processors do most of the work; an entry here says only what they
do not: how many images a model takes, which processor setting is its pixel budget, which token
stands for a piece of an image and how many of them a page becomes. A new quirk is an entry of about
ten lines.

Valid on Python 3.9, needs neither torch nor transformers.
"""

from __future__ import annotations

from dataclasses import replace

from vlm_lab.backends.transformers.family import Family
from vlm_lab.backends.transformers.visual_tokens.anyres import (
    build_grids_budget,
    count_llava_next_tokens,
)
from vlm_lab.backends.transformers.visual_tokens.minicpm import (
    build_minicpm_budget,
    count_minicpm_tokens,
)
from vlm_lab.backends.transformers.visual_tokens.mllama import (
    build_mllama_budget,
    count_mllama_tokens,
    resize_mllama_page,
)
from vlm_lab.backends.transformers.visual_tokens.pixel_budgets import (
    build_gemma4_budget,
    build_glm5_budget,
    build_glm_budget,
    build_hunyuan_budget,
    build_pixtral_budget,
    build_qwen_budget,
    count_ernie_tokens,
    count_gemma4_tokens,
    count_glm5_tokens,
    count_glm_tokens,
    count_hunyuan_tokens,
    count_pixtral_tokens,
    count_qwen_tokens,
    rename_ernie_settings,
    rename_hunyuan_settings,
    rename_qwen_settings,
)
from vlm_lab.backends.transformers.visual_tokens.sizes import shrink_until_it_fits
from vlm_lab.backends.transformers.visual_tokens.squares import (
    build_idefics2_budget,
    count_gemma3_tokens,
    count_idefics2_tokens,
    count_llava_tokens,
    count_paligemma_tokens,
    count_square_tokens,
)
from vlm_lab.backends.transformers.visual_tokens.tiles import (
    build_deepseek_ocr_budget,
    build_docling_budget,
    build_edge_budget,
    build_tiles_budget,
    count_deepseek_ocr_tokens,
    count_docling_tokens,
    count_edge_tokens,
    count_internvl_tokens,
)

QWEN = Family(
    count_qwen_tokens,
    build_qwen_budget,
    rename_qwen_settings,
    image_placeholder="<|vision_start|><|image_pad|><|vision_end|>",
)
GLM = Family(
    count_glm_tokens,
    build_glm_budget,
    image_placeholder="<|begin_of_image|><|image|><|end_of_image|>",
)
MINICPM = Family(
    count_minicpm_tokens,
    build_minicpm_budget,
    image_placeholder="<|image_pad|>",
    resize=shrink_until_it_fits(count_minicpm_tokens),
)
TILED = {"crop_to_patches": True}
GOT_PROMPT = (
    "<|im_start|>system\n"
    "        You should follow the instructions carefully and help me with my tasks.<|im_end|>"
    "<|im_start|>user\n{images}\n{text}<|im_end|><|im_start|>assistant\n"
)
FAMILIES = {
    "aya_vision": Family(
        count_internvl_tokens,
        build_tiles_budget,
        visual_token_keys=("image_token_index",),
        processor_settings=TILED,
    ),
    "cohere_compass": replace(
        QWEN, image_placeholder="<|VISION_START|><|IMAGE_PAD|><|VISION_END|>"
    ),
    "deepseek_ocr2": Family(
        count_deepseek_ocr_tokens,
        build_deepseek_ocr_budget,
        processor_settings={"crop_to_patches": True, "min_patches": 2, "max_patches": 6},
    ),
    "deepseek_vl": Family(count_square_tokens, image_placeholder="<image_placeholder>"),
    "ernie4_5_vl_moe": Family(
        count_ernie_tokens,
        build_qwen_budget,
        rename_ernie_settings,
        "<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>",
    ),
    "exaone4_5": QWEN,
    # Florence 2 is asked by a task token alone: <OCR>
    "florence2": Family(
        image_placeholder="",
        prompt_format="{text}",
        multi_image=False,
        is_chat=False,
        decodes_as_made=True,
    ),
    "gemma3": Family(
        count_gemma3_tokens,
        image_placeholder="<start_of_image>",
        processor_settings={
            "do_pan_and_scan": False,
            "pan_and_scan_min_crop_size": 256,
            "pan_and_scan_max_num_crops": 4,
            "pan_and_scan_min_ratio_to_activate": 1.2,
        },
    ),
    "gemma4": Family(count_gemma4_tokens, build_gemma4_budget, image_placeholder="<|image|>"),
    "glm46v": GLM,
    "glm4v": GLM,
    "glm4v_moe": GLM,
    "glm5_next": replace(GLM, count_tokens=count_glm5_tokens, build_budget=build_glm5_budget),
    "glm_ocr": GLM,
    "got_ocr2": Family(
        image_placeholder="<img><imgpad></img>",
        prompt_format=GOT_PROMPT,
        multi_image=False,
        is_chat=False,
    ),
    "granite4_vision": Family(
        count_llava_next_tokens, build_grids_budget, shared_config_keys=("image_grid_pinpoints",)
    ),
    "granite_docling": Family(count_docling_tokens, build_docling_budget),
    "hunyuan_vl": Family(
        count_hunyuan_tokens,
        build_hunyuan_budget,
        rename_hunyuan_settings,
        resize=shrink_until_it_fits(count_hunyuan_tokens),
    ),
    "hyperclovax_vision_v2": QWEN,
    "idefics2": Family(count_idefics2_tokens, build_idefics2_budget),
    "idefics3": Family(count_edge_tokens, build_edge_budget),
    "internvl": Family(
        count_internvl_tokens,
        build_tiles_budget,
        image_placeholder="<IMG_CONTEXT>",
        processor_settings=TILED,
    ),
    "lfm3_vl": QWEN,
    "lighton_ocr": Family(
        count_pixtral_tokens, build_pixtral_budget, image_placeholder="<|image_pad|>"
    ),
    "llava": Family(count_llava_tokens, prompt_format="USER: {images}\n{text} ASSISTANT:"),
    "llava_next": Family(
        count_llava_next_tokens,
        build_grids_budget,
        prompt_format="[INST] {images}\n{text} [/INST]",
        shared_config_keys=("image_grid_pinpoints",),
    ),
    "llava_onevision": Family(
        build_budget=build_grids_budget, shared_config_keys=("image_grid_pinpoints",)
    ),
    "minicpmv4_6": MINICPM,
    "minicpmv4_7": MINICPM,
    "mllama": Family(
        count_mllama_tokens,
        build_mllama_budget,
        image_placeholder="<|image|>",
        resize=resize_mllama_page,
    ),
    "ovis2": Family(build_budget=build_tiles_budget),
    "paddleocr_vl": Family(
        count_qwen_tokens,
        build_qwen_budget,
        rename_qwen_settings,
        "<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>",
    ),
    "paligemma": Family(count_paligemma_tokens, is_chat=False),
    "qianfan_ocr": Family(count_internvl_tokens, build_tiles_budget, processor_settings=TILED),
    "qwen2_vl": QWEN,
    "qwen2_5_vl": QWEN,
    "qwen3_5": QWEN,
    "qwen3_5_moe": QWEN,
    "qwen3_vl": QWEN,
    "qwen3_vl_moe": QWEN,
    "smolvlm": Family(count_edge_tokens, build_edge_budget),
    "vipllava": Family(count_square_tokens),
    # Donut: <s_cord-v2>
    "vision-encoder-decoder": Family(
        image_placeholder="",
        prompt_format="{text}",
        multi_image=False,
        postprocess_method="token2json",
        is_chat=False,
        decodes_as_made=True,
    ),
}
UNKNOWN_FAMILY = Family()  # what holds for most
# Native in transformers 5, but the class named here needs torchvision, which the suite does
# without.
NEED_TORCHVISION = {
    "cohere2_vision": "Cohere2VisionImageProcessor",
    "gemma4_unified": "Gemma4UnifiedImageProcessor",
    "kimi_k25": "Kimi_K25ImageProcessor",
    "lfm2_vl": "Lfm2VlImageProcessor",
    "llama4": "Llama4ImageProcessor",
    "minicpm_ocr": "MiniCPMOcrImageProcessor",
    "mistral3": "PixtralProcessor",
    "molmo2": "Molmo2ImageProcessor",
    "nemotron_h_omni": "NemotronH_Omni_Reasoning_V3ImageProcessor",
    "pixtral": "PixtralProcessor",
    "step3p7": "Step3p7ImageProcessor",
    "unlimited_ocr": "UnlimitedOcrImageProcessor",
}
