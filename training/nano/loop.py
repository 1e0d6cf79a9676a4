"""Training, phase by phase: letters first, then reading from what the resting tower sees.

Each step draws from a generator of its own, so a run that was interrupted goes on as if it had not
been. The state is kept every 100 steps, the log is a line every 20.
"""

import csv
import json
import random
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.nano.schedule import Phase
from training.nano.trainer import Pupil
from vlm_lab.files import atomic_file

KEEP, TELL = 100, 20
LOG = "log.csv"
COLUMNS = ("loss", "letters_right", "tokens_right", "pointing")


def train(pupil: Pupil, phase: Phase, folder: Path, seed: int, say: Callable[[str], None]) -> None:
    """Run one phase, or what is left of it."""
    pupil.model.requires_grad_(True)
    pupil.visual.requires_grad_(phase.tower)
    teachers = optimizers(pupil, phase)
    step = resume(pupil, teachers, folder / f"{phase.name}.pt")
    if phase.tower:
        pupil.seen.clear()
    began, told_before = time.monotonic(), step
    while step < phase.steps:
        chance = random.Random(f"{seed}/{phase.name}/{step}")  # noqa: S311 - lessons, not secrets
        told = learn(pupil, phase, teachers, chance, step)
        step += 1
        if step % TELL == 0 or step == phase.steps:
            rate = (time.monotonic() - began) / (step - told_before)
            log(folder, phase, step, told, rate, say)
            began, told_before = time.monotonic(), step
        if step % KEEP == 0 or step == phase.steps:
            keep(pupil, teachers, step, folder / f"{phase.name}.pt")


def remember(start: Path, folder: Path) -> None:
    """The log of a training that goes on begins with how its start was trained."""
    if (start / LOG).exists() and not (folder / LOG).exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(start / LOG, folder / LOG)


def optimizers(pupil: Pupil, phase: Phase) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the layers' matrices, which learn twice as fast by it, and
    AdamW for the rest. The tower learns at a third of the rate once there is something to lose."""
    words = [
        (name, part) for name, part in pupil.model.named_parameters() if ".visual." not in name
    ]
    shares = ((pupil.visual.named_parameters(), phase.tower, 0.3 if phase.reading else 1.0),
              (pupil.head.named_parameters(), phase.letters, 1.0),
              (words, phase.reading, 1.0))  # fmt: skip
    taught = [
        (part, name, share) for parts, learns, share in shares if learns for name, part in parts
    ]
    matrices: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for part, name, share in taught:
        inner = part.ndim == 2 and any(place in name for place in ("layers.", "blocks.", "merger."))
        (matrices if inner else rest).append({"params": [part], "share": share, "lr": phase.rate})
    made: list[torch.optim.Optimizer] = []
    if matrices:  # the head alone has none
        made.append(
            torch.optim.Muon(
                matrices, momentum=0.95, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"
            )
        )
    return [*made, torch.optim.AdamW(rest, betas=(0.9, 0.98), weight_decay=0.02)]


def learn(
    pupil: Pupil,
    phase: Phase,
    teachers: list[torch.optim.Optimizer],
    chance: random.Random,
    step: int,
) -> dict[str, Tensor]:
    """One step of all optimizers."""
    groups = [group for each in teachers for group in each.param_groups]
    for group in groups:
        group["lr"] = group["share"] * phase.rate * schedule(step, phase.steps)
    with torch.autocast(pupil.model.device.type, torch.bfloat16):
        told = pupil.step(chance, phase, step / phase.steps)
    for each in teachers:
        each.zero_grad(set_to_none=True)
    told["loss"].backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_([part for group in groups for part in group["params"]], 1.0)
    for each in teachers:
        each.step()
    return told


def schedule(step: int, steps: int) -> float:
    """Up over the first 50 steps, level, and down to a thirtieth over the last half."""
    left = (steps - step) / steps
    return min(1.0, (step + 1) / 50) * max(0.03, min(1.0, 2 * left))


def log(
    folder: Path,
    phase: Phase,
    step: int,
    told: Mapping[str, Tensor],
    rate: float,
    say: Callable[[str], None],
) -> None:
    figures = {name: round(float(value.detach()), 4) for name, value in told.items()}
    path = folder / LOG
    new = not path.exists()
    with path.open("a", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        if new:
            table.writerow(("phase", "step", "seconds_per_step", *COLUMNS))
        row = [figures.get(name, "") for name in COLUMNS]
        table.writerow([phase.name, step, round(rate, 3), *row])
    say(f"{phase.name} {step}/{phase.steps} {rate:.2f} s {json.dumps(figures)}")


def keep(pupil: Pupil, teachers: list[torch.optim.Optimizer], step: int, path: Path) -> None:
    known = [each.state_dict() for each in teachers]
    state = {
        "model": pupil.model.state_dict(),
        "head": pupil.head.state_dict(),
        "teachers": known,
        "step": step,
    }
    with atomic_file(path) as file:
        torch.save(state, file)


def resume(pupil: Pupil, teachers: list[torch.optim.Optimizer], path: Path) -> int:
    """The step to go on from; 0 where the phase has not begun."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True, map_location=pupil.model.device)
    pupil.model.load_state_dict(state["model"])
    pupil.head.load_state_dict(state["head"])
    for each, known in zip(teachers, state["teachers"], strict=True):
        each.load_state_dict(known)
    return int(state["step"])
