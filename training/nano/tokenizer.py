"""The tokenizer: a letter is a token, and so is each piece of JSON and each word that the prompts
are made of.

Values are read letter by letter, as the page shows them; keys and the prompt's own words cost one
token each, which keeps a prompt with a whole JSON Schema short.
"""

import json
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers import processors

# Mean and standard deviation of CLIP's training images, red, green and blue (of 1).
CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]
END, PAD, START = "<|im_end|>", "<|pad|>", "<|im_start|>"
VISION = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
LETTERS = (
    string.ascii_letters
    + string.digits
    + string.punctuation
    + " \n£€§°·«»–’"
    + "ÀÂÄÆÇÈÉÊËÎÏÔÖÙÛÜŒßàâäæçèéêëîïôöùûüœ"
)
KEYS = ("invoice_number", "issue_date", "due_date", "currency", "seller", "buyer", "totals", "name",
        "tax_id", "address", "net", "tax", "gross", "line_items", "description", "quantity",
        "unit_price", "amount", "title", "type", "format", "properties", "items",
        "x-vlm-lab")  # fmt: skip
VALUES = ("object", "string", "array", "date", "decimal", "Invoice", "identifier", "EUR", "GBP")
JSON = (*(f'"{key}": ' for key in KEYS), *(f'"{value}"' for value in VALUES), ", ", "{", "}", '"',
        *("\n" + " " * depth for depth in range(1, 16)))  # fmt: skip
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer(words: Sequence[str]) -> Any:
    """A fast tokenizer of letters, JSON's pieces and `words`, which count as one token only where
    they stand alone."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    specials = [PAD, END, START, "<|unknown|>", *VISION]
    letters = [letter for letter in dict.fromkeys(LETTERS) if letter not in JSON]
    vocabulary = {token: index for index, token in enumerate([*specials, *letters])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<|unknown|>"))  # noqa: S106 - no password
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    inner.decoder = decoders.Fuse()
    inner.add_special_tokens([AddedToken(token, special=True) for token in specials])
    inner.add_tokens([AddedToken(piece, normalized=False) for piece in JSON])
    inner.add_tokens([AddedToken(word, normalized=False, single_word=True) for word in words])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=inner, eos_token=END, pad_token=PAD, unk_token="<|unknown|>",  # noqa: S106
        additional_special_tokens=[START, *VISION],
    )  # fmt: skip


def prompt_words(prompts: Sequence[str]) -> list[str]:
    """The words of four letters and more that prompts are made of, and `assistant`, which the chat
    template writes."""
    words = {
        word
        for prompt in prompts
        for word in "".join(c if c.isalpha() else " " for c in prompt).split()
    }
    return sorted(word for word in words | {"assistant", "user"} if len(word) > 3)


def save_processor(
    folder: Path, words: Sequence[str], max_pixels: int, patch: int, merge: int
) -> Any:
    """Writes tokenizer, image settings and chat template where AutoProcessor finds them, and opens
    them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer(words).save_pretrained(folder)
    # The last four are what transformers assumes where they are missing; vLLM then assumes none.
    settings = {"image_processor_type": "Qwen2VLImageProcessor",
                "processor_class": "Qwen2VLProcessor", "min_pixels": (patch * merge) ** 2 * 16,
                "max_pixels": max_pixels, "patch_size": patch, "temporal_patch_size": 2,
                "merge_size": merge, "do_rescale": True, "do_normalize": True,
                "image_mean": CLIP_MEAN, "image_std": CLIP_STD}  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    (folder / "processor_config.json").write_text(
        json.dumps({"processor_class": "Qwen2VLProcessor"}, indent=1) + "\n"
    )
    (folder / "chat_template.jinja").write_text(CHAT)
    return processors.load_pretrained(folder, {})
