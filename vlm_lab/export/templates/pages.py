"""One invoice -> its pages as RGB images, as the measurement had them."""

from pathlib import Path

import pypdfium2
from PIL import Image, ImageOps, ImageSequence


def render_pages(path: Path, most: int, dpi: int) -> list[Image.Image]:
    """The first `most` pages of a PDF at `dpi`, or of an image file; transparency lies on white
    paper."""
    if b"%PDF-" in path.read_bytes()[:1024]:
        pdf = pypdfium2.PdfDocument(path)
        pdf.init_forms()
        return [
            pdf[i].render(scale=dpi / 72).to_pil().convert("RGB")
            for i in range(min(most, len(pdf)))
        ]
    with Image.open(path) as file:
        frames = ImageSequence.Iterator(file) if file.format == "TIFF" else [file]
        layers = [
            ImageOps.exif_transpose(frame).convert("RGBA")
            for frame, _ in zip(frames, range(most), strict=False)
        ]
    white = [Image.new("RGBA", layer.size, "white") for layer in layers]
    return [Image.alpha_composite(*pair).convert("RGB") for pair in zip(white, layers, strict=True)]
