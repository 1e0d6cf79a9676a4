"""A project whose suite has the shipped slips, as often as wanted, for the model that ships."""

import shutil
from collections.abc import Mapping
from itertools import cycle, islice
from pathlib import Path

from tests.checkpoints import NANO
from tests.projects import PROJECT, write_project

SAMPLES = PROJECT / "benchmarks" / "invoices"
SLIPS = SAMPLES / "documents" / "slips"
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
    slips = islice(cycle(sorted(SLIPS.iterdir())), count)
    copies = {f"{number:05} {slip.stem}": slip for number, slip in enumerate(slips)}
    write_slips(folder, NANO_MODELS, copies)


def write_slips(folder: Path, models: str, slips: Mapping[str, Path]) -> None:
    """A project with drawn slips by the names that they get, and the schema and the prompt that the
    model was trained on."""
    write_project(folder, models, {})
    suite = folder / "benchmarks" / "invoices"
    shutil.rmtree(suite)
    for part in ("documents", "references"):
        (suite / part).mkdir(parents=True)
    for name in ("schema.json", "prompt.md"):
        shutil.copyfile(SAMPLES / name, suite / name)
    (suite / "suite.yaml").write_text("languages: [en, de, fr]\nverified: true\n")
    for name, slip in slips.items():
        reference = SAMPLES / "references" / "slips" / f"{slip.stem}.json"
        shutil.copyfile(slip, suite / "documents" / f"{name}{slip.suffix}")
        shutil.copyfile(reference, suite / "references" / f"{name}.json")
