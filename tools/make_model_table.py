"""docs/models.md, from the table of families, the checkpoints that the tests build and
tools/model_facts.yaml.

.venv/bin/python tools/make_model_table.py
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests import checkpoints
from vlm_lab.backends.transformers.family_table import FAMILIES, NEED_TORCHVISION

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs" / "models.md"
FACTS = yaml.safe_load((PROJECT / "tools" / "model_facts.yaml").read_text("utf-8"))
NEVER = "never"
HEAD = """# Models

Made by `tools/make_model_table.py`; do not edit.

**No weights of a hub have been run for this page**: the column *real weights* says `never` for all
of them. It will say by whom, when, on which GPU and with which versions a model was run; until then
its size, speed and quality are what others say. Whoever has the weights fills it:

    scripts/vlm-lab try NAME

loads a candidate of models.yaml, reads three pages and holds the visual tokens that were predicted
against those that were counted. It writes `try-NAME.json`, which has figures, versions and names of
settings, no value, text or name of a document; its last line is what the column says, to be put
behind the person's name as `real_weights` of the model in tools/model_facts.yaml.

- **licence**: read in public pages in November 2026. One with a question mark was not verified:
  read the model's own card before you use it.
- **does**: *extracts* takes a prompt and answers with JSON; *transcribes* gives a page's text
  alone, the first half of a pair with a text model.
- **F1**: on the short documents of ExtractBench, as its leaderboard had it in November 2026; not
  measured here.

## Candidates

By the GPU memory, in GB, that weights in bfloat16 and a few pages ask for: an estimate from the
number of parameters. Each of models.yaml is among them.

"""
CANDIDATE_COLUMNS = ("model", "GB", "licence", "does", "F1", "real weights", "remarks")
FAMILIES_HEAD = """
## Families

Any other model that transformers' `AutoModelForImageTextToText` loads is tried the same way,
without the columns below.

- **checked**: a tiny random checkpoint with the family's own classes of model, processor and
  tokenizer is loaded as a user's is and reads pages of four shapes
  (tests/backends/transformers/test_families.py). Weights of the hub were not run.
- **tokens**: visual tokens are predicted from JSON files, and the prediction equals what the
  checkpoint counts.
- **budget**: `processor_kwargs: {max_visual_tokens: N}` works: no page becomes more than N tokens.
  Where a family's smallest page is larger, loading is refused with that number. For LLaVA-NeXT and
  OneVision the arrangements of tiles that do not fit are left out; for Mllama, MiniCPM-V and
  HunyuanOCR a page is shrunk until its tokens fit.
- **pages**: how many images a prompt takes; with one, set `pages: each`.

"""
FAMILY_COLUMNS = (
    "model_type",
    "for example",
    "licence",
    "does",
    "checked",
    "tokens",
    "budget",
    "pages",
    "real weights",
    "remarks",
)
# The entry of the table where a checkpoint is called otherwise.
TYPES = {"donut": "vision-encoder-decoder", "granite_vision": "llava_next"}
PHI_3_VISION = (
    "own code, an interpreter of its own (`scripts/vlm-lab models env NAME`): a stand-in "
    "with code in its form ran under transformers 4.40 (tests/test_other_interpreter.py); "
    "torchvision, which the real code needs, was not proven"
)


def format_row(*columns: Any) -> str:
    return f"| {' | '.join(str(column) for column in columns)} |"


def format_candidate(facts: Mapping[str, Any]) -> str:
    return format_row(
        facts["id"],
        facts["gigabytes"],
        facts["licence"],
        facts["does"],
        facts.get("f1", "-"),
        facts.get("real_weights", NEVER),
        facts.get("remark", ""),
    )


def format_family(name: str, facts: Mapping[str, Any]) -> str:
    model_type = TYPES.get(name, name)
    family = FAMILIES[model_type]
    return format_row(
        model_type,
        facts["example"],
        facts["licence"],
        facts["does"],
        "yes",
        "yes" if family.count_tokens else "-",
        "yes" if family.build_budget else "-",
        "several" if family.multi_image else "one",
        facts.get("real_weights", NEVER),
        facts.get("remark", ""),
    )


def list_family_rows() -> Iterator[str]:
    for name in sorted(checkpoints.collect_families()):
        yield format_family(name, FACTS["families"][name])
    for name, needs in NEED_TORCHVISION.items():
        remark = f"transformers' {needs} needs torchvision"
        yield format_row(name, "", "", "", "no", "-", "-", "", NEVER, remark)
    columns = ("MIT?", "extracts", "a stand-in", "-", "-", "several", NEVER, PHI_3_VISION)
    yield format_row("phi3_v", "microsoft/Phi-3-vision-128k-instruct", *columns)


def format_table(columns: Sequence[str], rows: Iterable[str]) -> str:
    lines = (format_row(*columns), f"|{'---|' * len(columns)}", *rows)
    return "\n".join(lines) + "\n"


def text() -> str:
    candidates = format_table(CANDIDATE_COLUMNS, map(format_candidate, FACTS["candidates"]))
    return HEAD + candidates + FAMILIES_HEAD + format_table(FAMILY_COLUMNS, list_family_rows())


if __name__ == "__main__":
    PAGE.write_text(text(), "utf-8")
