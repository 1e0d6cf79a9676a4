"""One layer of attention over words and pages. No cache: each step reads everything again."""

import torch
from torch import nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from .configuration_stand_in import StandInConfig


class StandInForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = StandInConfig

    def __init__(self, config):
        super().__init__(config)
        self.words = nn.Embedding(config.vocab_size, config.hidden_size)
        self.pages = nn.Linear(
            3 * 28 * 7, config.hidden_size
        )  # a token is a strip of 7 lines of a crop
        self.attention = nn.MultiheadAttention(config.hidden_size, 4, batch_first=True)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size)
        self.post_init()

    def forward(
        self, input_ids, pixel_values=None, image_sizes=None, attention_mask=None, **kwargs
    ):
        assert self.config._attn_implementation == "eager", self.config._attn_implementation
        hidden = self.words(input_ids.clamp(min=0))
        if pixel_values is not None:
            strips = (
                pixel_values.unflatten(-2, (4, 7)).transpose(2, 3).flatten(3)
            )  # page, crop, strip, numbers
            for number, page in enumerate(self.pages(strips).flatten(1, 2), start=1):
                hidden[input_ids == -number] = (
                    page  # an error unless there are as many ids as strips
                )
        length = input_ids.shape[1]
        later = torch.ones(length, length, dtype=torch.bool, device=hidden.device).triu(1)
        seen, _ = self.attention(hidden, hidden, hidden, attn_mask=later, need_weights=False)
        return CausalLMOutput(logits=self.lm_head(hidden + seen))

    def prepare_inputs_for_generation(
        self, input_ids, pixel_values=None, image_sizes=None, **kwargs
    ):
        return {"input_ids": input_ids, "pixel_values": pixel_values, "image_sizes": image_sizes}
