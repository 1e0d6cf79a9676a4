"""Builds the checkpoint with the transformers of the interpreter that runs it: `-m
tests.phi3_stand_in.make FOLDER`."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.checkpoint_parts import tokenizer, write

TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
CODE = ("configuration_stand_in.py", "modeling_stand_in.py", "processing_stand_in.py")


def make(folder: Path) -> None:
    import torch

    from tests.phi3_stand_in.configuration_stand_in import StandInConfig
    from tests.phi3_stand_in.modeling_stand_in import StandInForCausalLM

    names: Any = ["input_ids", "attention_mask"]  # Llama's, whose tokenizer the hub's has
    text = tokenizer(
        folder,
        ["<|user|>", "<|assistant|>", "<|end|>"],
        chat_template=TEMPLATE,
        model_input_names=names,
    )
    torch.manual_seed(0)
    model = StandInForCausalLM(StandInConfig(vocab_size=len(text), attn_implementation="eager"))
    model.generation_config.eos_token_id = text.convert_tokens_to_ids("<|end|>")
    model.generation_config.pad_token_id = text.pad_token_id
    model.save_pretrained(folder)
    for name in CODE:
        shutil.copy(Path(__file__).parent / name, folder)
    names = {
        "AutoConfig": "configuration_stand_in.StandInConfig",
        "AutoModelForCausalLM": "modeling_stand_in.StandInForCausalLM",
    }
    add(folder / "config.json", auto_map=names, _attn_implementation="flash_attention_2")
    names = {
        "AutoProcessor": "processing_stand_in.StandInProcessor",
        "AutoImageProcessor": "processing_stand_in.StandInImageProcessor",
    }
    made = {"image_processor_type": "StandInImageProcessor", "processor_class": "StandInProcessor"}
    write(folder / "preprocessor_config.json", {**made, "num_img_tokens": 4, "auto_map": names})


def add(path: Path, **settings: Any) -> None:
    write(path, {**json.loads(path.read_text("utf-8")), **settings})


if __name__ == "__main__":
    make(Path(sys.argv[1]))
