"""qwen2-vl-nano: a vision-language model of four million parameters that this repository trains
from nothing.

It reads the slips and receipts that `training.synthetic` draws, and no others: enough for a machine
without weights to run a model that reads, and for tests to see one. Invented values -> pages ->
batches -> training -> test set; the weights that ship lie in `checkpoints/qwen2-vl-nano/`.

    .venv/bin/python tools/train_nano.py --help
"""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "checkpoints" / "qwen2-vl-nano"
