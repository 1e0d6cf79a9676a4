"""Training: the same arithmetic as transformers', the same run after an interruption, and that it
learns at all."""

import csv
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.nano.batches import Lesson
from training.nano.random_documents import wish
from training.nano.rendering import picture

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = {"type": "object", "properties": {"invoice_number": {"type": "string"}}}


def pupil(size: int = 12) -> Any:
    """A fresh one, always the same."""
    import torch

    from training.nano import model
    from training.nano.tokenizer import tokenizer
    from training.nano.trainer import Pupil

    torch.manual_seed(0)
    words = tokenizer(["Read", "assistant"])
    words.chat_template = (
        "{{ messages[0]['role'] }}<|vision_start|><|image_pad|><|vision_end|>"
        "{{ messages[0]['content'][1]['text'] }}"
    )
    chance = random.Random(0)
    pictures = [picture(chance, wish(chance, ("till",))) for _ in range(size)]
    return Pupil(model.build(words), words, SCHEMA, ["Read {{ schema }}"], pictures)


@pytest.mark.parametrize("learns", [False, True])
def test_the_tower_is_transformers_own(learns: bool) -> None:
    """What is trained is what AutoModelForImageTextToText will run; a resting tower's attention is
    another function."""
    import torch

    from training.nano.model import patches, see

    made = pupil()
    pages = [made.groups[0][index].pixels[:96, :128] for index in range(2)]
    visual = made.model.model.visual
    pixels, grid = patches(pages)
    with torch.no_grad():
        for (
            block
        ) in visual.blocks:  # small weights look everywhere alike, whatever the arithmetic is
            block.attn.qkv.weight *= 8
        expected = visual(pixels, grid_thw=grid).pooler_output
    with torch.set_grad_enabled(learns):
        found = see(visual, made.tower, pages).flatten(0, 2).detach()
    assert torch.allclose(found, expected, atol=0.02 * float(expected.abs().max()))


def test_states_are_the_models_own() -> None:
    """Positions, image tokens and padding as the model's forward makes them of the same batch."""
    import torch

    from training.nano.model import patches, see

    made = pupil()
    page = made.groups[0][0].pixels[:64, :96]
    ids, _, _ = made.tokens(Lesson("Read", ["ab"], [{}]), (4, 6))
    pixels, grid = patches([page])
    kinds = (ids == made.model.config.image_token_id).int()
    with torch.no_grad():
        features = see(made.model.model.visual, made.tower, [page])
        found = made.model.lm_head(made.hidden(ids, features)[0])
        expected = made.model(
            input_ids=ids, pixel_values=pixels, image_grid_thw=grid, mm_token_type_ids=kinds
        ).logits
    assert torch.allclose(found, expected, atol=0.02)


@pytest.mark.parametrize("rows", [3, 8, 100])
def test_bands_show_what_their_rows_hold(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """With a tower that tells each cell's mean, of a page's top, its middle and its end."""
    import torch

    from training.nano import trainer as module
    from training.nano.batches import Strip

    def means(images: Any) -> Any:
        shape = (len(images), images[0].shape[0] // 16, 16, images[0].shape[1] // 16, 16, 3)
        return torch.tensor(np.stack(images)).float().reshape(shape).mean((2, 4))

    monkeypatch.setattr(module, "see", lambda _visual, _tower, images: means(images))
    made = pupil()
    page = made.groups[0][0]
    whole = page.pixels.shape[0] // 16
    strips = [Strip(page, 0, 10), Strip(page, 7, 17), Strip(page, whole - 10, whole)]
    assert torch.equal(made.glimpses(strips, rows), means([each.pixels for each in strips]))


def test_a_few_of_the_letters_before_are_wrong_and_what_is_asked_stays() -> None:
    import torch

    from training.nano.trainer import astray

    ids = torch.arange(4 * 110).view(4, 110)
    goal = torch.zeros(4, 100, 5, dtype=torch.bool)
    goal[:, 50:, 2] = True
    changed = astray(random.Random(1), ids, 10, goal) != ids
    assert not changed[:, :60].any()
    assert 3 < changed.sum() < 20
    assert (
        astray(random.Random(1), ids, 10, goal) == astray(random.Random(1), ids, 10, goal)
    ).all()


def test_attention_is_held_against_where_an_answer_is_printed() -> None:
    """Two heads, two tokens, three visual tokens; the second token is read from nowhere."""
    import torch

    from training.nano.trainer import pointing

    looks = torch.tensor([[[[0.5, 0.25, 0.25], [1, 0, 0]], [[0.0, 0.5, 0.5], [1, 0, 0]]]])
    told = pointing(looks, torch.tensor([[[False, True, True], [False, False, False]]]))
    assert float(told["pointing"]) == pytest.approx(0.75)
    assert float(told["pointing_loss"]) == pytest.approx(0.5 * math.log(2))
    assert float(pointing(looks, torch.zeros(1, 2, 3, dtype=torch.bool))["pointing_loss"]) == 0.0


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from training.nano import loop
    from training.nano.loop import train
    from training.nano.schedule import Phase

    monkeypatch.setattr(loop, "KEEP", 2)
    phase = Phase("letters", 4, 2, 1e-3, side=6, letters=True)
    unbroken = pupil()
    train(unbroken, phase, tmp_path, 0, print)
    (tmp_path / "letters.pt").unlink()
    broken, steps = pupil(), []
    step = broken.step

    def interrupted(*arguments: Any) -> Any:
        steps.append(1)
        if len(steps) == 4:
            raise KeyboardInterrupt
        return step(*arguments)

    broken.step = interrupted
    with pytest.raises(KeyboardInterrupt):
        train(broken, phase, tmp_path, 0, print)
    again = pupil()
    train(again, phase, tmp_path, 0, print)
    for name, weight in unbroken.model.state_dict().items():
        assert torch.equal(weight, again.model.state_dict()[name]), name


def test_reading_lessons_move_the_words_alone_while_the_tower_rests(tmp_path: Path) -> None:
    import torch

    from training.nano.loop import train
    from training.nano.schedule import Phase

    made = pupil()
    before = {name: weight.clone() for name, weight in made.model.state_dict().items()}
    train(
        made,
        Phase("reading", 2, 2, 1e-3, rows=(8, 8), reading=True, tower=False, prompts=True),
        tmp_path,
        0,
        print,
    )
    moved = {
        name
        for name, weight in made.model.state_dict().items()
        if not torch.equal(weight, before[name])
    }
    assert moved
    assert not [name for name in moved if ".visual." in name]


def test_a_head_learns_alone_what_a_resting_tower_shows(tmp_path: Path) -> None:
    """So that a checkpoint, which ships without its head, can go on without its tower being
    undone."""
    import torch

    from training.nano.loop import train
    from training.nano.schedule import Phase

    made = pupil()
    before = {name: weight.clone() for name, weight in made.model.state_dict().items()}
    head = made.head.linear.weight.clone()
    train(made, Phase("head", 2, 2, 1e-3, letters=True, tower=False), tmp_path, 0, print)
    assert not torch.equal(made.head.linear.weight, head)
    assert all(
        torch.equal(weight, before[name]) for name, weight in made.model.state_dict().items()
    )


def test_training_goes_on_from_what_was_saved(tmp_path: Path) -> None:
    """The file's names of weights are not the model's in memory: read without transformers, nothing
    would be taken."""
    import torch

    from training.nano import model

    made = pupil().model
    made.save_pretrained(tmp_path)
    config = (tmp_path / "config.json").read_text()
    again = model.opened(tmp_path)
    assert all(
        torch.equal(weight, again.state_dict()[name]) for name, weight in made.state_dict().items()
    )
    again.save_pretrained(tmp_path)
    assert (tmp_path / "config.json").read_text() == config


def test_its_log_goes_on_too(tmp_path: Path) -> None:
    from training.nano.loop import remember

    start, work = tmp_path / "start", tmp_path / "work"
    remember(start, work)
    assert not work.exists()
    start.mkdir()
    (start / "log.csv").write_text("phase\nletters\n")
    remember(start, work)
    (start / "log.csv").write_text("another\n")
    remember(start, work)
    assert (work / "log.csv").read_text() == "phase\nletters\n"


@pytest.mark.parametrize(("share", "asked"), [(0.0, ["read"] * 4), (1.0, ["spell"] * 4)])
def test_a_share_of_the_steps_spells_low_strips(share: float, asked: list[str]) -> None:
    from training.nano.schedule import Phase

    made, lessons = pupil(), []

    def reading(lesson: Lesson, features: Any, _chance: random.Random) -> dict[str, Any]:
        lessons.append(("spell" if lesson.prompt == "Spell." else "read", features.shape[1]))
        return {"answer_loss": 0.0, "pointing_loss": 0.0}

    made.reading = reading
    phase = Phase("reading", 4, 2, 1e-3, rows=(9, 9), reading=True, tower=False, spelling=share)
    for step in range(4):
        made.step(random.Random(step), phase, 0.0)
    assert [kind for kind, _ in lessons] == asked
    assert all((rows < 7) == (kind == "spell") for kind, rows in lessons)


@pytest.mark.soak
def test_it_learns(tmp_path: Path) -> None:
    """The script's short setting: the loss falls, and the tower names letters far beyond chance
    (below 0.05)."""
    command = [
        sys.executable,
        "tools/train_nano.py",
        "--smoke",
        "--work",
        str(tmp_path),
        "--device",
        "cpu",
    ]
    subprocess.run(command, cwd=ROOT, check=True, timeout=900)
    with (tmp_path / "smoke" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["loss"]) for row in rows]
    assert sum(losses[-3:]) < 0.6 * sum(losses[:3])
    assert max(float(row["letters_right"]) for row in rows[-4:]) > 0.3
    assert (tmp_path / "smoke" / "shipped" / "model.safetensors").stat().st_size < 20e6
