"""A model that learns: one lesson's loss, whether letters of the tower, values of the words, or
both."""

import random
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from training.nano import batches
from training.nano.batches import Lesson, Strip
from training.nano.model import (
    LetterHead,
    Tower,
    Words,
    continued,
    letter_targets,
    linear_patches,
    see,
    see_whole,
)
from training.nano.rendering import CELL, Picture
from training.nano.schedule import Phase

NONE_WEIGHT, LETTERS_SHARE, POINTING_SHARE = 0.2, 0.3, 0.3
SMALL = 192 * 192
SPELT = 24
ASTRAY = 0.05


class Pupil:
    """A model in training with all that a step needs."""

    def __init__(self, model: Any, tokenizer: Any, schema: Mapping[str, Any],
                 templates: Sequence[str], pictures: Sequence[Picture],
                 practice: Sequence[Picture] = ()) -> None:  # fmt: skip
        self.model, self.tokenizer, self.schema = model, tokenizer, schema
        self.templates = (
            "",
            "",
            *templates,
            templates[0],
        )  # the short one costs half, the suite's own has to be known
        self.groups, self.practice = batches.grouped(pictures), batches.grouped(practice)
        self.head = LetterHead().to(model.device)
        self.seen: dict[int, Tensor] = {}
        self.targets: dict[int, Tensor] = {}
        self.visual = model.model.visual
        linear_patches(self.visual)
        self.tower: Any = Tower(self.visual)
        self.words: Any = Words(model.model.language_model)

    def step(self, chance: random.Random, phase: Phase, progress: float) -> dict[str, Tensor]:
        """One lesson: its loss, and what share of letters or of the answer's tokens was right."""
        spelt = chance.random() < phase.spelling
        strips = self.lines(chance) if spelt else self.strips(chance, phase, progress)
        told: dict[str, Tensor] = {}
        features = self.features(strips, phase)
        if phase.letters:
            told |= self.letters(strips, features)
        if phase.reading:
            told |= self.reading(
                batches.spelling(strips) if spelt else self.lesson(chance, strips, phase),
                features,
                chance,
            )
        return told | {"loss": total(told)}

    def strips(self, chance: random.Random, phase: Phase, progress: float) -> list[Strip]:
        if phase.side:
            full = round(phase.size * phase.practice)
            return [*batches.crops(chance, self.practice, full, phase.side),
                    *batches.crops(chance, self.groups, phase.size - full, phase.side)]  # fmt: skip
        start, end = phase.rows
        rows = round(start + (end - start) * min(1.0, progress * 1.5)) + chance.randrange(-1, 2)
        return batches.batch(chance, self.groups, phase.size, rows)

    def lines(self, chance: random.Random) -> list[Strip]:
        """Low strips to spell, of sheets full of print twice as often as of invoices where there
        are such."""
        sheets = chance.choice((self.practice, self.practice, self.groups)) or self.groups
        return batches.batch(chance, sheets, SPELT, chance.randrange(2, 7))

    def features(self, strips: Sequence[Strip], phase: Phase) -> Tensor:
        """(strips, rows, columns, width), of which nothing is learnt unless the tower learns. Large
        pictures go through transformers' own forward: its attention does not keep all pairs of
        patches."""
        if phase.bands:
            return self.glimpses(strips, phase.bands)
        if not phase.tower:
            return torch.stack(
                [self.remembered(each.picture)[each.top : each.bottom] for each in strips]
            ).float()
        images = [each.pixels for each in strips]
        small = images[0].shape[0] * images[0].shape[1] <= SMALL
        return see(self.visual, self.tower, images) if small else see_whole(self.visual, images)

    def remembered(self, picture: Picture) -> Tensor:
        """What the resting tower sees of a whole picture: (rows, columns, width)."""
        if id(picture) not in self.seen:
            with torch.no_grad():
                self.seen[id(picture)] = see_whole(self.visual, [picture.pixels])[0].to(
                    torch.bfloat16
                )
        return self.seen[id(picture)]

    def glimpses(self, strips: Sequence[Strip], rows: int) -> Tensor:
        """What the resting tower sees of strips in bands of so many rows, with a row more above and
        below so that no line is cut: a third of the time that whole pages take, and each visit to a
        page cuts it elsewhere."""
        rows = min(rows, strips[0].bottom - strips[0].top)
        whole = strips[0].picture.pixels.shape[0] // CELL
        tall = min(rows + 2, whole)
        bands = [(each, top, min(max(0, top - 1), whole - tall))
                 for each in strips for top in range(each.top, each.bottom, rows)]  # fmt: skip
        images = [
            each.picture.pixels[start * CELL : (start + tall) * CELL] for each, _, start in bands
        ]
        with torch.no_grad():
            seen = see(self.visual, self.tower, images).float()
        parts = [view[top - start : min(top + rows, each.bottom) - start]
                 for view, (each, top, start) in zip(seen, bands, strict=True)]  # fmt: skip
        return torch.cat(parts).view(len(strips), -1, *seen.shape[2:])

    def letters(self, strips: Sequence[Strip], features: Tensor) -> dict[str, Tensor]:
        targets = (
            torch.stack([self.printed(each) for each in strips])
            .to(features.device, torch.long)
            .flatten()
        )
        scores = self.head(features.reshape(-1, features.shape[-1])).flatten(0, 1).float()
        weight = torch.ones(self.head.classes, device=features.device)
        weight[0] = NONE_WEIGHT
        there = targets > 0
        right = (scores.argmax(-1)[there] == targets[there]).float().mean()
        return {
            "letter_loss": functional.cross_entropy(scores, targets, weight),
            "letters_right": right,
        }

    def printed(self, strip: Strip) -> Tensor:
        """The classes of the letters in each cell of a strip."""
        known = self.targets.get(id(strip.picture))
        if known is None:
            known = self.targets[id(strip.picture)] = torch.from_numpy(
                letter_targets(strip.picture)
            ).to(torch.uint8)
        return known[strip.top : strip.bottom, strip.left : strip.right]

    def lesson(self, chance: random.Random, strips: Sequence[Strip], phase: Phase) -> Lesson:
        return batches.reading(
            chance, strips, self.templates if phase.prompts else ("",), self.schema
        )

    def reading(self, lesson: Lesson, features: Tensor, chance: random.Random) -> dict[str, Tensor]:
        ids, begin, goal = self.tokens(lesson, features.shape[1:3])
        ids, goal = ids.to(features.device), goal.to(features.device)
        states, looks = self.hidden(astray(chance, ids, begin, goal), features)
        scores, targets = (
            self.model.lm_head(states[:, begin - 1 : -1]).flatten(0, 1).float(),
            ids[:, begin:].flatten(),
        )
        real = targets != self.tokenizer.pad_token_id
        right = (scores.argmax(-1)[real] == targets[real]).float().mean()
        first = int((ids[0] == self.model.config.image_token_id).nonzero()[0])
        looks = looks[:, :, begin - 1 : -1, first : first + goal.shape[-1]]
        return {"answer_loss": functional.cross_entropy(scores[real], targets[real]),
                "tokens_right": right, **pointing(looks, goal)}  # fmt: skip

    def tokens(self, lesson: Lesson, grid: Sequence[int]) -> tuple[Tensor, int, Tensor]:
        """(strips, length) of ids, padded at the end; where the answers begin; and (strips, length
        of the answers, visual tokens) of which visual tokens each of an answer's tokens is read
        from."""
        message = [
            {
                "role": "user",
                "content": [{"type": "image"}, {"type": "text", "text": lesson.prompt}],
            }
        ]
        words = self.tokenizer.apply_chat_template(
            message, add_generation_prompt=True, tokenize=False
        )
        words = words.replace("<|image_pad|>", "<|image_pad|>" * (grid[0] * grid[1]))
        start = self.tokenizer(words).input_ids
        said = self.tokenizer(lesson.answers, return_offsets_mapping=True)
        ends = [[*each, self.tokenizer.eos_token_id] for each in said.input_ids]
        longest = max(map(len, ends))
        goal = torch.zeros(len(ends), longest, grid[0] * grid[1], dtype=torch.bool)
        for index, (offsets, cells) in enumerate(
            zip(said.offset_mapping, lesson.cells, strict=True)
        ):
            for at, (character, _) in enumerate(offsets):
                goal[index, at, cells.get(character, [])] = True
        rows = [start + end + [self.tokenizer.pad_token_id] * (longest - len(end)) for end in ends]
        return torch.tensor(rows), len(start), goal

    def hidden(self, ids: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        inner = self.model.model
        embeddings = inner.get_input_embeddings()(ids)
        image = (ids == self.model.config.image_token_id).unsqueeze(-1).expand_as(embeddings)
        embeddings = embeddings.masked_scatter(image, features.to(embeddings.dtype))
        grid = torch.tensor([[1, features.shape[1] * 2, features.shape[2] * 2]], device=ids.device)
        kinds = (ids[:1] == self.model.config.image_token_id).int()
        positions, _ = inner.get_rope_index(ids[:1], kinds, image_grid_thw=grid)
        return continued(inner.language_model, self.words, embeddings, positions)


def astray(chance: random.Random, ids: Tensor, begin: int, goal: Tensor) -> Tensor:
    """One in twenty of the letters that are read from a page replaced by another one. What is to
    come next stays right: words learn to keep their place on the page after a mistake, and not to
    guess by the letters before."""
    there = torch.zeros_like(ids, dtype=torch.bool)
    there[:, begin:] = goal.any(-1)
    letters = ids[there]
    draws = torch.Generator().manual_seed(chance.getrandbits(32))
    others = letters[torch.randperm(len(letters), generator=draws)]
    changed = (torch.rand(len(letters), generator=draws) < ASTRAY).to(ids.device)
    return ids.masked_scatter(there, torch.where(changed, others, letters))


def total(told: Mapping[str, Tensor]) -> Tensor:
    """The loss that is learnt from: an answer's own counts most where there is one."""
    if "answer_loss" not in told:
        return told["letter_loss"]
    letters = LETTERS_SHARE * told["letter_loss"] if "letter_loss" in told else 0.0
    return told["answer_loss"] + POINTING_SHARE * told["pointing_loss"] + letters


def pointing(looks: Tensor, goal: Tensor) -> dict[str, Tensor]:
    """How far attention (sequences, heads, tokens, visual tokens) is from looking where the goal
    (sequences, tokens, visual tokens) says; tokens that are read from nowhere may look anywhere."""
    there = goal.any(-1)
    share = (looks * goal.unsqueeze(1)).sum(-1).transpose(1, 2)[there]
    count = max(1, len(share)) * looks.shape[1]
    return {
        "pointing_loss": -share.clamp_min(1e-6).log().sum() / count,
        "pointing": share.sum() / count,
    }


def fuse(pupil: Pupil) -> None:
    """Tower and words compiled, where there is a compiler for this device."""
    if torch.cuda.is_available() or shutil.which("g++"):
        pupil.tower = torch.compile(pupil.tower)
        pupil.words = torch.compile(pupil.words)
