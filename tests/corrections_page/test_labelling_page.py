"""pytest tests/corrections_page/test_labelling_page.py: labels by keyboard alone, in Chromium."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CHROMIUM
from tests.corrections_page.labelling_sessions import (
    BLIND,
    NAMES,
    answer,
    make_labelling_session,
)
from tests.corrections_page.sessions import serve_page
from tests.corrections_page.test_page import AXE, PROJECT, wait_for
from vlm_lab.corrections_page import PageServer
from vlm_lab.corrections_page.labelling import render_labelling_page
from vlm_lab.scoring import score_values
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.suite.label_checks import read_label_checks
from vlm_lab.suite.label_drafts import read_draft

pytestmark = pytest.mark.slow  # a browser


@contextmanager
def serve(folder: Path, language: str = "en") -> Iterator[PageServer]:
    session = make_labelling_session(folder)
    with serve_page(session, render_labelling_page(session, language)) as server:
        yield server


def open_tab(browser: Any, server: PageServer, **context: Any) -> tuple[Any, list[str]]:
    """A tab, and what it must not tell: an error, or a request to another place."""
    tab, told = browser.new_context(**context).new_page(), list[str]()
    tab.on("console", lambda message: told.append(message.text))
    tab.on("pageerror", lambda error: told.append(str(error)))
    tab.on("request", lambda asked: asked.url.startswith(server.address) or told.append(asked.url))
    tab.goto(server.address)
    tab.wait_for_selector(".label-field")
    return tab, told


def read_focus(tab: Any) -> str:
    """The value in the field that has the focus."""
    value: str = tab.evaluate("document.activeElement.value")
    return value


def label_by_keyboard(tab: Any, name: str) -> None:
    """Types what is on the page; what is prefilled is taken."""
    wait_for(tab, "#document-name", f"{name}.png")
    expected = answer(name)
    for value in (expected["invoice_number"], expected["totals"]["gross"]):
        if read_focus(tab) != value:
            assert name in (BLIND, "d2", "d3")
            assert read_focus(tab) == "", "nothing is prefilled where families do not agree"
            tab.keyboard.type(value)
        tab.keyboard.press("Enter")
    for row in expected["rows"]:
        assert read_focus(tab) == row["name"]
        tab.keyboard.press("Enter")
    tab.keyboard.press("Control+Enter")


def test_ten_labels_by_keyboard_alone(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    with serve(folder) as server:
        tab, told = open_tab(browser, server)
        for name in NAMES:
            label_by_keyboard(tab, name)
        wait_for(tab, "#message", "All documents are labelled.")
        assert tab.inner_text("#progress").startswith("10 of 10 documents labelled")
        assert [text for text in told if text != "data:,"] == []
        tab.context.close()
    suite = load_suite(folder)
    documents, _ = load_documents(suite)
    assert all(document.verified for document in documents)
    for document in documents:
        score = score_values(answer(document.id), document.reference, suite.fields)
        assert score.scores["field_f1"] == 1.0, document.reference
    checks = {check.document: check for check in read_label_checks(folder)}
    assert [name for name, check in checks.items() if check.blind] == [BLIND]
    assert all(check.changed == () for check in checks.values())
    assert len(checks[BLIND].kept) == len(checks["d0"].kept) == 2
    assert [path.name for path in (folder / "label_drafts").iterdir()] == [".gitignore"]


def test_rows_values_that_are_not_shown_and_changes_by_keyboard(
    browser: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "s"
    with serve(folder) as server:
        tab, _ = open_tab(browser, server)
        tab.keyboard.press("Enter")
        tab.keyboard.press("Enter")
        wait_for(tab, "#progress", "0 values open")
        tab.keyboard.press("Enter")  # on the button that adds a row
        tab.keyboard.type("Chair")
        tab.keyboard.press("Enter")
        tab.keyboard.press("Enter")
        tab.keyboard.press("Shift+Enter")
        wait_for(tab, "#progress", "0 values open")
        assert tab.inner_text(".label-row:last-of-type .state") == "the page shows none"
        for _ in range(3):
            tab.keyboard.press("ArrowUp")
        assert read_focus(tab) == "119.00"
        tab.keyboard.press("Enter")
        tab.keyboard.press("Shift+Tab")
        assert tab.evaluate("document.activeElement.textContent") == "remove this row"
        tab.keyboard.press("Enter")
        wait_for(tab, "#message", "Saved.")
        tab.keyboard.press("ArrowUp")
        tab.keyboard.press("ArrowUp")
        tab.keyboard.type("120.00")
        tab.keyboard.press("Control+Enter")
        wait_for(tab, "#document-name", "d1.png")
        assert json.loads((folder / "references" / "d0.json").read_text()) == {
            "invoice_number": "A-d0",
            "totals": {"gross": "120.00"},
            "rows": [{"name": None}],
        }
        (check,) = read_label_checks(folder)
        assert (check.kept, check.changed) == (("invoice_number",), ("totals.gross",))
        tab.keyboard.press("Control+Enter")
        wait_for(tab, "#message.warning", "4 values are open.")
        tab.context.close()


def test_a_killed_browser_loses_the_field_in_hand_alone(browser: Any, tmp_path: Path) -> None:
    folder, profile = tmp_path / "s", tmp_path / "profile"
    with serve(folder) as server:
        process = subprocess.Popen(
            [
                *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "about:blank"),
                *("--remote-debugging-port=0", f"--user-data-dir={profile}"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            port = wait_for_port(profile / "DevToolsActivePort")
            other = browser.browser_type.connect_over_cdp(f"http://127.0.0.1:{port}")
            tab, _ = open_tab(other, server)
            tab.keyboard.type("A-18")
            tab.keyboard.press("Enter")
            wait_for(tab, "#message", "Saved.")
            tab.keyboard.type("77.")
            assert read_focus(tab) == "77."
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        tab, _ = open_tab(browser, server)
        wait_for(tab, "#progress", "1 values open")
        assert read_focus(tab) == "119.00", "what was prefilled, and not what was being typed"
        tab.keyboard.press("ArrowUp")
        assert read_focus(tab) == "A-18"
        tab.context.close()
    draft, _ = read_draft(folder, "d0")
    assert draft is not None
    assert draft.decided == {"invoice_number": "A-18"}


def wait_for_port(path: Path) -> int:
    """The port of a browser that has just been started."""
    for _ in range(300):
        if path.exists() and "\n" in path.read_text():
            return int(path.read_text().split("\n")[0])
        time.sleep(0.1)
    raise AssertionError(f"no {path} in 30 s")


def test_of_a_blind_document_nothing_is_shown_before_it_is_finished(
    browser: Any, tmp_path: Path
) -> None:
    with serve(tmp_path / "s") as server:
        tab, _ = open_tab(browser, server)
        for name in NAMES[1 : NAMES.index(BLIND) + 1]:
            tab.keyboard.press("Alt+PageDown")
            wait_for(tab, "#document-name", f"{name}.png")
        wait_for(tab, "#document-notes", "Blind")
        assert "A-d4" not in tab.content()
        tab.keyboard.press("Enter")
        wait_for(tab, "#message.warning", "Type the value on the page")
        label_by_keyboard(tab, BLIND)
        wait_for(tab, "#document-name", "d5.png")
        tab.context.close()


def test_axe_finds_no_serious_issue_and_a_phone_scrolls_in_one_direction(
    browser: Any, tmp_path: Path
) -> None:
    if not AXE.exists():
        pytest.skip(f"no {AXE.relative_to(PROJECT)}: npm install --prefix cache/node axe-core")
    with serve(tmp_path / "s", "ru") as server:
        tab, _ = open_tab(browser, server)
        tab.evaluate(AXE.read_text())
        tab.keyboard.press("Enter")
        for scheme, width in (("light", 1280), ("dark", 390)):
            tab.emulate_media(color_scheme=scheme)
            tab.set_viewport_size({"width": width, "height": 900})
            assert tab.evaluate("document.documentElement.scrollWidth") == width
            found = tab.evaluate("axe.run()")["violations"]
            assert [each["nodes"][0]["html"] for each in found if each["impact"] != "minor"] == []
        tab.context.close()
