"""Greys of more than eight bits, and floats -> the eight bits that a screen shows.

What white is, the file seldom says: the smallest usual range that holds all values is taken, and
where a value is below zero or beyond all of them, the values' own range.
"""

from typing import Any

from PIL import Image

# A mask or a share, eight bits, twelve of a scanner, sixteen, thirty-two.
CEILINGS = (1, 0xFF, 0xFFF, 0xFFFF, 0xFFFF_FFFF)
WHITE_IS_ZERO = 0  # of TIFF's tag 262
PHOTOMETRIC_TAG = 262


def is_deep_grey(image: Image.Image) -> bool:
    """Whether an image has greys that Pillow would cut off at 255."""
    return image.mode in ("I", "F") or image.mode.startswith("I;")


def convert_deep_grey(image: Image.Image) -> Image.Image:
    """The image in eight bits; what is no number is white."""
    import numpy

    values = numpy.asarray(image).astype(numpy.float32)
    known = values[numpy.isfinite(values)]
    if not known.size:
        return Image.new("L", image.size, "white")
    low, high = _choose_range(float(known.min()), float(known.max()))
    shares = numpy.clip((values - low) / (high - low), 0, 1)
    if _is_white_zero(image):
        shares = 1 - shares
    shares[~numpy.isfinite(values)] = 1
    return Image.fromarray((shares * 255 + 0.5).astype(numpy.uint8))


def _choose_range(low: float, high: float) -> tuple[float, float]:
    """What is black and what is white."""
    if low >= 0:
        for ceiling in CEILINGS:
            if high <= ceiling:
                return 0.0, float(ceiling)
    return (low, high) if high > low else (low, low + 1)


def _is_white_zero(image: Image.Image) -> bool:
    tags: Any = getattr(image, "tag_v2", {})
    return bool(tags.get(PHOTOMETRIC_TAG) == WHITE_IS_ZERO)
