"""What one step of training sees: strips cut across pictures, the letters in them, a prompt and the
answer to it.

A strip has the picture's full width, so labels keep their values; what is printed outside of it is
left out of the answer. Strips that grow into pages are the way from the first letter to a whole
document.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.nano.attention_targets import pointed
from training.nano.rendering import CELL, FIELDS, Picture
from vlm_lab.config.models_file import load_candidates
from vlm_lab.fields.schema import build_prompt_schema
from vlm_lab.suite import load_suite

CUT = 7.0


@dataclass(frozen=True, slots=True)
class Strip:
    """Rows `top` to `bottom` of a picture and its columns from `left` to `right`, in cells of 16
    pixels."""

    picture: Picture
    top: int
    bottom: int
    left: int = 0
    right: int | None = None

    @property
    def pixels(self) -> NDArray[np.uint8]:
        columns = slice(self.left * CELL, self.right and self.right * CELL)
        return self.picture.pixels[self.top * CELL : self.bottom * CELL, columns]

    @property
    def seen(self) -> dict[str, str]:
        """The values that are printed inside."""
        return {
            name: self.picture.values[name]
            for name in FIELDS
            if name in self.picture.values
            and any(self.top * CELL < y < self.bottom * CELL for y in self.picture.heights(name))
        }

    @property
    def inside(self) -> list[int]:
        """The letters inside, text by text as they were drawn."""
        rows = self.picture.centres[:, 1] / CELL
        return [int(index) for index in np.flatnonzero((rows > self.top) & (rows < self.bottom))]

    def cells(self, letters: Sequence[int]) -> list[int]:
        """The visual tokens that these letters stand in, those outside left out."""
        right = self.right or self.picture.pixels.shape[1] // CELL
        spots = self.picture.centres[list(letters)] // CELL
        return [
            int((y - self.top) * (right - self.left) + x - self.left)
            for x, y in spots
            if self.top <= y < self.bottom and self.left <= x < right
        ]

    @property
    def cuts(self) -> bool:
        """Whether an edge goes through a line that holds a value."""
        edges = (self.top * CELL, self.bottom * CELL)
        heights = [y for name in self.picture.spots for y in self.picture.heights(name)]
        return any(abs(y - edge) < CUT for y in heights for edge in edges)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One prompt for strips of one size, each one's answer, and for the characters of each answer
    that are read from the page the visual tokens that they stand in."""

    prompt: str
    answers: list[str]
    cells: list[dict[int, list[int]]]


def spelling(strips: Sequence[Strip]) -> Lesson:
    """All letters that a strip shows."""
    answers = ["".join(each.picture.letters[index] for index in each.inside) for each in strips]
    cells = [{at: each.cells([index]) for at, index in enumerate(each.inside)} for each in strips]
    return Lesson("Spell.", answers, cells)


def reading(
    chance: random.Random,
    strips: Sequence[Strip],
    templates: Sequence[str],
    schema: Mapping[str, Any],
) -> Lesson:
    """The values that a strip shows, as far as the prompt asks for them."""
    text, wanted = prompt(chance, templates, schema)
    answers, cells = [], []
    for each in strips:
        values = {name: value for name, value in each.seen.items() if name in wanted}
        answers.append(answer(values))
        letters = pointed(each.picture, values, answers[-1])
        cells.append({at: each.cells(found) for at, found in letters.items()})
    return Lesson(text, answers, cells)


def strip(chance: random.Random, picture: Picture, rows: int) -> Strip:
    """A strip of so many rows that cuts no value in half, or after ten tries one that does."""
    whole = picture.pixels.shape[0] // CELL
    for _ in range(10):
        top = chance.randrange(whole - min(rows, whole) + 1)
        found = Strip(picture, top, top + min(rows, whole))
        if not found.cuts:
            break
    return found


def crops(
    chance: random.Random, groups: Sequence[Sequence[Picture]], size: int, side: int
) -> list[Strip]:
    """Squares of so many cells from anywhere: enough to learn letters, and cheap."""
    found = []
    for picture in chance.choices([each for group in groups for each in group], k=size):
        top, left = (
            chance.randrange(length // CELL - side + 1) for length in picture.pixels.shape[:2]
        )
        found.append(Strip(picture, top, top + side, left, left + side))
    return found


def grouped(pictures: Sequence[Picture]) -> list[list[Picture]]:
    """Pictures of one size together, so that a batch needs no padding; the rarest sizes are left
    out."""
    groups: dict[tuple[int, ...], list[Picture]] = {}
    for each in pictures:
        groups.setdefault(each.pixels.shape, []).append(each)
    return [group for group in groups.values() if len(group) >= 4]


def batch(
    chance: random.Random, groups: Sequence[Sequence[Picture]], size: int, rows: int
) -> list[Strip]:
    """Strips of one size, from a group that is drawn as often as it is large."""
    group = chance.choices(groups, [len(each) for each in groups])[0]
    return [strip(chance, chance.choice(group), rows) for _ in range(size)]


def answer(values: Mapping[str, str]) -> str:
    """The JSON that a reply consists of: the schema's nesting, its order, nothing that was not
    seen."""
    return json.dumps(
        nested({name: values[name] for name in FIELDS if name in values}), ensure_ascii=False
    )


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        head, _, leaf = name.partition(".")
        if leaf:
            tree.setdefault(head, {})[leaf] = value
        else:
            tree[head] = value
    return tree


def pruned(schema: Mapping[str, Any], wanted: Sequence[str], prefix: str = "") -> dict[str, Any]:
    """A JSON Schema with these leaves alone."""
    kept = {}
    for name, part in schema["properties"].items():
        if part.get("type") == "object":
            inside = pruned(part, wanted, f"{prefix}{name}.")
            if inside["properties"]:
                kept[name] = inside
        elif prefix + name in wanted:
            kept[name] = part
    return {**schema, "properties": kept}


def taught(root: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """The two prompts that are taught, by name, and the JSON Schema that they show: the
    repository's own suite's."""
    suite = load_suite(root / "benchmarks" / "invoices")
    texts = {**load_candidates([root / "models.yaml"]).prompts, **suite.prompts}
    return {name: texts[name].strip() for name in ("default", "terse")}, build_prompt_schema(
        suite.schema
    )


def prompt(
    chance: random.Random, templates: Sequence[str], schema: Mapping[str, Any]
) -> tuple[str, list[str]]:
    """A prompt and the fields it asks for. A template has `{{ schema }}` in it; the empty one is a
    skeleton of JSON. Half of the prompts ask for all that the schema has, the others for some of
    the fields."""
    template = chance.choice(templates)
    wanted = list(FIELDS)
    if chance.random() < 0.5:
        wanted = sorted(chance.sample(FIELDS, chance.randrange(1, len(FIELDS))), key=FIELDS.index)
    if not template:
        return json.dumps(nested(dict.fromkeys(wanted, "string"))), wanted
    part = (
        schema if len(wanted) == len(FIELDS) and chance.random() < 0.5 else pruned(schema, wanted)
    )
    return template.replace("{{ schema }}", json.dumps(part, ensure_ascii=False, indent=1)), wanted
