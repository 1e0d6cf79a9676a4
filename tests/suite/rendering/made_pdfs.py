"""PDFs for tests, written out object by object: what a library would never write is the point."""

from collections.abc import Sequence
from pathlib import Path

A4 = "[0 0 595 842]"
FONT = "/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"


def draw_text(*lines: str, size: int = 12, top: int = 780) -> str:
    """A content stream with a line of text each 20 points."""
    parts = [
        f"BT /F1 {size} Tf 72 {top - 20 * n} Td ({line}) Tj ET" for n, line in enumerate(lines)
    ]
    return "\n".join(parts)


def make_pdf(
    path: Path,
    pages: Sequence[str],
    page_keys: str = f"/MediaBox {A4}",
    catalog_keys: str = "",
    objects: Sequence[str] = (),
) -> Path:
    """A PDF whose pages have these content streams; `objects` begin at number 100."""
    kids = " ".join(f"{10 + 2 * n} 0 R" for n in range(len(pages)))
    bodies = {
        1: f"<< /Type /Catalog /Pages 2 0 R {catalog_keys} >>",
        2: f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
    }
    for number, content in enumerate(pages):
        place = 10 + 2 * number
        bodies[place] = (
            f"<< /Type /Page /Parent 2 0 R {page_keys} /Contents {place + 1} 0 R"
            f" /Resources << {FONT} >> >>"
        )
        bodies[place + 1] = f"<< /Length {len(content)} >>\nstream\n{content}\nendstream"
    bodies |= {100 + number: body for number, body in enumerate(objects)}
    text = "%PDF-1.7\n"
    for number, body in sorted(bodies.items()):
        text += f"{number} 0 obj\n{body}\nendobj\n"
    path.write_bytes(f"{text}trailer << /Root 1 0 R /Size 200 >>\n%%EOF\n".encode("latin-1"))
    return path


def make_endless_pdf(path: Path, depth: int = 30) -> Path:
    """Forms that draw the next one a dozen times each: 12 to the power of `depth` in all."""
    use, box = "/F Do " * 12, "/BBox [0 0 595 842]"
    forms = [
        f"<< /Type /XObject /Subtype /Form {box} /Length {len(use)}"
        f" /Resources << /XObject << /F {101 + number} 0 R >> >> >>\nstream\n{use}\nendstream"
        for number in range(depth)
    ]
    last = f"<< /Type /XObject /Subtype /Form {box} /Length 0 >>\nstream\n\nendstream"
    make_pdf(path, [use], objects=[*forms, last])
    resources = b"/Resources << /XObject << /F 100 0 R >> "
    path.write_bytes(path.read_bytes().replace(b"/Resources << /Font", resources + b"/Font", 1))
    return path
