"""pytest tests/suite/rendering/test_pictures.py: pictures as a person sees them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image, TiffImagePlugin

from vlm_lab.errors import DocumentError, HiddenDocument
from vlm_lab.messages import in_english
from vlm_lab.suite.pages import Pages
from vlm_lab.suite.rendering import pictures

WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (128, 128, 128)


def render(path: Path) -> tuple[list[Image.Image], list[str]]:
    pages = Pages(path, 9, 72)
    return [page.image for page in pages.render_pages()], [in_english(note) for note in pages.notes]


def make_greys(values: list[float], kind: str) -> Image.Image:
    """A strip of 20 x 20 squares, one for each value."""
    return Image.fromarray(numpy.kron(numpy.array([values]), numpy.ones((20, 20))).astype(kind))


@pytest.mark.parametrize(
    ("values", "kind", "shown"),
    [
        ([0, 0.5, 1], "float32", [0, 128, 255]),
        ([0, 128, 255], "float32", [0, 128, 255]),
        ([0, 32768, 65535], "float32", [0, 128, 255]),
        ([-1, 0, 1], "float32", [0, 128, 255]),
        ([0, float("nan"), 1], "float32", [0, 255, 255]),
        ([0, 2048, 4095], "uint16", [0, 128, 255]),  # a scanner's twelve bits
        ([0, 32768, 65535], "uint16", [0, 128, 255]),
        ([0, 128, 255], "int32", [0, 128, 255]),
        ([0, 1, 1], "int32", [0, 255, 255]),
        ([0, 1 << 30, (1 << 31) - 1], "int32", [0, 64, 128]),
        ([-500, 0, 500], "int32", [0, 128, 255]),
    ],
)
def test_greys_of_any_depth_keep_their_order_and_their_white(
    tmp_path: Path, values: list[float], kind: str, shown: list[int]
) -> None:
    make_greys(values, kind).save(tmp_path / "a.tiff")
    (image,), _ = render(tmp_path / "a.tiff")
    assert [image.getpixel((10 + 20 * n, 10))[0] for n in range(3)] == pytest.approx(shown, abs=1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"])
def test_a_picture_of_any_mode_is_white_where_it_is_white(tmp_path: Path, mode: str) -> None:
    if mode == "LAB":
        image = Image.merge("LAB", [Image.new("L", (32, 32), each) for each in (255, 128, 128)])
    else:
        image = Image.new("RGB", (32, 32), "white").convert(mode)
    image.save(tmp_path / "a.tiff")
    (rendered,), notes = render(tmp_path / "a.tiff")
    assert all(value > 245 for value in rendered.getpixel((5, 5)))  # type: ignore[union-attr]
    assert notes == ["page 1: came out white"]


def test_a_palette_with_a_transparent_colour_lies_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (32, 32), 1)
    image.putpalette([200, 0, 0, 0, 0, 0])
    image.putpixel((9, 9), 0)
    image.save(tmp_path / "a.png", transparency=1)
    (rendered,), _ = render(tmp_path / "a.png")
    assert (rendered.getpixel((0, 0)), rendered.getpixel((9, 9))) == (WHITE, (200, 0, 0))


@pytest.mark.parametrize(
    ("dpi", "size", "has_note"),
    [
        ((204, 98), (408, 408), True),
        ((98, 204), (849, 196), True),
        ((204, 196), (408, 196), False),
        ((200, 1), (408, 196), False),  # nobody's paper
        ((0, 0), (408, 196), False),
    ],
)
def test_a_fax_is_as_high_as_its_paper(
    tmp_path: Path, dpi: tuple[int, int], size: tuple[int, int], has_note: bool
) -> None:
    Image.effect_noise((408, 196), 90).save(tmp_path / "a.tiff", dpi=dpi)
    (image,), notes = render(tmp_path / "a.tiff")
    assert image.size == pytest.approx(size, abs=1)
    assert [("not square" in note) for note in notes] == [True] * has_note


def test_a_fax_that_lies_on_its_side_is_turned_after_it_is_made_square(tmp_path: Path) -> None:
    Image.effect_noise((400, 100), 90).save(tmp_path / "a.tiff", dpi=(200, 100), tiffinfo={274: 6})
    (image,), _ = render(tmp_path / "a.tiff")
    assert image.size == (200, 400)


def save_frames(path: Path, frames: list[tuple[tuple[int, int], int]]) -> None:
    """A TIFF of frames with a size and the bits of tag 254 each."""
    with TiffImagePlugin.AppendingTiffWriter(str(path), True) as file:
        for size, subfile in frames:
            tags = TiffImagePlugin.ImageFileDirectory_v2()
            tags[254] = subfile
            Image.effect_noise(size, 90).save(file, "TIFF", tiffinfo=tags)
            file.newFrame()


@pytest.mark.parametrize(
    ("frames", "shown"),
    [
        ([((600, 800), 0), ((600, 800), 2)], [(600, 800), (600, 800)]),
        ([((60, 80), 1), ((600, 800), 0)], [(600, 800)]),
        ([((600, 800), 0), ((600, 800), 4)], [(600, 800)]),
        ([((60, 80), 0), ((600, 800), 0)], [(600, 800)]),
        ([((60, 80), 1)], [(60, 80)]),
        ([((60, 80), 0), ((60, 80), 0)], [(60, 80), (60, 80)]),
    ],
)
def test_thumbnails_and_masks_are_no_pages(
    tmp_path: Path, frames: list[tuple[tuple[int, int], int]], shown: list[tuple[int, int]]
) -> None:
    save_frames(tmp_path / "a.tiff", frames)
    images, _ = render(tmp_path / "a.tiff")
    assert [image.size for image in images] == shown


@pytest.mark.parametrize("kind", ["AVIF", "GIF", "BMP", "JPEG2000", "PPM"])
def test_what_phones_scanners_and_mails_write_is_read(tmp_path: Path, kind: str) -> None:
    Image.effect_noise((64, 48), 90).convert("RGB").save(tmp_path / "a.bin", kind)
    (image,), notes = render(tmp_path / "a.bin")
    assert (image.size, notes) == ((64, 48), [])


def test_heic_is_read_or_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 40)
    monkeypatch.setattr(pictures, "_register_heif", lambda: False)
    with pytest.raises(
        HiddenDocument, match=r"a\.heic: is a HEIC picture; .* -m pip install .*\[heif\]"
    ):
        pictures.count_pages(path)


def test_a_heic_of_a_phone_is_read_where_the_extra_is(shared: Path) -> None:
    pytest.importorskip("pillow_heif", reason="pip install 'vlm-lab[heif]'")
    (image,), _ = render(shared / "cases/documents/phone.heic")
    assert min(image.size) > 100


def test_a_phones_picture_is_made_smaller_and_one_that_is_no_jpeg_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.jpg", "a.png"):
        Image.new("L", (900, 700), 128).save(tmp_path / name)
    monkeypatch.setattr(pictures, "MAX_DECODED_PIXELS", 400_000)
    ((page,),) = [list(pictures.render_pages(tmp_path / "a.jpg", [0], 72))]
    assert page.size == (450, 350)
    with pytest.raises(DocumentError, match="page 1 is 900 x 700 pixels"):
        list(pictures.render_pages(tmp_path / "a.png", [0], 72))


def test_a_large_picture_says_what_was_made_of_it(tmp_path: Path) -> None:
    Image.new("L", (8000, 6000), 128).save(tmp_path / "a.png")
    (image,), notes = render(tmp_path / "a.png")
    assert image.width * image.height <= 36_000_000
    assert notes == [f"page 1: made smaller, {image.width} × {image.height} pixels"]


def break_head(data: bytes) -> bytes:
    return data[:8] + b"\xff" * 40 + data[48:]


@pytest.mark.parametrize("kind", ["TIFF", "PNG", "JPEG", "WEBP", "BMP"])
@pytest.mark.parametrize("damage", [break_head, lambda data: data[: len(data) // 3]])
def test_a_broken_picture_is_one_line(
    tmp_path: Path, kind: str, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "a.img"
    Image.effect_noise((200, 100), 90).convert("RGB").save(path, kind)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DocumentError, match=r"a\.img: ") as error:
        render(path)
    assert "\n" not in str(error.value)


def test_a_librarys_warning_is_a_note(tmp_path: Path) -> None:
    exif: Any = Image.Exif()
    exif[0x010E] = "x" * 300
    Image.effect_noise((64, 48), 90).save(tmp_path / "a.jpg", exif=exif.tobytes()[:60])
    (image,), notes = render(tmp_path / "a.jpg")
    assert image.size == (64, 48)
    assert [note.startswith("a library says: ") for note in notes] == [True]
