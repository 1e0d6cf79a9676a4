"""The baseline every model must beat: RapidOCR, whose weights are in its package, and rules
(`rules`).

Its recogniser reads Latin, Chinese and Japanese. Documents in other scripts go to Tesseract where
that is installed with their language and are `skipped` where it is not. Try it: `scripts/bench -k
ocr`
"""

import cmath
import io
import json
import math
import os
import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Sequence, Set
from functools import partial
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path
from statistics import median
from typing import Any

from PIL.Image import Image

from vlm_lab.backends import Backend
from vlm_lab.backends.ocr import rules as ocr_rules
from vlm_lab.errors import GenerationError, Skip
from vlm_lab.types import Generation, Model, Page, Prompt, Runtime

TextBox = tuple[
    list[tuple[float, float]], str
]  # four corners, clockwise from the top left, and what is written there

# Languages whose script the packaged recogniser lacks -> the script, Tesseract's name of the
# language.
OTHER_SCRIPTS: dict[str, tuple[str, str]] = {
    key: tuple(pair) for key, pair in ocr_rules.WORDS["other_scripts"].items()
}
DEVICE = {"value": "cpu", "reason": "the OCR packages bring a runtime for the CPU alone"}
VERSIONED_PACKAGES = ("rapidocr", "onnxruntime", "dateparser", "price-parser")
TESSERACT_TIMEOUT = 300  # for one page; Tesseract can hang on noise


class Ocr(Backend):
    """Raises Skip where RapidOCR is not installed, and for a document that no installed reader can
    read."""

    def __init__(self, model: Model, runtime: Runtime) -> None:
        self._engine = load_rapidocr_engine()
        self._environment = {**self.identity(model, runtime), "device": DEVICE}

    @classmethod
    def identity(cls, model: Model, runtime: Runtime) -> dict[str, Any]:
        """Versions of everything that decides a reply; an added language of Tesseract does, and so
        do the rules."""
        versions = {
            found.name: found.version
            for found in distributions()
            if found.name in VERSIONED_PACKAGES
        }
        tesseract = " ".join(
            [*_query_tesseract("--version")[:1], *_query_tesseract("--list-langs")[1:]]
        )
        rules = b"".join(
            Path(file).read_bytes() for file in (__file__, ocr_rules.__file__, ocr_rules.WORDS_FILE)
        )
        return {**versions, "tesseract": tesseract or None, "rules": sha256(rules).hexdigest()[:12]}

    @classmethod
    def cache_inputs(cls, model: Model, prompt: Prompt) -> dict[str, Any]:
        """The document's languages choose the reader, and how dates are read."""
        return {"languages": prompt.languages}

    def generate(self, prompt: Prompt) -> Generation:
        """The fields found on all pages, as JSON in the keys of the shipped schema."""
        engine, why, read = self._choose_reader(prompt)
        lines = [
            line
            for index, page in enumerate(prompt.pages)
            for line in deskew_lines(index, read(page))
        ]
        found = ocr_rules.extract_fields(lines, [*prompt.languages, "en"])
        environment = {**self._environment, "engine": engine, "engine_reason": why}
        reply = json.dumps(found, ensure_ascii=False)
        return Generation(raw_response=reply, finish_reason="stop", environment=environment)

    def close(self) -> None:
        self._engine = None

    def _choose_reader(self, prompt: Prompt) -> tuple[str, str, Callable[[Page], list[TextBox]]]:
        """Engine, reason, reader: among several scripts the first page decides, as Tesseract sees
        it."""
        foreign = [OTHER_SCRIPTS[name] for name in prompt.languages if name in OTHER_SCRIPTS]
        spoken = ", ".join(prompt.languages)
        tesseract = partial(_run_tesseract, wanted=foreign)
        if not foreign:
            return "rapidocr", f"it reads {spoken or 'Latin script'}", self._read_with_rapidocr
        if len(foreign) == len(prompt.languages):
            return "tesseract", f"RapidOCR reads no {foreign[0][0]}", tesseract
        try:
            share = _compute_script_share(
                tesseract(prompt.pages[0]), {script for script, _ in foreign}
            )
        except Skip as why:
            return (
                "rapidocr",
                f"one of {spoken}, script not checked ({why}); the tag `language` tells",
                self._read_with_rapidocr,
            )
        reason = f"one of {spoken}; {share:.0%} of the first page's letters are {foreign[0][0]}"
        return (
            ("tesseract", reason, tesseract)
            if share > 0.5
            else ("rapidocr", reason, self._read_with_rapidocr)
        )

    def _read_with_rapidocr(self, page: Page) -> list[TextBox]:
        return run_rapidocr(self._engine, page.image)


def run_rapidocr(engine: Any, image: Image) -> list[TextBox]:
    """What RapidOCR finds on an RGB image."""
    import numpy as np

    read = engine(np.asarray(image)[:, :, ::-1])  # BGR, as OpenCV has it
    return [] if read.boxes is None else list(zip(read.boxes.tolist(), read.txts, strict=True))


def deskew_lines(page: int, boxes: Sequence[TextBox]) -> list[ocr_rules.TextLine]:
    """One page's lines turned by the median tilt of its longer ones, so that what is one row has
    one height."""
    tilts = [
        math.atan2(box[1][1] - box[0][1], box[1][0] - box[0][0])
        for box, text in boxes
        if len(text) > 4
    ]
    back = cmath.rect(1, -median(tilts or [0]))
    turned = [([complex(x, y) * back for x, y in box], text) for box, text in boxes]
    rows = (([p.real for p in box], [p.imag for p in box], text) for box, text in turned)
    return [
        ocr_rules.build_text_line(page, (min(xs), min(ys), max(xs), max(ys)), text)
        for xs, ys, text in rows
    ]


def _compute_script_share(boxes: Sequence[TextBox], scripts: Set[str]) -> float:
    """Which part of the letters belongs to these scripts."""
    names = [
        unicodedata.name(letter, "").split(" ")[0].title() for _, text in boxes for letter in text
    ]
    letters = [name for name in names if name in {*scripts, "Latin"}]
    return sum(name in scripts for name in letters) / max(len(letters), 1)


def load_rapidocr_engine() -> Any:
    """The engine with the models of its package named one by one, so that it never looks for others
    online. Raises Skip where the package or its models are missing."""
    try:
        import rapidocr
    except ImportError as error:
        raise Skip("the OCR baseline needs RapidOCR: pip install 'vlm-lab[ocr]'") from error
    models = Path(rapidocr.__file__).parent / "models"
    paths = {
        part: next(models.glob(f"*_{part.lower()}_*.onnx"), None) for part in ("Det", "Cls", "Rec")
    }
    if None in paths.values():
        raise Skip(
            f"RapidOCR's package has not all of its models in {models}: pip install -U rapidocr"
        )
    settings: dict[str, Any] = {f"{part}.model_path": str(path) for part, path in paths.items()}
    settings["EngineConfig.onnxruntime.intra_op_num_threads"] = min(os.cpu_count() or 1, 8)
    return rapidocr.RapidOCR(params=settings | {"Global.log_level": "critical"})


def _run_tesseract(page: Page, wanted: Sequence[tuple[str, str]]) -> list[TextBox]:
    names = [*dict.fromkeys(name for _, name in wanted), "eng"]
    if not {*names} <= {*_query_tesseract("--list-langs")}:
        packages = " ".join(f"tesseract-ocr-{name}" for name in names)
        message = f"RapidOCR reads no {wanted[0][0]} and Tesseract is not installed with {'+'.join(names)}"
        raise Skip(f"{message}: apt-get install tesseract-ocr {packages}")
    page.image.save(image := io.BytesIO(), "PNG")
    command = ["tesseract", "stdin", "stdout", "-l", "+".join(names), "--psm", "11", "tsv"]
    alone = {
        **os.environ,
        "OMP_THREAD_LIMIT": "1",
    }  # its own threads wait for each other: 5 s a page instead of 1
    try:
        done = subprocess.run(
            command,
            input=image.getvalue(),
            capture_output=True,
            timeout=TESSERACT_TIMEOUT,
            env=alone,
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        why = (error.stderr or b"").decode(errors="replace").strip()[-300:]
        raise GenerationError(
            "OcrFailed", f"page {page.index + 1}: {type(error).__name__} {why}"
        ) from error
    return _parse_tesseract_tsv(done.stdout.decode(errors="replace"))


def _parse_tesseract_tsv(tsv: str) -> list[TextBox]:
    """A line's words as one piece, as RapidOCR gives them; Tesseract's sparse mode keeps columns
    apart."""
    found: list[tuple[list[tuple[float, float]], list[str]]] = []
    for level, *_, left, top, width, height, _, text in (
        row.split("\t") for row in tsv.splitlines()[1:]
    ):
        if level == "4":
            (x, y), (w, h) = (int(left), int(top)), (int(width), int(height))
            found.append(([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], []))
        elif level == "5":
            found[-1][1].append(text)
    return [(box, " ".join(words)) for box, words in found if "".join(words).strip()]


def _query_tesseract(option: str) -> list[str]:
    binary = shutil.which("tesseract")
    return (
        subprocess.run([binary, option], capture_output=True, text=True).stdout.splitlines()
        if binary
        else []
    )
