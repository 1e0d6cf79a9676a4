"""A project whose suite has the shipped slips, as often as wanted, for the model that ships."""

import shutil
from itertools import cycle, islice
from pathlib import Path

from tests.checkpoints import NANO
from tests.projects import PROJECT, write_project

SAMPLES = PROJECT / "benchmarks" / "invoices"
# Computed in float32, values do not depend on which documents are in a batch.
NANO_MODELS = f"""\
models:
  - name: nano
    model_id: {NANO}
    dtype: float32
    generation_kwargs: {{max_new_tokens: 256, temperature: 0.0}}
"""


def write_slip_project(folder: Path, count: int) -> None:
    """The model, and so many copies of slips that it can read."""
    write_project(folder, NANO_MODELS, {})
    suite = folder / "benchmarks" / "invoices"
    shutil.rmtree(suite)
    for part in ("documents", "references"):
        (suite / part).mkdir(parents=True)
    for name in ("schema.json", "prompt.md"):
        shutil.copyfile(SAMPLES / name, suite / name)
    (suite / "suite.yaml").write_text("languages: [en, de, fr]\nverified: true\n")
    slips = sorted((SAMPLES / "documents" / "slips").iterdir())
    for number, slip in enumerate(islice(cycle(slips), count)):
        name, reference = f"{number:05} {slip.stem}", f"{slip.stem}.json"
        shutil.copyfile(slip, suite / "documents" / f"{name}{slip.suffix}")
        shutil.copyfile(
            SAMPLES / "references" / "slips" / reference, suite / "references" / f"{name}.json"
        )
