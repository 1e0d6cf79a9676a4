"""Tesseract, a program beside us: a page -> pieces of text and where they stand."""

import io
import os
import shutil
import subprocess
from collections.abc import Sequence

from vlm_lab.backends.ocr.text_lines import TextBox
from vlm_lab.errors import GenerationError, Skip
from vlm_lab.messages import Message
from vlm_lab.types import Page

TIMEOUT = 300  # seconds for one page; Tesseract can hang on noise


def run_tesseract(scripts: Sequence[tuple[str, str]], page: Page) -> list[TextBox]:
    """What Tesseract finds on a page in these (script, language) and in English. Raises Skip where
    it lacks one of them."""
    languages = [*dict.fromkeys(language for _, language in scripts), "eng"]
    joined_languages = "+".join(languages)
    if not {*languages} <= {*query_tesseract("--list-langs")}:
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
            timeout=TIMEOUT,
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


def query_tesseract(option: str) -> list[str]:
    """The lines that Tesseract prints; none where it is not installed."""
    binary = shutil.which("tesseract")
    if binary is None:
        return []
    completed = subprocess.run([binary, option], capture_output=True, text=True)
    return completed.stdout.splitlines()
