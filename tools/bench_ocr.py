"""Seconds and scores of the OCR baseline by settings: each document of a suite is read with all of
them, in an order drawn anew, so that what else the machine does falls on all alike.

python tools/bench_ocr.py SUITE [--every N] [SETTINGS ...]

SUITE is a folder with suite.yaml (`scripts/vlm-lab init FOLDER` writes it), SETTINGS are RapidOCR's
or rapidocr_reader's own: `Global.use_cls=false,Rec.rec_batch_num=1`, `SESSION_OPTIONS={}`.
The first row is the settings as they are. `broken` and `mended` are header fields that are read
right as it is and wrong there, and the other way round.
"""

import argparse
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from vlm_lab import parse, score
from vlm_lab.backends.ocr import rapidocr_reader
from vlm_lab.backends.ocr.backend import Ocr
from vlm_lab.errors import Skip
from vlm_lab.scoring.counts import compute_f1
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.suite.prompts import make_prompt
from vlm_lab.types import (
    CORRECT,
    EXPECTED,
    PREDICTED,
    Document,
    FieldResult,
    Model,
    Prompt,
    Runtime,
)

MODEL = Model(name="ocr", model_id="rapidocr", backend="ocr")
AS_IS = "as it is"
STAGES = ("find", "turn", "read")


class TimedEngine:
    """RapidOCR, and the seconds that it took."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.seconds = [0.0] * (2 + len(STAGES))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def __call__(self, pixels: Any) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = self._engine(pixels)
        spent = [time.perf_counter() - wall, time.process_time() - cpu, *result.elapse_list]
        for index, seconds in enumerate(spent):
            self.seconds[index] += seconds or 0.0
        return result


class Reader:
    """The baseline with some settings, and what it read."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        theirs = {key: value for key, value in settings.items() if "." in key}
        own = {key: value for key, value in settings.items() if "." not in key}
        self._settings = own | {"SETTINGS": {**rapidocr_reader.SETTINGS, **theirs}}
        self.results: dict[tuple[str, str], FieldResult] = {}
        with self._setting(), tempfile.TemporaryDirectory() as cache:
            self._ocr = Ocr(MODEL, Runtime(cache=Path(cache)))
        self._ocr._engine = self.engine = TimedEngine(self._ocr._engine)

    def read(self, document: Document, prompt: Prompt) -> None:
        with self._setting():
            generation = self._ocr.generate(prompt)
        for result in score(parse(generation), document).fields:
            if not result.in_row:
                self.results[document.id, result.path] = result

    def _setting(self) -> Any:
        return patch.multiple(rapidocr_reader, **self._settings)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", type=Path)
    parser.add_argument("settings", nargs="*")
    parser.add_argument("--every", type=int, default=1, help="each Nth document alone")
    arguments = parser.parse_intermixed_args()
    documents, _ = load_documents(load_suite(arguments.suite))
    readers = {AS_IS: Reader({})}
    readers |= {text: Reader(_parse_settings(text)) for text in arguments.settings}
    page_count = _read_documents(documents[:: arguments.every], list(readers.values()))
    print(f"{page_count} pages; seconds are of a page")
    columns = ("wall", "CPU", *STAGES, "F1", "broken", "mended")
    print("".join(f"{column:>8}" for column in columns))
    for name, reader in readers.items():
        print(f"{_format_row(reader, readers[AS_IS], page_count)}  {name}")


def _read_documents(documents: Sequence[Document], readers: Sequence[Reader]) -> int:
    """How many pages were read, by every reader. What no reader can read is left out."""
    order, page_count = random.Random(0), 0  # noqa: S311 - not for secrets
    for document in documents:
        prompt = make_prompt(MODEL, "", "default", document, None)
        prompt = replace(prompt, pages=list(prompt.pages))
        try:
            for reader in order.sample(readers, len(readers)):
                reader.read(document, prompt)
        except Skip as reason:
            print(f"{document.id}: {reason}", file=sys.stderr)
        else:
            page_count += len(prompt.pages)
    return page_count


def _parse_settings(text: str) -> dict[str, Any]:
    """`A.b=1,C=[2,3]` -> the values as JSON has them; what is no JSON is a text."""
    pairs = (pair.partition("=") for pair in re.split(r",(?![^\[]*\])", text))
    return {key: _parse_value(value) for key, _, value in pairs}


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _format_row(reader: Reader, as_is: Reader, page_count: int) -> str:
    cells = [f"{seconds / max(page_count, 1):8.2f}" for seconds in reader.engine.seconds]
    before, after = _find_right(as_is), _find_right(reader)
    f1 = _compute_f1(reader)
    return "".join(
        [*cells, f"{'' if f1 is None else f'{f1:.3f}':>8}"]
        + [f"{len(lost):8}" for lost in (before - after, after - before)]
    )


def _compute_f1(reader: Reader) -> float | None:
    outcomes = [result.outcome for result in reader.results.values()]
    counts = (sum(each in kind for each in outcomes) for kind in (CORRECT, EXPECTED, PREDICTED))
    return compute_f1(*counts)


def _find_right(reader: Reader) -> set[tuple[str, str]]:
    return {key for key, result in reader.results.items() if result.outcome in CORRECT}


if __name__ == "__main__":
    main()
