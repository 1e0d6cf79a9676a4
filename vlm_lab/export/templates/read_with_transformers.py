"""Prints what the model reads on one invoice: python read_invoice.py INVOICE.pdf"""

import argparse
import json
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PROMPT_VALUE = "{{ prompt }}"  # of a variable of the chat template: the prompt belongs there
sys.path.insert(0, str(FOLDER))  # pages.py and images_only.py, under `python -I`, too
# As it was measured: what is installed beside it must not choose another image processor.
os.environ.setdefault("TRANSFORMERS_NO_TORCHVISION_IMPORT", "1")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("invoice", type=Path, metavar="INVOICE", help="a PDF or a picture")
    invoice = parser.parse_args().invoice
    if not invoice.is_file():
        parser.error(f"{invoice}: no such file")
    settings = json.loads((FOLDER / "settings.json").read_text("utf-8"))
    reader = Reader(settings)
    for reply in reader.read(invoice):
        print(reply)


class Reader:
    """The model and its processor, loaded once."""

    def __init__(self, settings):
        from images_only import load_processor
        from transformers import AutoModelForImageTextToText

        self.settings = settings
        self.prompt = (FOLDER / "prompt.txt").read_text("utf-8")
        source = settings["model"]
        source = str(FOLDER / source) if source.startswith("./") else source
        checkpoint_kwargs = {
            "revision": settings["revision"],
            "trust_remote_code": settings["trust_remote_code"],
        }
        self.processor = load_processor(
            source, settings["processor_class"], **checkpoint_kwargs, **settings["processor_kwargs"]
        )
        if settings["size"]:
            image_processor = self.processor.image_processor
            image_processor.size = type(image_processor.size)(**settings["size"])
        load_kwargs = settings["load_kwargs"]
        self.model = AutoModelForImageTextToText.from_pretrained(
            source, **checkpoint_kwargs, **load_kwargs
        ).eval()
        if "device_map" not in load_kwargs and "quantization_config" not in load_kwargs:
            self.model = self.model.to(settings["device"])

    def read(self, invoice):
        """The reply to the invoice; of a model that is asked page by page one for each."""
        from pages import render_pages

        pages = render_pages(invoice, self.settings["pages"], self.settings["dpi"])
        prompts = [[page] for page in pages] if self.settings["page_by_page"] else [pages]
        return [self.generate(images) for images in prompts]

    def generate(self, images):
        text = self.build_chat_prompt(len(images))
        bos_token = self.processor.tokenizer.bos_token
        has_bos_token = bos_token and text.startswith(bos_token)
        bos_kwargs = {"add_special_tokens": False} if has_bos_token else {}
        inputs = self.processor(images=images, text=[text], return_tensors="pt", **bos_kwargs)
        inputs = inputs.to(self.model.device, dtype=self.model.dtype)
        output = self.model.generate(**inputs, **self.settings["generation_kwargs"])[0]
        is_encoder_decoder = self.model.config.is_encoder_decoder
        reply_start = 0 if is_encoder_decoder else inputs["input_ids"].shape[1]
        return self.processor.decode(output[reply_start:], skip_special_tokens=True)

    def build_chat_prompt(self, image_count):
        template, image_token = self.settings["chat_template"], self.settings["image"]
        if not template["value"]:
            return self.settings["form"].format(images=image_token * image_count, text=self.prompt)
        variables, words = template["variables"], self.prompt
        if PROMPT_VALUE in variables.values():
            variables = {
                name: words if value == PROMPT_VALUE else value for name, value in variables.items()
            }
            words = ""
        content = [{"type": "image"}] * image_count
        content += [{"type": "text", "text": words}] if words else []
        if template["content"] == "text":
            content = f"{image_token}\n" * image_count + words
        template_text = self.processor.chat_template or self.processor.tokenizer.chat_template
        if isinstance(template_text, dict):
            template_text = template_text[template["name"]]
        return self.processor.apply_chat_template(
            [{"role": "user", "content": content}],
            chat_template=template_text,
            add_generation_prompt=True,
            tokenize=False,
            **variables,
        )


if __name__ == "__main__":
    main()
