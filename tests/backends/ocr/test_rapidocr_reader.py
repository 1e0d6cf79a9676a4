"""What RapidOCR is promised to read whatever its settings, and what it takes of the machine."""

import os
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from vlm_lab.backends.ocr.rapidocr_reader import load_rapidocr_engine, run_rapidocr

pytest.importorskip("rapidocr")
matplotlib = pytest.importorskip("matplotlib")

FONT = f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf"
A4 = 1240, 1755  # pixels at 150 dpi
WORDS = "Invoice No: INV-2041"
ROWS, LEFT = 8, 60


@pytest.fixture(scope="module")
def engine() -> Any:
    return load_rapidocr_engine()


def draw_page(size: tuple[int, int], letters: int = 26) -> Image.Image:
    """A white page with WORDS in ROWS rows from its top to its foot."""
    page = Image.new("RGB", size, "white")
    font = ImageFont.truetype(FONT, letters)
    for row in range(ROWS):
        place = LEFT, (row + 1) * size[1] // (ROWS + 1)
        ImageDraw.Draw(page).text(place, WORDS, fill="black", font=font, anchor="lm")
    return page


@pytest.mark.parametrize(
    ("size", "letters"),
    [
        pytest.param(A4, 13, id="six points on A4"),
        pytest.param((500, 700), 13, id="a small picture"),
        pytest.param((900, 3400), 26, id="a long receipt"),
        pytest.param((3000, 1700), 40, id="a photo that lies on its side"),
    ],
)
def test_pages_of_all_sizes_are_read_where_their_text_stands(
    engine: Any, size: tuple[int, int], letters: int
) -> None:
    boxes = run_rapidocr(engine, draw_page(size, letters))
    assert [text for _, text in boxes] == [WORDS] * ROWS
    (left, top), _, (_, bottom), _ = boxes[-1][0]
    assert left == pytest.approx(LEFT, abs=15)
    assert (top + bottom) / 2 == pytest.approx(size[1] * ROWS / (ROWS + 1), abs=15)


def test_a_page_upside_down_is_read(engine: Any) -> None:
    boxes = run_rapidocr(engine, draw_page(A4).rotate(180))
    assert [text for _, text in boxes] == [WORDS] * ROWS


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are not assigned here")
def test_each_model_has_a_thread_for_each_core_that_the_process_may_use_and_none_spins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2})
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    engine = load_rapidocr_engine()
    assert run_rapidocr(engine, draw_page((760, 760)))
    for model in (engine.text_det, engine.text_cls, engine.text_rec):
        options = model.session.session.get_session_options()
        assert options.intra_op_num_threads == 3
        assert options.enable_cpu_mem_arena
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
