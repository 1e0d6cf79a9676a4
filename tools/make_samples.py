"""Draw the samples that ship, with their references and tags: python tools/make_samples.py
[FOLDER]"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from training.synthetic.catalogue import write, write_tags  # noqa: E402

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "benchmarks" / "invoices"
    write_tags(folder / "tags.csv", write(folder))
