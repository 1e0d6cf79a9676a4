"""Train qwen2-vl-nano from nothing on documents that it draws itself.

    # some three hours on two cores
    .venv/bin/python tools/train_nano.py
    # goes on
    .venv/bin/python tools/train_nano.py --start checkpoints/qwen2-vl-nano --seed 9 \\
        --work cache/nano-9
    # five minutes: that it learns at all
    .venv/bin/python tools/train_nano.py --smoke
    # 200 documents that training never drew, to be run over
    .venv/bin/python tools/train_nano.py --exam FOLDER

An interrupted training goes on where it was, so another seed needs another work folder. That folder
keeps pictures, states and log.csv; what ships is written to --output: weights in bfloat16, config,
processor, tokenizer, chat template, and the learning curve. tcmalloc (LD_PRELOAD) saves what the
kernel spends on memory, here an eighth to a fifth.
"""

import argparse
import csv
import itertools
import random
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from training.nano import FOLDER, batches, model, shards, test_set  # noqa: E402
from training.nano.glyph_sheets import practice  # noqa: E402
from training.nano.loop import LOG, remember, train  # noqa: E402
from training.nano.rendering import MAX_PIXELS, MERGE, PATCH, Picture  # noqa: E402
from training.nano.schedule import FURTHER, RECIPE, SMOKE  # noqa: E402
from training.nano.tokenizer import prompt_words, save_processor  # noqa: E402
from training.nano.trainer import Pupil, fuse  # noqa: E402

CURVES = {
    "letters_right": "letters",
    "tokens_right": "tokens of the answer",
    "pointing": "attention on its letters",
}
PRACTICE = 60  # shards of print to learn letters from


def main() -> None:
    asked = arguments()
    if asked.exam:
        test_set.write(asked.exam, 200)
        return
    torch.manual_seed(asked.seed)
    work = asked.work / "smoke" if asked.smoke else asked.work
    shard_count = 4 if asked.smoke else asked.shards
    if asked.start:
        remember(asked.start, work)
    draw(work / "pictures", shard_count, f"{asked.seed}", shards.invoice, asked.processes)
    draw(
        work / "practice",
        min(shard_count, PRACTICE),
        f"practice/{asked.seed}",
        practice,
        asked.processes,
    )
    prompts, schema = batches.taught(ROOT)
    templates = list(prompts.values())
    processor = save_processor(work / "model", prompt_words(templates), MAX_PIXELS, PATCH, MERGE)
    pupil = Pupil(
        (model.opened(asked.start) if asked.start else model.build(processor.tokenizer)).to(
            asked.device
        ),
        processor.tokenizer,
        schema,
        templates,
        shards.opened(work / "pictures"),
        shards.opened(work / "practice"),
    )
    fuse(pupil)
    for phase in SMOKE if asked.smoke else FURTHER if asked.start else RECIPE:
        train(pupil, phase, work, asked.seed, lambda line: print(line, flush=True))
    ship(pupil.model, work, work / "shipped" if asked.smoke else asked.output)


def arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--work", type=Path, default=ROOT / "cache" / "nano", help="pictures, states and the log"
    )
    parser.add_argument("--output", type=Path, default=FOLDER, help="where the checkpoint goes")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--shards", type=int, default=120, help="of 64 pictures each")
    parser.add_argument("--processes", type=int, default=2, help="that draw")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--start", type=Path, metavar="FOLDER", help="go on from a checkpoint's weights"
    )
    parser.add_argument("--smoke", action="store_true", help="the short setting")
    parser.add_argument(
        "--exam", type=Path, metavar="FOLDER", help="only draw the examination's documents"
    )
    return parser.parse_args()


def draw(
    folder: Path, count: int, seed: str, what: Callable[[random.Random], Picture], processes: int
) -> None:
    with ProcessPoolExecutor(processes) as workers:
        list(
            workers.map(shards.fill, [folder] * count, range(count), [seed] * count, [what] * count)
        )


def ship(trained: Any, work: Path, output: Path) -> None:
    shutil.copytree(work / "model", output, dirs_exist_ok=True)
    trained.to(torch.bfloat16).save_pretrained(output)
    shutil.copy(work / LOG, output / LOG)
    curve(output / LOG, output / "learning-curve.svg")


def curve(log: Path, picture: Path) -> None:
    """By step: what share of letters was right, of the answers' tokens, and of the attention where
    it should be."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "nano"
    from matplotlib import pyplot

    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure, axes = pyplot.subplots(figsize=(8, 3.5))
    for column, label in CURVES.items():
        axes.plot([float(row[column] or "nan") for row in rows], label=label, linewidth=1)
    for phase, lines in itertools.groupby(range(len(rows)), lambda at: rows[at]["phase"]):
        first, *others = lines
        axes.axvline(first, color="grey", linewidth=0.5)
        if len(others) > len(rows) / 40:  # the names of shorter phases would lie on each other
            axes.text(first, 1.02, phase, fontsize=8, rotation=40)
    axes.set(xlabel="lines of log.csv, 20 steps each", ylabel="share right", ylim=(0, 1))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)
    figure.savefig(picture, bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    main()
