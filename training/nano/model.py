"""The model: Qwen2-VL's own class at four million parameters, and the head that teaches its vision
tower letters."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.nano.rendering import MERGE, PATCH, Picture
from training.nano.tokenizer import LETTERS, VISION

WIDTH, HEADS, LAYERS = 192, 6, 6
SLOTS = 8
POINTING = tuple(
    range(1, LAYERS)
)  # each sees where the one before it looked for the letters before: how far it is
POINTERS = 4  # of such a layer's heads; the others look where they like
TURNS = (*[1] * 16, 0, 0)
"""How many of a head's frequencies, high to low, go to time, height and width in turn. Qwen2-VL's
own share, a block for each, leaves width the lowest, by which columns are hardly told apart;
Qwen3-VL takes turns, too."""
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def build(tokenizer: Any) -> Any:
    """A Qwen2VLForConditionalGeneration with random weights for this tokenizer."""
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    start, end, image, video = tokenizer.convert_tokens_to_ids(list(VISION))
    rope = {"rope_type": "default", "mrope_section": list(TURNS), "rope_theta": 10000.0}
    text = {"hidden_size": WIDTH, "intermediate_size": 512, "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS, "num_key_value_heads": HEADS,
            "max_position_embeddings": 4096, "vocab_size": len(tokenizer), "rope_parameters": rope,
            "bos_token_id": None, "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id}  # fmt: skip
    vision = {"depth": 4, "embed_dim": 128, "hidden_size": WIDTH, "num_heads": 4, "mlp_ratio": 4,
              "patch_size": PATCH, "spatial_merge_size": MERGE}  # fmt: skip
    config = Qwen2VLConfig(
        text_config=text, vision_config=vision, image_token_id=image, video_token_id=video,
        vision_start_token_id=start, vision_end_token_id=end, tie_word_embeddings=True,
    )  # fmt: skip
    model = Qwen2VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def opened(folder: Path) -> Any:
    """A checkpoint to go on from, in the precision that training wants. transformers itself reads
    it: the names of weights in the file are not those of the model in memory."""
    from transformers import Qwen2VLForConditionalGeneration

    model: Any = Qwen2VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    for part in (model.config.text_config, model.config.vision_config):
        part.dtype = None  # said here, it would ship beside weights of another precision
    return model


class LetterHead(nn.Module):
    """For each visual token, which letters have their centres in its cell: four in its upper half,
    four in its lower half, from left to right; class 0 is none. With three, one in two hundred
    letters of a name had no place."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = len(LETTERS) + 1
        self.linear = nn.Linear(WIDTH, SLOTS * self.classes)

    def forward(self, features: Tensor) -> Tensor:
        """(tokens, width) to (tokens, slots, classes)."""
        scores: Tensor = self.linear(features)
        return scores.view(-1, SLOTS, self.classes)


def letter_targets(picture: Picture) -> NDArray[np.int64]:
    """(rows, columns, slots) of classes."""
    cell = PATCH * MERGE
    rows, columns = picture.pixels.shape[0] // cell, picture.pixels.shape[1] // cell
    targets = np.zeros((rows, columns, SLOTS), np.int64)
    filled = np.zeros((rows, columns, 2), np.int64)
    for index in np.argsort(picture.centres[:, 0]):
        x, y = picture.centres[index] / cell
        row, column, half = int(y), int(x), int(y * 2) % 2
        if 0 <= row < rows and 0 <= column < columns and filled[row, column, half] < SLOTS // 2:
            slot = half * SLOTS // 2 + filled[row, column, half]
            targets[row, column, slot] = LETTERS.find(picture.letters[index]) + 1
            filled[row, column, half] += 1
    return targets


def patches(images: Sequence[NDArray[np.uint8]]) -> tuple[Tensor, Tensor]:
    """(patches, 384) and (images, 3) grids of images of one size, as Qwen2VLImageProcessor makes
    them."""
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    batch = (batch - torch.tensor(CLIP_MEAN)[:, None, None]) / torch.tensor(CLIP_STD)[:, None, None]
    count, channels, height, width = batch.shape
    high, wide, side = height // PATCH, width // PATCH, PATCH * MERGE
    cut = batch.view(count, channels, height // side, MERGE, PATCH, width // side, MERGE, PATCH)
    cut = cut.permute(0, 2, 5, 3, 6, 1, 4, 7).unsqueeze(6).expand(-1, -1, -1, -1, -1, -1, 2, -1, -1)
    grid = torch.tensor([[1, high, wide]] * count)
    return cut.reshape(count * high * wide, channels * 2 * PATCH * PATCH), grid


class Tower(nn.Module):
    """The vision tower's arithmetic for images of one size, as one batch that a compiler can fuse.

    transformers' own forward runs attention image by image, and the CPU's fused attention has a
    slow backward pass; this one, compiled, learns two to three times as fast on two cores. Same
    weights, same figures.
    """

    def __init__(self, visual: Any) -> None:
        super().__init__()
        self.visual = visual
        self.heads = visual.config.num_heads

    def forward(self, pixels: Tensor, cos: Tensor, sin: Tensor, images: int) -> Tensor:
        """(patches, 384) to (visual tokens, width); `cos` and `sin` (patches of one image, size of
        a head)."""
        embed = self.visual.patch_embed.proj.weight.flatten(1)
        states = functional.linear(pixels, embed).view(images, -1, embed.shape[0])
        for block in self.visual.blocks:
            states = states + self.attend(block.attn, block.norm1(states), cos, sin)
            states = states + block.mlp(block.norm2(states))
        merged: Tensor = self.visual.merger(states.reshape(-1, states.shape[-1]))
        return merged

    def attend(self, attention: Any, states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        images, count, width = states.shape
        parts = attention.qkv(states).view(images, count, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        query, key = (turned(each, cos, sin).to(value.dtype) for each in (query, key))
        if torch.is_grad_enabled():
            weights = torch.softmax(
                query @ key.transpose(-1, -2) * (width // self.heads) ** -0.5, -1
            ).to(value.dtype)
            mixed = weights @ value
        else:
            mixed = functional.scaled_dot_product_attention(query, key, value)
        result: Tensor = attention.proj(mixed.transpose(1, 2).reshape(images, count, width))
        return result


class Words(nn.Module):
    """The language model's arithmetic for sequences that share their positions: what Tower is for
    the tower."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, states: Tensor, cos: Tensor, sin: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(sequences, length, width) of embeddings to the last layer's states, and where the heads
        that point look: (sequences, heads, length, length). `mask` is 0 or minus infinity."""
        looks = []
        for index, layer in enumerate(self.model.layers):
            seen, weights = self.attend(
                layer.self_attn, layer.input_layernorm(states), cos, sin, mask
            )
            states = states + seen
            states = states + layer.mlp(layer.post_attention_layernorm(states))
            if index in POINTING:
                looks.append(weights[:, :POINTERS])
        return self.model.norm(states), torch.cat(looks, 1)

    def attend(
        self, attention: Any, states: Tensor, cos: Tensor, sin: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        shape = (*states.shape[:2], -1, attention.head_dim)
        parts = (
            part(states).view(shape).transpose(1, 2)
            for part in (attention.q_proj, attention.k_proj)
        )
        value = attention.v_proj(states).view(shape).transpose(1, 2)
        query, key = (turned(each, cos, sin).to(value.dtype) for each in parts)
        weights = torch.softmax(query @ key.transpose(-1, -2) * attention.head_dim**-0.5 + mask, -1)
        mixed = (weights.to(value.dtype) @ value).transpose(1, 2).reshape(*states.shape[:2], -1)
        return attention.o_proj(mixed), weights


def turned(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions (RoFormer, Su et al. 2021): the halves of a head are the parts of complex
    numbers."""
    half = states.shape[-1] // 2
    return states * cos + torch.cat((-states[..., half:], states[..., :half]), -1) * sin


def continued(
    model: Any, words: Any, embeddings: Tensor, positions: Tensor
) -> tuple[Tensor, Tensor]:
    """What Words gives for sequences that share `positions` (3, 1, length). Padding stands behind
    what counts and attention looks back, so it needs no mask of its own."""
    cos, sin = (
        each[:1].unsqueeze(1).to(torch.bfloat16) for each in model.rotary_emb(embeddings, positions)
    )
    length = embeddings.shape[1]
    mask = torch.full(
        (length, length), -torch.inf, dtype=torch.bfloat16, device=embeddings.device
    ).triu(1)
    states, looks = words(embeddings, cos, sin, mask)
    return states, looks


def see(visual: Any, tower: Any, images: Sequence[NDArray[np.uint8]]) -> Tensor:
    """What the tower makes of images of one size: (images, rows, columns, width). `tower` is a
    Tower, or one that was compiled."""
    from transformers.vision_utils import get_vision_position_ids

    pixels, grid = patches(images)
    pixels, places = (
        pixels.to(visual.device),
        get_vision_position_ids(grid[:1], MERGE, kwargs={}).to(visual.device),
    )
    cos, sin = (each.to(torch.bfloat16) for each in visual.rotary_pos_emb(pixels, places))
    features: Tensor = tower(pixels, cos, sin, len(images))
    return features.view(len(images), int(grid[0, 1]) // MERGE, int(grid[0, 2]) // MERGE, WIDTH)


def see_whole(visual: Any, images: Sequence[NDArray[np.uint8]]) -> Tensor:
    """The same by transformers' own forward, whose attention does not keep all pairs of patches."""
    pixels, grid = (each.to(visual.device) for each in patches(images))
    features: Tensor = visual(pixels, grid_thw=grid).pooler_output
    return features.view(len(images), int(grid[0, 1]) // MERGE, int(grid[0, 2]) // MERGE, WIDTH)


def linear_patches(visual: Any) -> None:
    """The patch embedding is a convolution whose stride is its kernel: as a matrix it is ten times
    as fast on a CPU."""
    embed = visual.patch_embed
    embed.forward = lambda pixels: functional.linear(pixels, embed.proj.weight.flatten(1))
