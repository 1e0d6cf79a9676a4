"""Prints what the model reads on one invoice: python read_invoice.py INVOICE.pdf"""

import json
import sys
from pathlib import Path

from pages import render_pages
from transformers import AutoModelForImageTextToText, AutoProcessor

folder = Path(__file__).parent
settings = json.loads((folder / "settings.json").read_text("utf-8"))
prompt = (folder / "prompt.txt").read_text("utf-8")
checkpoint_kwargs = {
    "revision": settings["revision"],
    "trust_remote_code": settings["trust_remote_code"],
}

processor = AutoProcessor.from_pretrained(
    settings["model"], **checkpoint_kwargs, **settings["processor_kwargs"]
)
if settings["size"]:
    processor.image_processor.size = type(processor.image_processor.size)(**settings["size"])
model = AutoModelForImageTextToText.from_pretrained(
    settings["model"], **checkpoint_kwargs, **settings["load_kwargs"]
).eval()
if (
    "device_map" not in settings["load_kwargs"]
    and "quantization_config" not in settings["load_kwargs"]
):
    model = model.to(settings["device"])

template = settings["chat_template"]
template_text = processor.chat_template or processor.tokenizer.chat_template
if isinstance(template_text, dict):
    template_text = template_text[template["name"]]

page_images = render_pages(Path(sys.argv[1]), settings["pages"], settings["dpi"])
for images in [[page] for page in page_images] if settings["page_by_page"] else [page_images]:
    content = [{"type": "image"} for _ in images] + [{"type": "text", "text": prompt}]
    text = settings["form"].format(images=settings["image"] * len(images), text=prompt)
    if template["value"]:
        if template["content"] == "text":
            content = f"{settings['image']}\n" * len(images) + prompt
        message = [{"role": "user", "content": content}]
        text = processor.apply_chat_template(
            message,
            chat_template=template_text,
            add_generation_prompt=True,
            tokenize=False,
            **template["variables"],
        )
    bos_token = processor.tokenizer.bos_token
    has_bos_token = bos_token and text.startswith(bos_token)
    bos_kwargs = {"add_special_tokens": False} if has_bos_token else {}
    inputs = processor(images=images, text=[text], return_tensors="pt", **bos_kwargs)
    inputs = inputs.to(model.device, dtype=model.dtype)
    output = model.generate(**inputs, **settings["generation_kwargs"])[0]
    reply_start = 0 if model.config.is_encoder_decoder else inputs["input_ids"].shape[1]
    print(processor.decode(output[reply_start:], skip_special_tokens=True))
