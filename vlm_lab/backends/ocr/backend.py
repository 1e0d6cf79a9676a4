"""The baseline every model must beat: RapidOCR, whose weights are in its package, and `rules`.

Its recogniser reads Latin, Chinese and Japanese. Documents in other scripts go to Tesseract where
that is installed with their language and are `skipped` where it is not. With `backend_kwargs:
{output: text}` the reply is the text of the pages and no fields: what other models' prompts show.
Try it: `scripts/bench -k ocr`
"""

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from hashlib import sha256
from importlib.metadata import distributions
from itertools import chain
from pathlib import Path
from typing import Any

from vlm_lab.backends import Backend
from vlm_lab.backends.ocr import suite_keys
from vlm_lab.backends.ocr.rapidocr_reader import load_rapidocr_engine, run_rapidocr
from vlm_lab.backends.ocr.reading_order import format_pages
from vlm_lab.backends.ocr.rules import extract_fields
from vlm_lab.backends.ocr.tesseract_reader import query_tesseract, run_tesseract
from vlm_lab.backends.ocr.text_lines import TextBox, TextLine, deskew_lines
from vlm_lab.backends.ocr.words import WORDS
from vlm_lab.config.text_keys import OCR_GIVES_TEXT
from vlm_lab.errors import Skip, UserError
from vlm_lab.fields.schema import collect_schema_fields
from vlm_lab.messages import Message
from vlm_lab.sanitize import quote_value
from vlm_lab.types import Generation, Model, Page, Prompt, Runtime

PageReader = Callable[[Page], list[TextBox]]
# Languages whose script the packaged recogniser lacks -> the script, Tesseract's name of the
# language.
OTHER_SCRIPTS: dict[str, tuple[str, str]] = {
    key: tuple(pair) for key, pair in WORDS["other_scripts"].items()
}
OWN_FOLDER = Path(__file__).parent
DEVICE = {"value": "cpu", "reason": "the OCR packages bring a runtime for the CPU alone"}
VERSIONED_PACKAGES = ("rapidocr", "onnxruntime", "dateparser", "price-parser")


class Ocr(Backend):
    """Raises Skip where RapidOCR is not installed, and for a document that no installed reader can
    read."""

    _gives_text = False

    def __init__(self, model: Model, runtime: Runtime) -> None:
        self._gives_text = _gives_text(model)
        self._engine = load_rapidocr_engine()
        self._environment = {**self.identity(model, runtime), "device": DEVICE}

    @classmethod
    def identity(cls, model: Model, runtime: Runtime) -> dict[str, Any]:
        """Versions of everything that decides a reply; an added language of Tesseract does, and so
        do the rules and the settings of RapidOCR, which stand in this package's files."""
        installed = {distribution.name: distribution.version for distribution in distributions()}
        versions = {name: installed[name] for name in VERSIONED_PACKAGES if name in installed}
        tesseract_version = query_tesseract("--version")[:1]
        tesseract_languages = query_tesseract("--list-langs")[1:]
        tesseract = " ".join([*tesseract_version, *tesseract_languages])
        return {**versions, "tesseract": tesseract or None, "rules": _digest_own_files()}

    @classmethod
    def cache_inputs(cls, model: Model, prompt: Prompt) -> dict[str, Any]:
        """The document's languages choose the reader, and how dates are read; the schema's fields
        say in which keys the answer is."""
        if _gives_text(model):
            return {"languages": prompt.languages}
        return {"languages": prompt.languages, "fields": _choose_keys(prompt)}

    def generate(self, prompt: Prompt) -> Generation:
        """The fields found on all pages, as JSON in the keys of the prompt's schema; of the shipped
        schema where the prompt has none. Raises Skip where the schema has no field for them."""
        keys = None if self._gives_text else _choose_keys(prompt)
        if keys is not None and not keys:
            raise Skip(Message("ocr_no_field", {"fields": suite_keys.KNOWN_NAMES}))
        engine, engine_reason, read_page = self._choose_reader(prompt)
        lines_by_page = [
            deskew_lines(index, read_page(page)) for index, page in enumerate(prompt.pages)
        ]
        environment = {**self._environment, "engine": engine, "engine_reason": engine_reason}
        if self._gives_text:
            reply = format_pages(lines_by_page)
        else:
            reply = _extract_answer(lines_by_page, keys, prompt)
        return Generation(raw_response=reply, finish_reason="stop", environment=environment)

    def close(self) -> None:
        self._engine = None

    def _choose_reader(self, prompt: Prompt) -> tuple[str, str, PageReader]:
        """Engine, reason, reader: among several scripts the first page decides, as Tesseract sees
        it."""
        other_scripts = [OTHER_SCRIPTS[name] for name in prompt.languages if name in OTHER_SCRIPTS]
        language_list = ", ".join(prompt.languages)
        rapidocr, tesseract = self._read_with_rapidocr, partial(run_tesseract, other_scripts)
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


def _gives_text(model: Model) -> bool:
    output, text = model.backend_kwargs.get("output"), OCR_GIVES_TEXT["output"]
    if output not in (None, text):
        figures = {"model": model.name, "form": text, "found": quote_value(output)}
        raise UserError(Message("ocr_output", figures))
    return output is not None


def _extract_answer(
    lines_by_page: Sequence[Sequence[TextLine]], keys: Mapping[str, str] | None, prompt: Prompt
) -> str:
    lines = list(chain.from_iterable(lines_by_page))
    field_values = extract_fields(lines, [*prompt.languages, "en"])
    answer = field_values if keys is None else suite_keys.build_answer(field_values, keys)
    return json.dumps(answer, ensure_ascii=False)


def _digest_own_files() -> str:
    files = sorted(path for path in OWN_FOLDER.iterdir() if path.suffix in (".py", ".yaml"))
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def _choose_keys(prompt: Prompt) -> dict[str, str] | None:
    """The suite's path for each thing that the rules find; None where there is no schema."""
    fields = collect_schema_fields(prompt.schema)
    return suite_keys.choose_fields(fields) if fields else None


def _compute_script_share(boxes: Sequence[TextBox], scripts: Set[str]) -> float:
    """Which part of the letters belongs to these scripts."""
    letters = chain.from_iterable(text for _, text in boxes)
    letter_scripts = [unicodedata.name(letter, "").split(" ")[0].title() for letter in letters]
    counted_scripts = [script for script in letter_scripts if script in {*scripts, "Latin"}]
    return sum(script in scripts for script in counted_scripts) / max(len(counted_scripts), 1)
