"""Documents that were broken on purpose, through the page worker: no traceback, no hang, no leak.

    python tools/fuzz_documents.py FOLDER --count 4000 --seed 7

Each is one of FOLDER's documents with bytes changed, cut out, doubled or swapped with another's, by
a seed: the same arguments make the same files. A document may be rendered or refused by a
DocumentError; anything else, or a request beyond the limit, ends with exit status 1 and keeps the
file under --keep.
"""

import argparse
import io
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from vlm_lab.errors import DocumentError
from vlm_lab.suite.document_files import is_document
from vlm_lab.suite.pages import Pages, read_page_texts
from vlm_lab.suite.rendering.process import DOCUMENT_SECONDS

PICTURE_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP")
PICTURE_SIDE = 600  # pixels: what is fuzzed is the reading, not the size
MARGIN_SECONDS = 5.0  # a limit is kept this well
MAX_GROWTH_MB = 150  # of the parent's memory, from the hundredth document on
DPI = 72
NUMBERS = (b"0", b"-1", b"1e9", b"4294967295", b"99999999999", b"0.00001")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path, default=Path("fuzz_findings"))
    args = parser.parse_args()
    sources = read_sources(args.folder)
    outcomes: Counter[str] = Counter()
    findings, slowest, memory_at_start = 0, 0.0, 0.0
    started = time.perf_counter()
    with TemporaryDirectory() as temporary:
        for number in range(args.count):
            rng = random.Random(f"{args.seed}-{number}")  # noqa: S311 - to be repeated, not secret
            path = Path(temporary) / f"{number}.bin"
            path.write_bytes(mutate(rng, sources))
            outcome, seconds = open_document(path)
            outcomes[outcome] += 1
            slowest = max(slowest, seconds)
            if outcome.startswith("!") or seconds > 2 * DOCUMENT_SECONDS + MARGIN_SECONDS:
                findings += 1
                args.keep.mkdir(exist_ok=True)
                (args.keep / path.name).write_bytes(path.read_bytes())
                print(f"{number}: {outcome} after {seconds:.1f} s", flush=True)
            path.unlink()
            if number == min(100, args.count - 1):
                memory_at_start = read_peak_mb()
    growth = read_peak_mb() - memory_at_start
    print(f"{args.count} documents in {time.perf_counter() - started:.0f} s, seed {args.seed}")
    print(f"slowest {slowest:.1f} s; parent's peak memory grew by {growth:.0f} MB")
    for outcome, count in outcomes.most_common():
        print(f"{count:6} {outcome}")
    return int(findings > 0 or growth > MAX_GROWTH_MB)


def open_document(path: Path) -> tuple[str, float]:
    """What came of it, `!` before what must not be; and the seconds it took."""
    started = time.perf_counter()
    try:
        pages = Pages(path, 3, DPI)
        pages.render_pages()
        read_page_texts(path)
        outcome = "rendered"
    except DocumentError as error:
        outcome = classify_refusal(str(error))
    except Exception as error:
        outcome = f"! {type(error).__name__}: {error}"[:200]
    return outcome, time.perf_counter() - started


def classify_refusal(message: str) -> str:
    kinds = {
        "was not done within": "refused: too slow",
        "of memory": "refused: too much memory or crashed",
        "ended the process": "refused: crashed",
    }
    return next((kind for words, kind in kinds.items() if words in message), "refused: broken")


def read_sources(folder: Path) -> list[bytes]:
    """The folder's documents, and its first pages as pictures of each format."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and is_document(path))
    if not paths:
        sys.exit(f"{folder}: holds no document; give another folder")
    sources = [path.read_bytes() for path in paths]
    for number, path in enumerate(paths):
        image = Pages(path, 1, DPI)[0].image
        image.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
        sources.append(encode_picture(image, PICTURE_FORMATS[number % len(PICTURE_FORMATS)]))
    return sources


def encode_picture(image: Image.Image, picture_format: str) -> bytes:
    file = io.BytesIO()
    image.save(file, picture_format)
    return file.getvalue()


def mutate(rng: random.Random, sources: Sequence[bytes]) -> bytes:
    """One of the sources after one to six changes."""
    data = bytearray(rng.choice(sources))
    for _ in range(rng.randint(1, 6)):
        rng.choice(MUTATIONS)(rng, data, sources)
    return bytes(data)


def change_bytes(rng: random.Random, data: bytearray, sources: Sequence[bytes]) -> None:
    for _ in range(rng.randint(1, 20)):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)


def change_head(rng: random.Random, data: bytearray, sources: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(min(len(data), 300))] = rng.randrange(256)


def change_number(rng: random.Random, data: bytearray, sources: Sequence[bytes]) -> None:
    """A number in the text of a PDF: lengths, boxes and offsets are such."""
    if not data:
        return
    start = rng.randrange(len(data))
    digit = next((place for place in range(start, len(data)) if 48 <= data[place] <= 57), None)
    if digit is not None:
        end = digit
        while end < len(data) and 48 <= data[end] <= 57:
            end += 1
        data[digit:end] = rng.choice(NUMBERS)


def cut_out(rng: random.Random, data: bytearray, sources: Sequence[bytes]) -> None:
    start = rng.randrange(len(data) + 1)
    del data[start : start + rng.choice((1, 16, 1000, len(data)))]


def double(rng: random.Random, data: bytearray, sources: Sequence[bytes]) -> None:
    start = rng.randrange(len(data) + 1)
    data[start:start] = data[start : start + rng.choice((8, 500, 20_000))]


def put_in_another(rng: random.Random, data: bytearray, sources: Sequence[bytes]) -> None:
    other = rng.choice(sources)
    taken = rng.randrange(len(other))
    start = rng.randrange(len(data) + 1)
    data[start : start + 2000] = other[taken : taken + 2000]


MUTATIONS: tuple[Callable[[random.Random, bytearray, Sequence[bytes]], None], ...] = (
    change_bytes,
    change_head,
    change_number,
    cut_out,
    double,
    put_in_another,
)


def read_peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
