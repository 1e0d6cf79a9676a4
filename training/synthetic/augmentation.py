"""What happens to paper before it is a file: a scanner's light, noise, skew and blur, and the
formats it is kept in."""

import io
from collections.abc import Callable

import numpy as np
import pypdfium2
from PIL import Image, ImageFilter
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas


def pages(pdf: bytes, dpi: int) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [
            document[index].render(scale=dpi / 72).to_pil().convert("RGB")
            for index in range(len(document))
        ]
    finally:
        document.close()


def scan(page: Image.Image, seed: int) -> Image.Image:
    """Skew up to 1.2 degrees, blur of half a pixel, light falling off to one side, grain:
    seeded."""
    chance = np.random.default_rng(seed)
    turned = page.rotate(tilt(chance), Image.Resampling.BICUBIC, fillcolor=(250, 249, 245))
    soft = np.asarray(turned.filter(ImageFilter.GaussianBlur(0.6)), dtype=np.float32)
    light = np.linspace(1.0, float(chance.uniform(0.82, 0.9)), soft.shape[1], dtype=np.float32)[
        None, :, None
    ]
    grain = chance.normal(0, 5, soft.shape[:2]).astype(np.float32)[:, :, None]
    return Image.fromarray(np.clip(soft * light + grain, 0, 255).astype(np.uint8))


def tilt(chance: np.random.Generator) -> float:
    """The skew of a scan in degrees, counter-clockwise: the first thing that is drawn from its
    seed."""
    return float(chance.uniform(0.4, 1.2)) * (1 if chance.random() < 0.5 else -1)


def saved(images: list[Image.Image], form: str, **options: object) -> bytes:
    file = io.BytesIO()
    images[0].save(file, form, **options)
    return file.getvalue()


def jpg(pdf: bytes, seed: int) -> bytes:
    return saved([scan(page, seed) for page in pages(pdf, 130)], "JPEG", quality=72)


def webp(pdf: bytes, seed: int) -> bytes:
    return saved([scan(page, seed) for page in pages(pdf, 150)], "WEBP", quality=70)


def tiff(pdf: bytes, seed: int) -> bytes:
    """Black and white as a fax machine makes it, all pages in one file."""
    sheets = [
        page.convert("L").point(lambda level: 255 * (level > 150)).convert("1")
        for page in pages(pdf, 150)
    ]
    return saved(
        sheets,
        "TIFF",
        save_all=True,
        append_images=sheets[1:],
        compression="group4",
        dpi=(150, 150),
    )


def png(pdf: bytes, seed: int) -> bytes:
    """Paper inside margins that are transparent over black, as a cut-out photograph is."""
    page = pages(pdf, 130)[0]
    whole = Image.new("RGBA", (page.width + 80, page.height + 80), (0, 0, 0, 0))
    whole.paste(page.convert("RGBA"), (40, 40))
    return saved([whole], "PNG", optimize=True)


def scanned_pdf(pdf: bytes, seed: int) -> bytes:
    """A PDF of pictures only: nothing in it can be selected."""
    file = io.BytesIO()
    canvas = Canvas(file, invariant=True)
    for index, page in enumerate(pages(pdf, 130)):
        picture = io.BytesIO(saved([scan(page, seed + index)], "JPEG", quality=70))
        width, height = page.width * 72 / 130, page.height * 72 / 130
        canvas.setPageSize((width, height))
        canvas.drawImage(ImageReader(picture), 0, 0, width, height)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


FORMATS: dict[str, Callable[[bytes, int], bytes]] = {
    "pdf": lambda pdf, seed: pdf,
    "scan": scanned_pdf,
    "jpg": jpg,
    "png": png,
    "tiff": tiff,
    "webp": webp,
}
