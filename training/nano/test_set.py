"""Documents for an examination: drawn with seeds that training never used, as files with
references, so that the suite itself runs the model over them as it runs any other.

    pytest benchmarks -k nano --documents=FOLDER/documents --references=FOLDER/references
"""

import json
import random
from pathlib import Path

from training.nano.batches import nested
from training.nano.random_documents import wish
from training.nano.rendering import answer_values
from training.synthetic.augmentation import FORMATS
from training.synthetic.render import draw

SEED = 9000
FORMS = ("pdf", "pdf", "jpg", "png", "webp")


def write(folder: Path, count: int, seed: int = SEED) -> None:
    """`count` documents in the formats of the samples; a reference has the seven header fields
    alone."""
    for part in ("documents", "references"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        chance = random.Random(f"exam/{seed}/{index}")  # noqa: S311 - drawings, not secrets
        drawn, form = wish(chance), chance.choice(FORMS)
        drawing = draw(drawn.paper, drawn.layout, drawn.look, drawn.colour)
        stem = f"{drawn.layout}-{index:03d}"
        (folder / "documents" / f"{stem}.{form}").write_bytes(
            FORMATS[form](drawing.pdf, seed + index)
        )
        answer = nested(answer_values(drawing.reference))
        (folder / "references" / f"{stem}.json").write_text(
            json.dumps(answer, ensure_ascii=False, indent=2) + "\n"
        )
