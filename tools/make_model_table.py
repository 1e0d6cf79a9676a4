"""docs/models.md, from the table of families and the checkpoints that the tests build.

.venv/bin/python tools/make_model_table.py
"""

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests import checkpoints, more_checkpoints
from vlm_lab.backends.transformers import families

PAGE = Path(__file__).parents[1] / "docs" / "models.md"
HEAD = """# Families of models

Made by `tools/make_model_table.py`; do not edit. Any other model that transformers'
`AutoModelForImageTextToText` loads is tried the same way, without the columns below.

- **checked**: a tiny random checkpoint with the family's own classes of model, processor and
  tokenizer is loaded as a user's is and reads pages of four shapes
  (tests/backends/transformers/test_families.py). Weights of the hub were not run.
- **tokens**: visual tokens are predicted from JSON files, and the prediction equals what the
  checkpoint counts.
- **budget**: `processor_kwargs: {max_visual_tokens: N}` works: no page becomes more than N tokens.
  Where a family's smallest page is larger, loading is refused with that number. For LLaVA-NeXT and
  OneVision the arrangements of tiles that do not fit are left out, for Mllama a page is shrunk
  until its tiles fit.
- **pages**: how many images a prompt takes; with one, set `pages: each`.

| model_type | for example | checked | tokens | budget | pages | remarks |
|---|---|---|---|---|---|---|
"""
# The entry of the table where a checkpoint is called otherwise.
TYPES = {"donut": "vision-encoder-decoder", "granite_vision": "llava_next"}
NOTES = {
    "aya_vision": ("CohereLabs/aya-vision-8b", "square tiles and the page as a whole"),
    "deepseek_vl": ("deepseek-community/deepseek-vl-1.3b-chat", "every page is one square"),
    "donut": ("naver-clova-ix/donut-base-finetuned-cord-v2",
              "the prompt is its task token, its tags become JSON"),
    "florence2": ("florence-community/Florence-2-base",
                  "the prompt is a task token alone: `<OCR>`"),
    "gemma3": ("google/gemma-3-4b-it", "every page is one square"),
    "glm46v": ("zai-org/GLM-4.6V-Flash", ""),
    "glm4v": ("zai-org/GLM-4.1V-9B-Thinking", ""),
    "glm_ocr": ("zai-org/GLM-OCR", ""),
    "got_ocr2": ("stepfun-ai/GOT-OCR-2.0-hf",
                 "256 tokens a page; transcribes, takes no instructions"),
    "granite_vision": ("ibm-granite/granite-vision-3.3-2b", "LLaVA-NeXT with SigLIP"),
    "idefics2": ("HuggingFaceM4/idefics2-8b", "64 tokens, or 320 where a page is split"),
    "idefics3": ("HuggingFaceM4/Idefics3-8B-Llama3", "Granite-Docling-258M, too"),
    "internvl": ("OpenGVLab/InternVL3-2B-hf", "square tiles and the page as a whole"),
    "lighton_ocr": ("lightonai/LightOnOCR-1B-1025", "transcribes, takes no instructions"),
    "llava": ("llava-hf/llava-1.5-7b-hf", "its processor crops a page to the middle square"),
    "llava_next": ("llava-hf/llava-v1.6-mistral-7b-hf",
                   "tiles and the page as a whole; 1,752 is least"),
    "llava_onevision": ("llava-hf/llava-onevision-qwen2-7b-ov-hf",
                        "tiles and the page as a whole; 1,485 is least"),
    "mllama": ("meta-llama/Llama-3.2-11B-Vision-Instruct",
               "by cross attention, one token in the prompt; 1,601 a tile"),
    "ovis2": ("thisisiron/Ovis2-2B-hf", "square tiles and the page as a whole"),
    "paddleocr_vl": ("PaddlePaddle/PaddleOCR-VL", "prompts are task words: `OCR:`"),
    "paligemma": ("google/paligemma2-3b-pt-448", "every page is one square; no chat template"),
    "qwen2_vl": ("Qwen/Qwen2-VL-2B-Instruct", ""),
    "qwen2_5_vl": ("Qwen/Qwen2.5-VL-3B-Instruct", ""),
    "qwen3_vl": ("Qwen/Qwen3-VL-4B-Instruct", ""),
    "smolvlm": ("HuggingFaceTB/SmolVLM-Instruct", ""),
    "vipllava": ("llava-hf/vip-llava-7b-hf", "its processor crops a page to the middle square"),
}  # fmt: skip


def rows() -> Iterator[str]:
    for name in sorted({**checkpoints.FAMILIES, **more_checkpoints.FAMILIES}):
        entry = families.FAMILIES[TYPES.get(name, name)]
        tokens, budget = (
            "yes" if known else "-" for known in (entry.count_tokens, entry.build_budget)
        )
        example, remark = NOTES[name]
        many = "several" if entry.multi_image else "one"
        columns = (TYPES.get(name, name), example, "yes", tokens, budget, many, remark)
        yield f"| {' | '.join(columns)} |"
    for name, needs in families.NEED_TORCHVISION.items():
        yield f"| {name} | | no | - | - | | transformers' {needs} needs torchvision |"
    yield (
        "| phi3_v | microsoft/Phi-3-vision-128k-instruct | a stand-in | - | - | several | "
        "own code, an interpreter of its own (`scripts/vlm-lab models env NAME`): a stand-in "
        "with code in its form ran under transformers 4.40 (tests/test_other_interpreter.py); "
        "torchvision, which the real code needs, was not proven |"
    )


def text() -> str:
    return HEAD + "\n".join(rows()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(text(), "utf-8")
