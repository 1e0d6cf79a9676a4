"""Pages and words -> ids and pixels. A page is itself in small, then its upper and lower half:
three crops."""

import re
from typing import ClassVar

import numpy
import torch
from transformers import BatchFeature
from transformers.image_processing_utils import BaseImageProcessor
from transformers.processing_utils import ProcessorMixin

SIDE = 28


class StandInImageProcessor(BaseImageProcessor):
    model_input_names: ClassVar = ["pixel_values", "image_sizes", "num_img_tokens"]

    def __init__(self, num_img_tokens: int = 4, **kwargs):
        super().__init__(**kwargs)
        self.num_img_tokens = num_img_tokens

    def preprocess(self, images, return_tensors=None):
        pages = [numpy.stack([crop(page, box) for box in boxes(page)]) for page in images]
        return {
            "pixel_values": torch.from_numpy(numpy.stack(pages)),
            "image_sizes": torch.tensor([[page.height, page.width] for page in images]),
            "num_img_tokens": [self.num_img_tokens * len(page) for page in pages],
        }


def boxes(page):
    middle = page.height // 2
    return [(0, 0, *page.size), (0, 0, page.width, middle), (0, middle, *page.size)]


def crop(page, box):
    pixels = numpy.asarray(page.crop(box).resize((SIDE, SIDE)), dtype=numpy.float32)
    return pixels.transpose(2, 0, 1) / 255


class StandInProcessor(ProcessorMixin):
    attributes: ClassVar = ["image_processor", "tokenizer"]
    image_processor_class = "AutoImageProcessor"
    tokenizer_class = "AutoTokenizer"

    def __init__(self, image_processor, tokenizer):
        self.image_processor, self.tokenizer = image_processor, tokenizer
        self.img_tokens = [f"<|image_{number}|>" for number in range(1, 1001)]

    def __call__(self, text, images=None, return_tensors=None):
        if images is None:
            return BatchFeature(dict(self.tokenizer(text, return_tensors=return_tensors)))
        pixels = self.image_processor.preprocess(images)
        counts = pixels.pop("num_img_tokens")
        ids = []
        for piece in re.split(
            r"(<\|image_\d+\|>)", text
        ):  # of a list of texts it would be a TypeError
            place = re.fullmatch(r"<\|image_(\d+)\|>", piece)
            number = int(place[1]) if place else 0
            ids += [-number] * counts[number - 1] if place else self.tokenizer(piece).input_ids
        seen = {-i for i in ids if i < 0}
        assert seen == set(range(1, len(images) + 1)), f"{len(images)} pages, places {sorted(seen)}"
        ids = torch.tensor([ids])
        return BatchFeature({"input_ids": ids, "attention_mask": torch.ones_like(ids), **pixels})

    def batch_decode(self, *args, **kwargs):
        return self.tokenizer.batch_decode(*args, **kwargs)

    def decode(self, *args, **kwargs):
        return self.tokenizer.decode(*args, **kwargs)
