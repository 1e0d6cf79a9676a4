"""pytest tests/suite/test_pages.py: real files' pages; what is broken says so in a line."""

import io
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image, ImageDraw

from vlm_lab.errors import DocumentError
from vlm_lab.messages import in_english
from vlm_lab.pixel_file import PixelFile, StoredPixels, read_pixels
from vlm_lab.sanitize import terminal_safe
from vlm_lab.suite import document_files
from vlm_lab.suite import pages as suite_pages
from vlm_lab.suite.document_files import is_document
from vlm_lab.suite.pages import PAGE_WORKER, CountingAhead, Pages, PicturePainter
from vlm_lab.suite.rendering import process

RED, WHITE, BLACK = (255, 0, 0), (255, 255, 255), (0, 0, 0)


def picture(size: tuple[int, int] = (40, 20)) -> Image.Image:
    """White, its top left quarter red: one can see which way up it is."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2 - 1, size[1] // 2 - 1), fill="red")
    return image


def pdf(path: Path, sizes: list[tuple[int, int]], rotation: int = 0) -> Path:
    document = pypdfium2.PdfDocument.new()
    for size in sizes:
        document.new_page(*size).set_rotation(rotation)
    document.save(path)
    return path


def pages(path: Path, max_pages: int = 4, dpi: int = 72) -> list[Image.Image]:
    return [page.image for page in Pages(path, max_pages, dpi)]


def near(pixel: object, colour: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 40 for a, b in zip(pixel, colour, strict=True))  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        # What is asked of the worker: about two files, or about one.
        ("none", [2]),
        ("broken", [2, "d1.pdf"]),
        ("ends the process", [2, "d0.pdf", "d1.pdf", "d2.pdf", "d3.pdf"]),
    ],
)
def test_pages_of_many_are_counted_together_and_one_fault_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, expected: list[int | str]
) -> None:
    paths = [pdf(tmp_path / f"d{number}.pdf", [(72, 72)] * (number + 1)) for number in range(4)]
    if fault == "broken":
        paths[1].write_bytes(b"%PDF-1.7 and no more than that")
    asked: list[int | str] = []
    exchange = process.PageWorker._exchange

    def note_request(
        self: process.PageWorker,
        path: Path,
        operation: str,
        arguments: dict[str, Any],
        place: Any,
    ) -> Any:
        asked.append(len(arguments["paths"]) if "paths" in arguments else path.name)
        if operation == "count_each" and fault == "ends the process":
            raise EOFError
        return exchange(self, path, operation, arguments, place)

    monkeypatch.setattr(process.PageWorker, "_exchange", note_request)
    monkeypatch.setattr(suite_pages, "COUNTED_TOGETHER", 2)
    CountingAhead(tmp_path, paths).finish(paths)
    for number, path in enumerate(paths):
        if fault == "broken" and path.name == "d1.pdf":
            with pytest.raises(DocumentError, match="^d1.pdf: "):
                Pages(path, 4, 72).total  # noqa: B018
        else:
            assert Pages(path, 4, 72).total == number + 1
    assert list(dict.fromkeys(asked)) == expected


def test_of_those_that_are_counted_ahead_no_more_are_than_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [pdf(tmp_path / f"d{number}.pdf", [(72, 72)]) for number in range(8)]
    asked: list[str] = []
    are_wanted_known = threading.Event()
    request = process.PageWorker.request

    def note_request(
        self: process.PageWorker, path: Path, operation: str, **arguments: Any
    ) -> process.Answer:
        asked.extend(Path(name).stem for name in arguments["paths"])
        assert are_wanted_known.wait(10)
        return request(self, path, operation, **arguments)

    monkeypatch.setattr(process.PageWorker, "request", note_request)
    monkeypatch.setattr(suite_pages, "COUNTED_TOGETHER", 2)
    counting = CountingAhead(tmp_path, paths)
    threading.Timer(0.1, are_wanted_known.set).start()
    counting.finish({paths[1], paths[6]})
    assert asked == ["d0", "d1", "d6"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_content_decides_what_a_file_is_not_its_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "scan.pdf"
    picture().save(path, kind)
    (image,) = pages(path)
    assert image.mode == "RGB"
    assert near(image.getpixel((3, 3)), RED)


def test_pdf_is_rendered_at_the_dpi_asked_for(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.png", [(72, 144)])
    assert [image.size for image in pages(path, dpi=150)] == [(150, 300)]


@pytest.mark.parametrize("width", [200, 201, 202, 203])  # PDFium fills rows up to four bytes
def test_a_page_is_what_pdfium_draws_however_wide_it_is(tmp_path: Path, width: int) -> None:
    path = tmp_path / "a.pdf"
    picture((width, 100)).save(path, resolution=72)
    (page,) = Pages(path, 1, 72).render_pages()
    with pypdfium2.PdfDocument(path) as pdf:
        drawn = pdf[0].render(scale=1).to_pil().convert("RGB")
    assert page.size == drawn.size == (width, 100)
    assert page.image.tobytes() == page.pixels == drawn.tobytes()


class UnreachableFile(PixelFile):
    """One that the process which draws cannot open."""

    path = property(lambda self: "/proc/0/fd/0", lambda self, path: None)  # type: ignore[assignment]

    def seal(self) -> None:
        pass


@pytest.mark.parametrize("way", ["memory", "pipe", "no way into memory"])
def test_pages_are_the_same_whatever_way_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "pipe":
        monkeypatch.setattr(process, "create_pixel_file", lambda: None)
    if way == "no way into memory":
        monkeypatch.setattr(process, "create_pixel_file", lambda: UnreachableFile(os.dup(0)))
    sizes = [(201, 300), (72, 144), (3, 7)]  # one whose rows some releases of PDFium fill up
    path = tmp_path / "a.pdf"
    images = [picture(size) for size in sizes]
    images[0].save(path, save_all=True, append_images=images[1:], resolution=72)
    rendered_pages = Pages(path, 3, 72).render_pages()
    assert [page.size for page in rendered_pages] == sizes
    with pypdfium2.PdfDocument(path) as document:
        for page, drawn in zip(rendered_pages, document, strict=True):
            expected = drawn.render(scale=1).to_pil().convert("RGB").tobytes()
            assert page.pixels == bytes(read_pixels(page.source)) == expected
            assert pickle.loads(pickle.dumps(page)).drawn == expected  # noqa: S301


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="the system has no files in memory")
def test_a_drawn_page_is_in_memory_that_nobody_changes(tmp_path: Path) -> None:
    (page,) = Pages(pdf(tmp_path / "a.pdf", [(72, 144)]), 1, 72).render_pages()
    assert isinstance(page.drawn, StoredPixels)
    descriptor = os.open(page.drawn.file.path, os.O_WRONLY)
    with pytest.raises(PermissionError):
        os.pwrite(descriptor, b"others", 0)
    os.close(descriptor)


def test_pdf_rotation_is_honoured(tmp_path: Path) -> None:
    assert pages(pdf(tmp_path / "a.pdf", [(72, 144)], rotation=90))[0].size == (144, 72)


def test_exif_orientation_is_honoured(tmp_path: Path) -> None:
    image = picture()
    exif = image.getexif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    (turned,) = pages(tmp_path / "a.jpg")
    assert turned.size == (20, 40)
    assert near(turned.getpixel((17, 3)), RED)
    assert near(turned.getpixel((3, 3)), WHITE)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_on_white_paper(tmp_path: Path, mode: str) -> None:
    layer = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    layer.putpixel((4, 4), (0, 0, 0, 255))
    layer.convert(mode).save(tmp_path / "a.png")
    (image,) = pages(tmp_path / "a.png")
    assert image.getpixel((0, 0)) == WHITE
    assert image.getpixel((4, 4)) == BLACK


def test_sixteen_bit_scan_keeps_its_greys(tmp_path: Path) -> None:
    Image.new("I;16", (4, 4), 32768).save(tmp_path / "a.tiff")
    assert pages(tmp_path / "a.tiff")[0].getpixel((0, 0)) == (128, 128, 128)


def test_max_pages_limits_what_is_rendered_and_says_what_there_was(tmp_path: Path) -> None:
    pages = Pages(pdf(tmp_path / "a.pdf", [(72, 72)] * 5), max_pages=2, dpi=72)
    assert (pages.total, pages.indices, len(pages)) == (5, (0, 1), 2)
    assert [page.index for page in pages] == [0, 1]


def test_tiff_frames_are_pages_and_those_of_an_animation_are_not(tmp_path: Path) -> None:
    for name in ("a.tiff", "a.webp"):
        picture().save(
            tmp_path / name, save_all=True, append_images=[Image.new("RGB", (40, 20), "blue")]
        )
    assert len(pages(tmp_path / "a.tiff")) == 2
    assert len(pages(tmp_path / "a.webp")) == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"%PDF-1.4 too few", "is not a readable PDF"),
        (b"15 bytes of junk", "is no PDF, JPEG, PNG, TIFF, WEBP, AVIF, HEIC"),
        (b"tiny", "has 4 bytes"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "a.pdf"),
        (b"\xff\xd8\xff" + b"\0" * 40, "a.pdf"),
    ],
)
def test_a_broken_file_is_one_line_that_names_it(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(data)
    with pytest.raises(DocumentError, match="a.pdf") as error:
        pages(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_truncated_image_names_its_page(tmp_path: Path) -> None:
    Image.effect_noise((200, 200), 60).save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(DocumentError, match=r"a\.jpg: page 1 is broken"):
        pages(tmp_path / "a.jpg")


def test_bombs_are_refused_before_they_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("1", (10_000, 9_000)).save(tmp_path / "huge.png")
    with pytest.raises(DocumentError, match="page 1 is 10,000 x 9,000 pixels"):
        pages(tmp_path / "huge.png")
    monkeypatch.setattr(document_files, "MAX_FILE_BYTES", 100)
    with pytest.raises(DocumentError, match="the limit is 100; split the file"):
        pages(tmp_path / "huge.png")


def test_hostile_names_reach_no_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\nb.pdf"
    path.write_bytes(b"not a document at all")
    with pytest.raises(DocumentError) as error:
        pages(path)
    assert "\x1b" not in str(error.value)
    assert terminal_safe("Счёт 17 – № 5") == "Счёт 17 – № 5"


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.PDF", b"", True),
        ("a.bin", b"%PDF-1.7", True),
        ("a.txt", b"hello", False),
        ("b", b"\x89PNG\r\n\x1a\n", True),
    ],
)
def test_what_counts_as_a_document(tmp_path: Path, name: str, data: bytes, expected: bool) -> None:
    (tmp_path / name).write_bytes(data)
    assert is_document(tmp_path / name) is expected


ODD = {
    "copy_protected.pdf": 2,
    "fifteen_bytes.pdf": "has 15 bytes",
    "invalid_5p.pdf": 5,
    "not_a_pdf.pdf": "is not a readable PDF",
    "owner_password.pdf": 1,
    "user_password.pdf": "needs a password",
    "webp_named_png.png": 1,
    "without_basefont.pdf": 3,
}


@pytest.mark.parametrize(("name", "expected"), ODD.items())
def test_real_files_that_mislead_pipelines(shared: Path, name: str, expected: int | str) -> None:
    pages = Pages(shared / "odd_inputs" / name, 4, 50)
    if isinstance(expected, int):
        assert pages.total == expected
        assert len(pages.render_pages()) == min(expected, 4)
    else:
        with pytest.raises(DocumentError, match=expected):
            pages.render_pages()


@pytest.mark.parametrize(("longest_side", "size"), [(400, (40, 20)), (20, (20, 10))])
def test_small_pictures_of_pages_are_what_the_pages_show(
    tmp_path: Path, longest_side: int, size: tuple[int, int]
) -> None:
    path = tmp_path / "scan.tiff"
    picture().save(path, save_all=True, append_images=[Image.new("RGB", (40, 20), "black")])
    with PicturePainter(1, longest_side, 90) as painter:
        pictures = painter.draw_pictures(Pages(path, 4, 72))
    first, second = (Image.open(io.BytesIO(data)) for data in pictures)
    assert (first.format, first.size, second.size) == ("JPEG", size, size)
    assert near(first.getpixel((2, 2)), RED)
    assert near(second.getpixel((2, 2)), BLACK)


def test_pictures_of_many_documents_are_drawn_by_several_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each document by whichever is idle, to the same bytes; the processes of its own are gone."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    picture().save(tmp_path / "scan.png")
    documents = [Pages(tmp_path / "scan.png", 1, 72) for _ in range(40)]
    broken = Pages(tmp_path / "torn.png", 1, 72)
    (tmp_path / "torn.png").write_bytes(b"torn " * 100)
    with PicturePainter(len(documents), 400, 90) as painter, ThreadPoolExecutor(3) as pool:
        pictures = list(pool.map(painter.draw_pictures, documents))
        with pytest.raises(DocumentError, match=r"torn\.png"):
            painter.draw_pictures(broken)
        own_pids = {worker.pid for worker in painter._workers._own_workers}
    assert len(own_pids - {None, PAGE_WORKER.pid}) == 1
    assert [worker.pid for worker in painter._workers._own_workers] == [None]
    assert pictures == [pictures[0]] * 40
    with PicturePainter(19, 400, 90) as painter:
        assert (painter.process_count, painter.draw_pictures(documents[0])) == (1, pictures[0])


@pytest.mark.parametrize(
    ("marks", "note"),
    [
        ([], "page 1: came out white"),
        ([(0, 7, 60, 7)], None),  # between the rows that are looked at first
        ([(0, 0, 60, 63)], "page 1: came out black"),
    ],
)
def test_one_line_of_print_is_seen_wherever_it_stands(
    tmp_path: Path, marks: list[tuple[int, int, int, int]], note: str | None
) -> None:
    image = Image.new("RGB", (61, 64), "white")
    for box in marks:
        ImageDraw.Draw(image).rectangle(box, fill="black")
    image.save(tmp_path / "a.png")
    shown = Pages(tmp_path / "a.png", 1, 72)
    shown.render_pages()
    assert [in_english(each) for each in shown.notes] == ([note] if note else [])
