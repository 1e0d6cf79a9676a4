"""qwen2-vl-nano: a vision-language model of four million parameters that this repository trains from nothing.

It reads the slips and receipts that `vlm_lab.samples` draws, and no others: enough for a machine without weights to run
a model that reads, and for tests to see one. Values -> pictures -> lessons -> training -> exam; the shipped weights
lie beside this file in `qwen2-vl-nano/`.

    .venv/bin/python tools/train_nano.py --help
"""

from pathlib import Path

FOLDER = Path(__file__).parent / "qwen2-vl-nano"
