"""pytest tests/suite/rendering/test_process.py: what a hostile document costs, and what it does
not."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image

from tests.processes import has_ended
from tests.suite.rendering.made_pdfs import draw_text, make_endless_pdf, make_pdf
from vlm_lab.errors import DocumentError
from vlm_lab.suite.pages import Pages
from vlm_lab.suite.rendering import process
from vlm_lab.suite.rendering.process import PAGE_WORKER, PageWorker


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return make_pdf(tmp_path / "sound.pdf", [draw_text("Invoice 17")])


def test_one_worker_serves_all_documents(sound: Path, tmp_path: Path) -> None:
    Pages(sound, 1, 72).render_pages()
    pid = PAGE_WORKER.pid
    Image.effect_noise((64, 64), 90).save(tmp_path / "a.png")
    Pages(tmp_path / "a.png", 1, 72).render_pages()
    assert pid is not None
    assert PAGE_WORKER.pid == pid


def test_a_document_that_never_ends_costs_its_time_once_and_the_next_is_rendered(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "DOCUMENT_SECONDS", 1.0)
    endless = make_endless_pdf(tmp_path / "endless.pdf")
    with pytest.raises(
        DocumentError, match=r"endless\.pdf: page 1 was not done within 1 s"
    ) as said:
        Pages(endless, 4, 72).render_pages()
    started = time.monotonic()
    with pytest.raises(DocumentError, match=r"endless\.pdf: page 1") as again:
        Pages(endless, 2, 150).render_pages()
    assert str(again.value) == str(said.value)
    assert time.monotonic() - started < 0.5, "not tried again"
    assert len(Pages(sound, 4, 72).render_pages()) == 1


def test_memory_is_limited_and_a_worker_that_others_filled_is_no_documents_fault(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MEMORY_BYTES", 400 * 2**20)
    worker = PageWorker()
    Image.new("RGBA", (7900, 7900)).save(tmp_path / "large.png", compress_level=1)
    worker.request(sound, "count")
    first = worker.pid
    with pytest.raises(DocumentError, match=r"large\.png: page 1 .*0\.390625 GiB"):
        worker.request(tmp_path / "large.png", "render", indices=[0], dpi=72)
    assert worker.request(sound, "count").result == 1
    assert worker.pid != first
    worker.kill()


def test_a_worker_that_was_killed_is_replaced_without_a_word(sound: Path) -> None:
    worker = PageWorker()
    worker.request(sound, "count")
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.request(sound, "count").result == 1
    worker.kill()


def test_an_interrupt_ends_what_another_thread_waits_for(tmp_path: Path) -> None:
    worker, said = PageWorker(), []
    endless = make_endless_pdf(tmp_path / "endless.pdf")

    def render() -> None:
        try:
            worker.request(endless, "render", indices=[0], dpi=72)
        except DocumentError as error:
            said.append(str(error))

    thread = threading.Thread(target=render)
    thread.start()
    time.sleep(1)
    worker.interrupt()
    thread.join(5)
    assert said == ["endless.pdf: was interrupted while it was rendered"]
    worker.kill()


PARENT = """
import sys, threading
from pathlib import Path
from vlm_lab.suite.pages import PAGE_WORKER, Pages
threading.Thread(target=Pages(Path(sys.argv[1]), 1, 72).render_pages, daemon=True).start()
while PAGE_WORKER.pid is None:
    pass
print(PAGE_WORKER.pid, flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_the_worker_dies_with_its_parent_in_the_middle_of_a_document(
    tmp_path: Path, sent: signal.Signals
) -> None:
    endless = make_endless_pdf(tmp_path / "endless.pdf")
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(endless)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
    ) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        time.sleep(1)
        assert psutil.pid_exists(pid)
        parent.send_signal(sent)
        assert has_ended(pid, 5)


def test_pixels_are_the_same_as_without_a_process(tmp_path: Path) -> None:
    image = Image.effect_noise((301, 203), 90).convert("RGB")
    image.save(tmp_path / "a.png")
    assert Pages(tmp_path / "a.png", 1, 72)[0].image.tobytes() == image.tobytes()


def test_a_parents_memory_stays_flat(tmp_path: Path) -> None:
    make_pdf(tmp_path / "a.pdf", [""] * 4, "/MediaBox [0 0 9000 9000]")
    before = psutil.Process().memory_info().rss
    for _ in range(3):
        pages = Pages(tmp_path / "a.pdf", 4, 150).render_pages()
        assert sum(page.image.width * page.image.height for page in pages) <= 81_000_000
        del pages
    assert psutil.Process().memory_info().rss - before < 400 * 2**20


def test_a_file_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"a\.pdf: cannot be read \(No such file"):
        Pages(tmp_path / "a.pdf", 1, 72).render_pages()
