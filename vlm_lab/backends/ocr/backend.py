"""The baseline every model must beat: RapidOCR, whose weights are in its package, and `rules`.

Its recogniser reads Latin, Chinese and Japanese. Documents in other scripts go to Tesseract where
that is installed with their language and are `skipped` where it is not.
Try it: `scripts/bench -k ocr`
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
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

from PIL.Image import Image

from vlm_lab.backends import Backend
from vlm_lab.backends.ocr import rules as ocr_rules
from vlm_lab.backends.ocr import suite_keys
from vlm_lab.commands import format_install_command
from vlm_lab.errors import GenerationError, Skip
from vlm_lab.fields.schema import collect_schema_fields
from vlm_lab.messages import Message
from vlm_lab.types import Generation, Model, Page, Prompt, Runtime

# Four corners, clockwise from the top left, and what is written there.
TextBox = tuple[list[tuple[float, float]], str]
PageReader = Callable[[Page], list[TextBox]]
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
        installed = {distribution.name: distribution.version for distribution in distributions()}
        versions = {name: installed[name] for name in VERSIONED_PACKAGES if name in installed}
        tesseract_version = _query_tesseract("--version")[:1]
        tesseract_languages = _query_tesseract("--list-langs")[1:]
        tesseract = " ".join([*tesseract_version, *tesseract_languages])
        rule_files = (__file__, ocr_rules.__file__, suite_keys.__file__, ocr_rules.WORDS_FILE)
        rules = b"".join(Path(file).read_bytes() for file in rule_files)
        return {**versions, "tesseract": tesseract or None, "rules": sha256(rules).hexdigest()[:12]}

    @classmethod
    def cache_inputs(cls, model: Model, prompt: Prompt) -> dict[str, Any]:
        """The document's languages choose the reader, and how dates are read; the schema's fields
        say in which keys the answer is."""
        return {"languages": prompt.languages, "fields": _choose_keys(prompt)}

    def generate(self, prompt: Prompt) -> Generation:
        """The fields found on all pages, as JSON in the keys of the prompt's schema; of the shipped
        schema where the prompt has none. Raises Skip where the schema has no field for them."""
        keys = _choose_keys(prompt)
        if keys is not None and not keys:
            raise Skip(Message("ocr_no_field", {"fields": suite_keys.KNOWN_NAMES}))
        engine, engine_reason, read_page = self._choose_reader(prompt)
        lines: list[ocr_rules.TextLine] = []
        for index, page in enumerate(prompt.pages):
            lines += deskew_lines(index, read_page(page))
        field_values = ocr_rules.extract_fields(lines, [*prompt.languages, "en"])
        environment = {**self._environment, "engine": engine, "engine_reason": engine_reason}
        answer = field_values if keys is None else suite_keys.build_answer(field_values, keys)
        reply = json.dumps(answer, ensure_ascii=False)
        return Generation(raw_response=reply, finish_reason="stop", environment=environment)

    def close(self) -> None:
        self._engine = None

    def _choose_reader(self, prompt: Prompt) -> tuple[str, str, PageReader]:
        """Engine, reason, reader: among several scripts the first page decides, as Tesseract sees
        it."""
        other_scripts = [OTHER_SCRIPTS[name] for name in prompt.languages if name in OTHER_SCRIPTS]
        language_list = ", ".join(prompt.languages)
        rapidocr, tesseract = self._read_with_rapidocr, partial(_run_tesseract, other_scripts)
        if not other_scripts:
            return "rapidocr", f"it reads {language_list or 'Latin script'}", rapidocr
        script_name = other_scripts[0][0]
        if len(other_scripts) == len(prompt.languages):
            return "tesseract", f"RapidOCR reads no {script_name}", tesseract
        try:
            boxes = tesseract(prompt.pages[0])
        except Skip as error:
            reason = (
                f"one of {language_list}, script not checked ({error}); the tag `language` tells"
            )
            return "rapidocr", reason, rapidocr
        script_share = _compute_script_share(boxes, {script for script, _ in other_scripts})
        reason = (
            f"one of {language_list}; {script_share:.0%} of the first page's letters "
            f"are {script_name}"
        )
        if script_share > 0.5:
            return "tesseract", reason, tesseract
        return "rapidocr", reason, rapidocr

    def _read_with_rapidocr(self, page: Page) -> list[TextBox]:
        return run_rapidocr(self._engine, page.image)


def _choose_keys(prompt: Prompt) -> dict[str, str] | None:
    """The suite's path for each thing that the rules find; None where there is no schema."""
    fields = collect_schema_fields(prompt.schema)
    return suite_keys.choose_fields(fields) if fields else None


def run_rapidocr(engine: Any, image: Image) -> list[TextBox]:
    """What RapidOCR finds on an RGB image."""
    import numpy as np

    result = engine(np.asarray(image)[:, :, ::-1])  # BGR, as OpenCV has it
    if result.boxes is None:
        return []
    return list(zip(result.boxes.tolist(), result.txts, strict=True))


def deskew_lines(page: int, boxes: Sequence[TextBox]) -> list[ocr_rules.TextLine]:
    """One page's lines turned by the median tilt of its longer ones, so that what is one row has
    one height."""
    angles = [
        math.atan2(box[1][1] - box[0][1], box[1][0] - box[0][0])
        for box, text in boxes
        if len(text) > 4
    ]
    rotation = cmath.rect(1, -median(angles or [0]))
    lines = []
    for box, text in boxes:
        corners = [complex(x, y) * rotation for x, y in box]
        xs = [corner.real for corner in corners]
        ys = [corner.imag for corner in corners]
        level_box = (min(xs), min(ys), max(xs), max(ys))
        lines.append(ocr_rules.build_text_line(page, level_box, text))
    return lines


def _compute_script_share(boxes: Sequence[TextBox], scripts: Set[str]) -> float:
    """Which part of the letters belongs to these scripts."""
    letters = chain.from_iterable(text for _, text in boxes)
    letter_scripts = [unicodedata.name(letter, "").split(" ")[0].title() for letter in letters]
    counted_scripts = [script for script in letter_scripts if script in {*scripts, "Latin"}]
    return sum(script in scripts for script in counted_scripts) / max(len(counted_scripts), 1)


def load_rapidocr_engine() -> Any:
    """The engine with the models of its package named one by one, so that it never looks for others
    online. Raises Skip where the package or its models are missing."""
    try:
        import rapidocr
    except ImportError as error:
        command = format_install_command("ocr")
        raise Skip(Message("ocr_not_installed", {"command": command})) from error
    models = Path(rapidocr.__file__).parent / "models"
    settings: dict[str, Any] = {}
    for stage in ("Det", "Cls", "Rec"):
        model_path = next(models.glob(f"*_{stage.lower()}_*.onnx"), None)
        if model_path is None:
            command = f"{format_install_command('ocr')} --force-reinstall"
            raise Skip(Message("ocr_lacks_models", {"path": str(models), "command": command}))
        settings[f"{stage}.model_path"] = str(model_path)
    settings["EngineConfig.onnxruntime.intra_op_num_threads"] = min(os.cpu_count() or 1, 8)
    return rapidocr.RapidOCR(params=settings | {"Global.log_level": "critical"})


def _run_tesseract(scripts: Sequence[tuple[str, str]], page: Page) -> list[TextBox]:
    """What Tesseract finds on a page in these (script, language) and in English. Raises Skip where
    it lacks one of them."""
    languages = [*dict.fromkeys(language for _, language in scripts), "eng"]
    joined_languages = "+".join(languages)
    if not {*languages} <= {*_query_tesseract("--list-langs")}:
        packages = " ".join(f"tesseract-ocr-{language}" for language in languages)
        figures = {
            "script": scripts[0][0],
            "languages": joined_languages,
            "command": f"apt-get install tesseract-ocr {packages}",
        }
        raise Skip(Message("ocr_no_language", figures))
    page.image.save(image := io.BytesIO(), "PNG")
    command = ["tesseract", "stdin", "stdout", "-l", joined_languages, "--psm", "11", "tsv"]
    # Its own threads wait for each other: 5 s a page instead of 1.
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        completed = subprocess.run(
            command,
            input=image.getvalue(),
            capture_output=True,
            timeout=TESSERACT_TIMEOUT,
            env=environment,
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        stderr_tail = (error.stderr or b"").decode(errors="replace").strip()[-300:]
        said = f"{type(error).__name__} {stderr_tail}"
        reason = Message("ocr_failed", {"page": page.index + 1, "said": said})
        raise GenerationError("OcrFailed", reason) from error
    return _parse_tesseract_tsv(completed.stdout.decode(errors="replace"))


def _parse_tesseract_tsv(tsv: str) -> list[TextBox]:
    """A line's words as one piece, as RapidOCR gives them; Tesseract's sparse mode keeps columns
    apart."""
    line_words: list[tuple[list[tuple[float, float]], list[str]]] = []
    for row in tsv.splitlines()[1:]:
        level, *_, x, y, width, height, _, text = row.split("\t")
        if level == "4":
            left, top = int(x), int(y)
            right, bottom = left + int(width), top + int(height)
            line_words.append(([(left, top), (right, top), (right, bottom), (left, bottom)], []))
        elif level == "5":
            line_words[-1][1].append(text)
    return [(box, " ".join(words)) for box, words in line_words if "".join(words).strip()]


def _query_tesseract(option: str) -> list[str]:
    """The lines that Tesseract prints; none where it is not installed."""
    binary = shutil.which("tesseract")
    if binary is None:
        return []
    completed = subprocess.run([binary, option], capture_output=True, text=True)
    return completed.stdout.splitlines()
