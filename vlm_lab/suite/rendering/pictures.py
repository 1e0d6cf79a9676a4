"""A picture -> its pages as a person sees them, through Pillow; runs in the worker alone.

EXIF orientation is honoured, pixels that are not square (a fax) are made so, transparency lies on
white paper, more than eight bits become eight. Pages are the frames of a TIFF, but for its
thumbnails and masks; what else has frames is an animation and has one page.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from vlm_lab.commands import format_install_command
from vlm_lab.errors import DocumentError, HiddenDocument
from vlm_lab.messages import Message
from vlm_lab.sanitize import terminal_safe
from vlm_lab.suite.document_files import READABLE_FORMATS, is_heif
from vlm_lab.suite.rendering.greys import convert_deep_grey, is_deep_grey
from vlm_lab.suite.rendering.page_images import RenderedPage, compute_reduction

MAX_DECODED_PIXELS = 80_000_000  # A3 at 600 dpi is 70 million; more is a bomb or a mistake
MAX_FRAMES = 2_000
IMAGE_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "GIF", "BMP", "JPEG2000", "PPM")
ORIENTATION_TAG, TURNED_ORIENTATIONS = 274, (5, 6, 7, 8)
SUBFILE_TAG, OLD_SUBFILE_TAG = 254, 255
REDUCED_OR_MASK = 0b101  # bits of tag 254: a smaller version of another frame, or its mask
OLD_REDUCED = 2
THUMBNAIL_SIDE = 256  # pixels: a frame within these beside one four times as large is no page
THUMBNAIL_RATIO = 4
MIN_ASPECT, MAX_ASPECT = 1.05, 4.0  # a pixel's longer side by its shorter: less is square, more odd
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, TypeError, OverflowError)


def count_pages(path: Path) -> int:
    """How many pages a picture has."""
    with open_picture(path) as image:
        return len(_list_page_frames(image))


def render_pages(path: Path, indices: Sequence[int], dpi: int) -> Iterator[RenderedPage]:
    """The pages; a picture has its own resolution, whatever the dpi."""
    with open_picture(path) as image:
        frames = _list_page_frames(image)
        for index in indices:
            try:
                yield _render_frame(image, path, index, frames, len(indices))
            except UNREADABLE as error:
                figures = {"page": index + 1, "said": terminal_safe(str(error)[:200])}
                name = terminal_safe(path.name)
                raise DocumentError(
                    Message("picture_page_broken", {"name": name, **figures})
                ) from None


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """The picture, not yet decoded. DocumentError where it is none that is read here."""
    # By name, Pillow would map an uncompressed TIFF that is to be turned with its sides swapped.
    with path.open("rb") as file, _identify_picture(path, file) as image:
        yield image


def _identify_picture(path: Path, file: BinaryIO) -> Image.Image:
    name = terminal_safe(path.name)
    can_read_heif = _register_heif()
    formats = (*IMAGE_FORMATS, "HEIF") if can_read_heif else IMAGE_FORMATS
    try:
        with warnings.catch_warnings():
            # Our own limit is below Pillow's.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(file, formats=[each for each in formats if each in _known_formats()])
    except UnidentifiedImageError:
        if not can_read_heif and _is_heif(path):
            figures = {"name": name, "command": format_install_command("heif")}
            raise HiddenDocument(Message("picture_heic", figures)) from None
        figures = {"name": name, "formats": READABLE_FORMATS}
        raise DocumentError(Message("no_picture", figures)) from None
    except (Image.DecompressionBombError, *UNREADABLE) as error:
        figures = {"name": name, "said": terminal_safe(str(error)[:200])}
        raise DocumentError(Message("picture_broken", figures)) from None


def _register_heif() -> bool:
    """Whether HEIC can be read: Pillow leaves it to a package of its own."""
    with suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False)
        return True
    return False


def _known_formats() -> frozenset[str]:
    """What this Pillow was built with: an unknown name is an error to it."""
    Image.init()
    return frozenset(Image.OPEN)


def _is_heif(path: Path) -> bool:
    with path.open("rb") as file:
        return is_heif(file.read(12))


def _list_page_frames(image: Image.Image) -> list[int]:
    """The frames that are pages. Where all of them are thumbnails, they are what there is."""
    if image.format != "TIFF":
        return [image.tell()]  # the primary one of a HEIC file is where it stands when opened
    frame_count = min(getattr(image, "n_frames", 1), MAX_FRAMES)
    if frame_count == 1:
        return [0]
    sizes: dict[int, tuple[int, int]] = {}
    for frame in range(frame_count):
        image.seek(frame)
        if not _is_marked_as_no_page(image):
            sizes[frame] = image.size
    largest = max((max(size) for size in sizes.values()), default=0)
    pages = [frame for frame, size in sizes.items() if not _is_thumbnail(size, largest)]
    return pages or list(range(frame_count))


def _is_marked_as_no_page(image: Any) -> bool:
    marks, old_mark = image.tag_v2.get(SUBFILE_TAG, 0), image.tag_v2.get(OLD_SUBFILE_TAG, 0)
    is_marked = isinstance(marks, int) and bool(marks & REDUCED_OR_MASK)
    return is_marked or old_mark == OLD_REDUCED


def _is_thumbnail(size: tuple[int, int], largest: int) -> bool:
    return max(size) <= THUMBNAIL_SIDE and max(size) * THUMBNAIL_RATIO <= largest


def _render_frame(
    image: Image.Image, path: Path, index: int, frames: Sequence[int], page_count: int
) -> RenderedPage:
    if image.tell() != frames[index]:
        image.seek(frames[index])
    _limit_decoding(image, path, index)
    notes: list[Message] = []
    density = _read_density(image)
    # Of a TIFF turned when it is loaded, of others here: what was across is then down.
    orientation = image.getexif().get(ORIENTATION_TAG)
    if orientation in TURNED_ORIENTATIONS:
        density = density[::-1]
    image.load()
    upright = ImageOps.exif_transpose(image) if orientation else image
    seen = _square_pixels(upright, density, index, notes)
    reduction = compute_reduction(*seen.size, page_count)
    if reduction < 1:
        width, height = (max(1, int(side * reduction)) for side in seen.size)
        figures = {"page": index + 1, "width": width, "height": height}
        notes.append(Message("picture_reduced", figures))
        seen = flatten_on_white(seen).resize((width, height), reducing_gap=2.0)
    seen = flatten_on_white(seen)
    return RenderedPage(index, seen.size, seen.tobytes(), 3 * seen.width, notes)


def _limit_decoding(image: Image.Image, path: Path, index: int) -> None:
    """A JPEG that is too large is decoded smaller, which it is made for; another is refused."""
    width, height = image.size
    if width * height > MAX_DECODED_PIXELS and image.format in ("JPEG", "MPO"):
        image.draft(None, (width // 2, height // 2))
    if image.width * image.height > MAX_DECODED_PIXELS:
        figures = {"page": index + 1, "across": width, "down": height, "limit": MAX_DECODED_PIXELS}
        name = terminal_safe(path.name)
        raise DocumentError(Message("picture_too_large", {"name": name, **figures}))


def _square_pixels(
    image: Image.Image, density: tuple[float, float], index: int, notes: list[Message]
) -> Image.Image:
    """The picture as wide and high as it is on paper: a fax has twice as many dots across."""
    across, down = density
    aspect = across / down
    if not MIN_ASPECT <= max(aspect, 1 / aspect) <= MAX_ASPECT:
        return image
    width, height = image.size
    size = (width, round(height * aspect)) if aspect > 1 else (round(width / aspect), height)
    if size[0] * size[1] > MAX_DECODED_PIXELS:
        return image
    notes.append(Message("pixels_squared", {"page": index + 1, "across": across, "down": down}))
    return flatten_on_white(image).resize(size)


def _read_density(image: Image.Image) -> tuple[float, float]:
    """Dots across and down in one unit; equal where the file does not say."""
    for key in ("dpi", "aspect", "jfif_density", "resolution"):
        density = image.info.get(key)
        if isinstance(density, tuple) and len(density) == 2:
            with suppress(*UNREADABLE, ZeroDivisionError):
                across, down = (float(each) for each in density)
                if across > 0 and down > 0:
                    return round(across, 2), round(down, 2)
    return 1.0, 1.0


def flatten_on_white(image: Image.Image) -> Image.Image:
    """RGB, as it would lie on white paper."""
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if is_deep_grey(image):
        image = convert_deep_grey(image)
    if not image.has_transparency_data:
        return _convert_colours(image)
    rgba_image = image.convert("RGBA")
    white_image = Image.new("RGB", rgba_image.size, "white")
    white_image.paste(rgba_image, mask=rgba_image.getchannel("A"))
    return white_image


def _convert_colours(image: Image.Image) -> Image.Image:
    """Printers' inks and L*a*b* by the file's own colour profile, where it has one."""
    profile = image.info.get("icc_profile")
    if image.mode not in ("CMYK", "LAB") or (image.mode == "CMYK" and not profile):
        return image.convert("RGB")
    from PIL import ImageCms

    with suppress(ImageCms.PyCMSError, OSError, ValueError):
        source: Any = io.BytesIO(profile) if profile else ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        if converted is not None:
            return converted
    return image.convert("RGB")
