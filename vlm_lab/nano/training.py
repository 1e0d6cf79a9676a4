"""Training from nothing: letters first, then reading from what the tower sees, then both together.

Each step draws from a generator of its own, so a run that was interrupted goes on as if it had not been. The state is
kept every 100 steps, the log is a line every 20.
"""

import csv
import json
import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vlm_lab.nano import lessons
from vlm_lab.nano.lessons import Strip
from vlm_lab.nano.network import LetterHead, Tower, Words, continued, letter_targets, linear_patches, see, see_whole
from vlm_lab.nano.pictures import Picture

NONE_WEIGHT, LETTERS_SHARE, KEEP, TELL = 0.2, 0.3, 100, 20
SMALL = 192 * 192


@dataclass(frozen=True, slots=True)
class Phase:
    """`letters` supervises the tower, `reading` the words; without `tower` its weights rest and what it sees of each
    picture is computed once. `rows` is the height of the strips at the phase's start and at its end, in cells; with
    `side` squares of so many cells take their place. With `spelling` the answer is all that a strip shows: every token
    of it has to be read, so words find the letters sooner than by the few values of an invoice. With `prompts` the
    suite's prompts are asked beside the skeleton of JSON, which is short."""

    name: str
    steps: int
    size: int
    rate: float
    rows: tuple[int, int] = (100, 100)
    side: int = 0
    letters: bool = False
    reading: bool = False
    tower: bool = True
    prompts: bool = False
    spelling: bool = False


RECIPE = (
    Phase("letters", 3500, 40, 1.5e-3, side=8, letters=True),
    Phase("letters-on-pages", 160, 8, 8e-4, letters=True),
    Phase("spelling", 1500, 32, 1.2e-3, rows=(2, 5), reading=True, tower=False, spelling=True),
    Phase("reading", 2000, 16, 1.2e-3, rows=(7, 22), reading=True, tower=False),
    Phase("pages", 680, 8, 8e-4, letters=True, reading=True, prompts=True),
)
SMOKE = (Phase("letters", 300, 40, 1.5e-3, side=8, letters=True),)


class Pupil:
    """A model in training with all that a step needs."""

    def __init__(self, model: Any, tokenizer: Any, schema: Mapping[str, Any], templates: Sequence[str],
                 pictures: Sequence[Picture]) -> None:  # fmt: skip
        self.model, self.tokenizer, self.schema = model, tokenizer, schema
        self.templates = ("", "", *templates)  # as often short as long: a page costs half as much
        self.groups = lessons.grouped(pictures)
        self.head = LetterHead().to(model.device)
        self.seen: dict[int, Tensor] = {}
        self.visual = model.model.visual
        linear_patches(self.visual)
        self.tower: Any = Tower(self.visual)
        self.words: Any = Words(model.model.language_model)

    def parameters(self, phase: Phase) -> list[dict[str, Any]]:
        """The tower learns at a third of the rate once there is something to lose."""
        tower = list(self.model.model.visual.parameters()) + list(self.head.parameters())
        words = [each for name, each in self.model.named_parameters() if ".visual." not in name]
        groups = []
        if phase.tower:
            groups.append({"params": tower, "share": 0.3 if phase.reading else 1.0})
        if phase.reading:
            groups.append({"params": words, "share": 1.0})
        return groups

    def step(self, chance: random.Random, phase: Phase, progress: float) -> dict[str, Tensor]:
        """One lesson: its loss, and what share of letters or of the answer's tokens was right."""
        strips = self.strips(chance, phase, progress)
        told: dict[str, Tensor] = {}
        features = self.features(strips, phase.tower)
        if phase.letters:
            told |= self.letters(strips, features)
        if phase.reading:
            told |= self.reading(chance, strips, features, phase)
        share = LETTERS_SHARE if phase.reading else 1.0
        told["loss"] = told.get("answer_loss", torch.zeros(())) + share * told.get("letter_loss", torch.zeros(()))
        return told

    def strips(self, chance: random.Random, phase: Phase, progress: float) -> list[Strip]:
        if phase.side:
            return lessons.crops(chance, self.groups, phase.size, phase.side)
        start, end = phase.rows
        rows = round(start + (end - start) * min(1.0, progress * 1.5)) + chance.randrange(-1, 2)
        return lessons.batch(chance, self.groups, phase.size, rows)

    def features(self, strips: Sequence[Strip], tower: bool) -> Tensor:
        """(strips, rows, columns, width), of which nothing is learnt unless the tower learns. Large pictures go through
        transformers' own forward: its attention does not keep all pairs of patches."""
        if not tower:
            return torch.stack([self.remembered(each.picture)[each.top : each.bottom] for each in strips]).float()
        images = [each.pixels for each in strips]
        small = images[0].shape[0] * images[0].shape[1] <= SMALL
        return see(self.visual, self.tower, images) if small else see_whole(self.visual, images)

    def remembered(self, picture: Picture) -> Tensor:
        """What the resting tower sees of a whole picture: (rows, columns, width)."""
        if id(picture) not in self.seen:
            with torch.no_grad():
                self.seen[id(picture)] = see_whole(self.visual, [picture.pixels])[0].to(torch.bfloat16)
        return self.seen[id(picture)]

    def letters(self, strips: Sequence[Strip], features: Tensor) -> dict[str, Tensor]:
        targets = torch.stack(
            [
                torch.from_numpy(letter_targets(each.picture)[each.top : each.bottom, each.left : each.right])
                for each in strips
            ]
        ).to(features.device)
        scores, targets = self.head(features.reshape(-1, features.shape[-1])).flatten(0, 1).float(), targets.flatten()
        weight = torch.ones(self.head.classes, device=features.device)
        weight[0] = NONE_WEIGHT
        there = targets > 0
        right = (scores.argmax(-1)[there] == targets[there]).float().mean()
        return {"letter_loss": functional.cross_entropy(scores, targets, weight), "letters_right": right}

    def asked(self, chance: random.Random, strips: Sequence[Strip], phase: Phase) -> tuple[str, list[str]]:
        """One prompt for the batch, and each strip's answer to it."""
        if phase.spelling:
            return "Spell.", [each.spelt for each in strips]
        text, wanted = lessons.prompt(chance, self.templates if phase.prompts else ("",), self.schema)
        seen = [{name: value for name, value in each.seen.items() if name in wanted} for each in strips]
        return text, [lessons.answer(each) for each in seen]

    def reading(
        self, chance: random.Random, strips: Sequence[Strip], features: Tensor, phase: Phase
    ) -> dict[str, Tensor]:
        text, answers = self.asked(chance, strips, phase)
        ids, begin = self.tokens(text, answers, features.shape[1:3])
        ids = ids.to(features.device)
        hidden = self.hidden(ids, features)[:, begin - 1 : -1]
        scores, targets = self.model.lm_head(hidden).flatten(0, 1).float(), ids[:, begin:].flatten()
        real = targets != self.tokenizer.pad_token_id
        right = (scores.argmax(-1)[real] == targets[real]).float().mean()
        return {"answer_loss": functional.cross_entropy(scores[real], targets[real]), "tokens_right": right}

    def tokens(self, text: str, answers: Sequence[str], grid: Sequence[int]) -> tuple[Tensor, int]:
        """(strips, length) of ids, padded at the end, and where the answers begin."""
        message = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
        words = self.tokenizer.apply_chat_template(message, add_generation_prompt=True, tokenize=False)
        words = words.replace("<|image_pad|>", "<|image_pad|>" * (grid[0] * grid[1]))
        start = self.tokenizer(words).input_ids
        ends = [[*self.tokenizer(each).input_ids, self.tokenizer.eos_token_id] for each in answers]
        longest = max(map(len, ends))
        rows = [start + end + [self.tokenizer.pad_token_id] * (longest - len(end)) for end in ends]
        return torch.tensor(rows), len(start)

    def hidden(self, ids: Tensor, features: Tensor) -> Tensor:
        inner = self.model.model
        embeddings = inner.get_input_embeddings()(ids)
        image = (ids == self.model.config.image_token_id).unsqueeze(-1).expand_as(embeddings)
        embeddings = embeddings.masked_scatter(image, features.to(embeddings.dtype))
        grid = torch.tensor([[1, features.shape[1] * 2, features.shape[2] * 2]], device=ids.device)
        kinds = (ids[:1] == self.model.config.image_token_id).int()
        positions, _ = inner.get_rope_index(ids[:1], kinds, image_grid_thw=grid)
        return continued(inner.language_model, self.words, embeddings, positions)


def fuse(pupil: Pupil) -> None:
    """Tower and words compiled, where there is a compiler for this device."""
    if torch.cuda.is_available() or shutil.which("g++"):
        pupil.tower = torch.compile(pupil.tower)
        pupil.words = torch.compile(pupil.words)


def train(pupil: Pupil, phase: Phase, folder: Path, seed: int, say: Callable[[str], None]) -> None:
    """Run one phase, or what is left of it."""
    groups = pupil.parameters(phase)
    optimizer = torch.optim.AdamW(groups, lr=phase.rate, betas=(0.9, 0.98), weight_decay=0.02)
    pupil.model.requires_grad_(True)
    pupil.model.model.visual.requires_grad_(phase.tower)
    step = resume(pupil, optimizer, folder / f"{phase.name}.pt")
    if phase.tower:
        pupil.seen.clear()
    began, told_before = time.monotonic(), step
    while step < phase.steps:
        chance = random.Random(f"{seed}/{phase.name}/{step}")  # noqa: S311 - lessons, not secrets
        for group in optimizer.param_groups:
            group["lr"] = group["share"] * phase.rate * schedule(step, phase.steps)
        with torch.autocast(pupil.model.device.type, torch.bfloat16):
            told = pupil.step(chance, phase, step / phase.steps)
        optimizer.zero_grad(set_to_none=True)
        told["loss"].backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([each for group in groups for each in group["params"]], 1.0)
        optimizer.step()
        step += 1
        if step % TELL == 0 or step == phase.steps:
            rate = (time.monotonic() - began) / (step - told_before)
            log(folder, phase, step, told, rate, say)
            began, told_before = time.monotonic(), step
        if step % KEEP == 0 or step == phase.steps:
            keep(pupil, optimizer, step, folder / f"{phase.name}.pt")


def schedule(step: int, steps: int) -> float:
    """Up over the first 50 steps, level, and down to a tenth over the last half."""
    left = (steps - step) / steps
    return min(1.0, (step + 1) / 50) * max(0.1, min(1.0, 2 * left))


def log(
    folder: Path, phase: Phase, step: int, told: Mapping[str, Tensor], rate: float, say: Callable[[str], None]
) -> None:
    figures = {name: round(float(value.detach()), 4) for name, value in told.items()}
    path = folder / "log.csv"
    new = not path.exists()
    with path.open("a", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        if new:
            table.writerow(("phase", "step", "seconds_per_step", "loss", "letters_right", "tokens_right"))
        row = [figures.get(name, "") for name in ("loss", "letters_right", "tokens_right")]
        table.writerow([phase.name, step, round(rate, 3), *row])
    say(f"{phase.name} {step}/{phase.steps} {rate:.2f} s {json.dumps(figures)}")


def keep(pupil: Pupil, optimizer: torch.optim.Optimizer, step: int, path: Path) -> None:
    state = {"model": pupil.model.state_dict(), "head": pupil.head.state_dict(), "optimizer": optimizer.state_dict(),
             "step": step}  # fmt: skip
    beside = path.with_suffix(".part")
    torch.save(state, beside)
    beside.rename(path)


def resume(pupil: Pupil, optimizer: torch.optim.Optimizer, path: Path) -> int:
    """The step to go on from; 0 where the phase has not begun."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True, map_location=pupil.model.device)
    pupil.model.load_state_dict(state["model"])
    pupil.head.load_state_dict(state["head"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])
