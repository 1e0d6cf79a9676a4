"""pytest tests/corrections_page/test_page.py: the page in Chromium, by keyboard and pointer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.corrections_page.sessions import HOSTILE, make_session, serve
from vlm_lab.corrections_page import PageServer

PROJECT = Path(__file__).parents[2]
AXE = PROJECT / "cache" / "node" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = pytest.mark.slow  # a browser
ROW = ".value-row:has-text('{}')"
LOADING = "Failed to load resource"  # a stale version, or a server that has ended
GROSS = ROW.format("totals.gross")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PageServer]:
    with serve(make_session(tmp_path / "s")) as running:
        yield running


@pytest.fixture
def page(browser: Any, server: PageServer) -> Iterator[Any]:
    """A tab in which neither an error nor a request to another place may occur."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    tab, told = context.new_page(), []
    tab.on("console", lambda message: LOADING in message.text or told.append(message.text))
    tab.on("pageerror", lambda error: told.append(str(error)))
    tab.on("dialog", lambda dialog: told.append("dialog"))
    tab.on("request", lambda asked: asked.url.startswith(server.address) or told.append(asked.url))
    tab.goto(server.address)
    tab.wait_for_selector(GROSS)
    yield tab
    assert [text for text in told if text != "data:,"] == []
    context.close()


def read_file(tmp_path: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((tmp_path / "s" / "corrections.json").read_text())
    return entries


def wait_for(page: Any, selector: str, text: str) -> None:
    page.wait_for_selector(f"{selector}:has-text({json.dumps(text, ensure_ascii=False)})")


def test_a_doubtful_value_is_decided_by_two_keys(page: Any, tmp_path: Path) -> None:
    assert page.inner_text("#document-name") == "a.png", "the file's true name"
    assert page.inner_text("#progress") == "0 of 1 doubtful values decided"
    assert page.input_value("#decided-by") == "anna"
    assert page.input_value(f"{GROSS} input[type=text]") == "120.00"
    page.keyboard.press("n")
    page.keyboard.press("r")
    wait_for(page, f"{GROSS}.decided .state", "decided: reference wrong → 120.00")
    assert page.inner_text("#progress") == "1 of 1 doubtful values decided"
    (entry,) = read_file(tmp_path)
    assert (entry["document"], entry["path"], entry["right"]) == ("a", "totals.gross", "120.00")
    page.reload()
    wait_for(page, f"{GROSS}.decided .state", "decided")
    page.keyboard.press("n")
    wait_for(page, "#message", "All doubtful values are decided.")
    page.focus(f"{GROSS} summary")
    page.keyboard.press("r")
    wait_for(page, "#message", "Taken back.")
    assert read_file(tmp_path)[0]["verdict"] == ""


def test_any_other_value_is_typed(page: Any, tmp_path: Path) -> None:
    row = ROW.format("rows[1].name")
    page.focus(f"{row} summary")
    page.keyboard.press("r")
    assert page.input_value(f"{row} input[type=text]") == "", "nothing is prefilled"
    assert not (tmp_path / "s" / "corrections.json").exists(), "a click alone says nothing"
    page.keyboard.type("Lamps, brass")
    page.keyboard.press("Enter")
    wait_for(page, f"{row}.decided .state", "Lamps, brass")
    page.check(f"{row} input[type=checkbox]")
    wait_for(page, f"{row}.decided .state", "nothing")
    (entry,) = read_file(tmp_path)
    assert (entry["path"], entry["right"]) == ("rows[1].name", None)
    page.click(f"{row} button.take")
    page.keyboard.press("Enter")
    wait_for(page, f"{row}.decided .state", "→ Lamps")
    (entry,) = read_file(tmp_path)
    assert entry["right"] == "Lamps"


def test_what_another_tab_saved_is_shown_and_not_written_over(page: Any, tmp_path: Path) -> None:
    other = {"document": "a", "path": "totals.gross", "verdict": "model_wrong", "right": ""}
    (tmp_path / "s" / "corrections.json").write_text(json.dumps([other]))
    page.focus(f"{GROSS} summary")
    page.keyboard.press("r")
    wait_for(page, "#message.warning", "The file was changed elsewhere.")
    wait_for(page, f"{GROSS}.decided .state", "model wrong")
    assert read_file(tmp_path) == [other]


def test_a_server_that_has_ended_is_told(page: Any, server: PageServer) -> None:
    server.shutdown()
    server.server_close()
    page.focus(f"{GROSS} summary")
    page.keyboard.press("m")
    wait_for(page, "#message.warning", "The server has ended.")


def test_documents_are_stepped_through_and_names_are_text(page: Any) -> None:
    page.keyboard.press("j")
    wait_for(page, "#document-name", "b.png")
    assert "onerror" in page.text_content(ROW.format("invoice_number"))
    assert "\u202e" not in page.text_content("#rows")
    page.keyboard.press("j")
    wait_for(page, "#document-name", f"c {HOSTILE[:4]}.png")
    wait_for(page, "#document-notes", "This document has no reference")
    assert page.locator(".decision").count() == 0
    page.keyboard.press("k")
    wait_for(page, "#document-name", "b.png")
    assert page.locator("img[src=x]").count() == 0
    page.select_option("#shown", "decided")
    wait_for(page, "#rows", "No value here fits.")


def test_a_long_value_takes_three_lines_until_it_is_opened(browser: Any, tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")
    session.documents["a"].rows["rows[0].name"].reference = "very long " * 20_000
    with serve(session) as running:
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        tab.goto(running.address)
        row = tab.wait_for_selector(ROW.format("rows[0].name"))
        assert row.bounding_box()["height"] < 120
        tab.close()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_phone_scrolls_in_one_direction(browser: Any, tmp_path: Path, language: str) -> None:
    with serve(make_session(tmp_path / "s"), language) as running:
        tab = browser.new_page(viewport={"width": 390, "height": 800})
        tab.goto(running.address)
        tab.wait_for_selector(GROSS)
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
        assert tab.evaluate("document.documentElement.lang") == language
        tab.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_serious_issue(page: Any, scheme: str, width: int) -> None:
    if not AXE.exists():
        pytest.skip(f"no {AXE.relative_to(PROJECT)}: npm install --prefix cache/node axe-core")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("document.querySelectorAll('details').forEach(node => { node.open = true })")
    page.keyboard.press("n")
    page.keyboard.press("r")
    wait_for(page, f"{GROSS}.decided .state", "decided")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")["violations"]
    impacts = ("serious", "critical")
    assert [each["nodes"][0]["html"] for each in found if each["impact"] in impacts] == []
