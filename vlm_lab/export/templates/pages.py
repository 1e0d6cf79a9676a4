"""One invoice -> its pages as RGB images, as the measurement had them."""

from pathlib import Path

import pypdfium2
from PIL import Image, ImageOps, ImageSequence


def render_pages(path: Path, max_pages: int, dpi: int) -> list[Image.Image]:
    """The first pages of a PDF at `dpi`, or of an image file; what is transparent is white."""
    if b"%PDF-" in path.read_bytes()[:1024]:
        pdf = pypdfium2.PdfDocument(path)
        pdf.init_forms()
        return [
            pdf[i].render(scale=dpi / 72).to_pil().convert("RGB")
            for i in range(min(max_pages, len(pdf)))
        ]
    with Image.open(path) as file:
        frames = ImageSequence.Iterator(file) if file.format == "TIFF" else [file]
        layers = [
            ImageOps.exif_transpose(frame).convert("RGBA")
            for frame, _ in zip(frames, range(max_pages), strict=False)
        ]
    backgrounds = [Image.new("RGBA", layer.size, "white") for layer in layers]
    return [
        Image.alpha_composite(background, layer).convert("RGB")
        for background, layer in zip(backgrounds, layers, strict=True)
    ]
