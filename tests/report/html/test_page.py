"""report.html as somebody uses it: opened from disk in Chromium, driven by keyboard and pointer."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.made import DOCUMENTS, HOSTILE, PROMPT, write_run
from vlm_lab.report.html.changes import write_changes
from vlm_lab.report.html.page import write_html
from vlm_lab.report.images.pages import REPORT_FILES
from vlm_lab.suite.corrections import read_corrections

PROJECT = Path(__file__).parents[3]
AXE = PROJECT / "cache" / "node" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = pytest.mark.slow  # a browser
ROWS = ".fields tbody tr"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_run(tmp_path_factory.mktemp("run"))
    write_html(folder)
    return folder


@pytest.fixture
def page(browser: Any, run: Path) -> Iterator[Any]:
    """A tab in which neither an error nor a request to another place may occur."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    tab, told = context.new_page(), []
    tab.on("console", lambda message: told.append(message.text))
    tab.on("pageerror", lambda error: told.append(str(error)))
    tab.on("dialog", lambda dialog: told.append("dialog"))
    tab.on("request", lambda asked: asked.url.startswith(run.as_uri()) or told.append(asked.url))
    tab.goto((run / "report.html").as_uri())
    yield tab
    assert told == []
    assert tab.title() == "Run 20260102T030405Z"
    context.close()


def open_at(page: Any, fragment: str) -> None:
    page.evaluate("fragment => { location.hash = fragment }", fragment)
    page.wait_for_timeout(50)


def until(page: Any, expression: str, argument: Any = None) -> None:
    """Waits for it from here: the browser's own waiting evaluates text in the page, which the
    policy forbids."""
    for _ in range(100):
        if page.evaluate(expression, argument):
            return
        page.wait_for_timeout(20)
    raise AssertionError(expression)


def serious(page: Any) -> list[str]:
    """What axe-core calls serious or critical on a page."""
    if not AXE.exists():
        pytest.skip(f"no {AXE.relative_to(PROJECT)}: npm install --prefix cache/node axe-core")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")["violations"]
    return [each["nodes"][0]["html"] for each in found if each["impact"] in ("serious", "critical")]


def read_view(page: Any, name: str) -> str:
    text: str = page.inner_text(f"#{name}")
    return re.sub(r"[✓✗↕] ?", "", text)


def test_first_screen_speaks_the_words_of_the_trade(page: Any) -> None:
    text = read_view(page, "summary")
    for words in (
        "Chosen: sharp (default). sharp (default) reads 3 of 4 documents fully right",
        "next: check 1 doubtful reference",
        "chosen sharp",
        "rejected blunt",
        "3 of 4 documents fully right; 1 field read wrong",
        "What to do next",
        "hand it over to your pipeline: scripts/vlm-lab export 20260102T030405Z --model sharp",
        "Models",
        "Document by document",
        "nobody has checked",
        "4 (invoices)",
    ):
        assert words in text
    for figure in ("F1", "p95", "field_f1", "0.875"):
        assert figure not in text
    assert page.locator("figure").first.is_hidden()
    assert page.locator("#documents").is_hidden()


def test_the_evidence_has_conditions_models_fields_kinds_and_plots(page: Any) -> None:
    page.click("nav a:has-text('Evidence')")
    until(page, "() => document.querySelector('#evidence').checkVisibility()")
    text = read_view(page, "evidence")
    for words in (
        "Models",
        "field F1",
        "Accuracy against seconds",
        "Prompts compared",
        "Risk and coverage",
        "Kinds of error",
        "misread",
        "Conditions",
        "cpu",
        "nobody has checked",
        "4 (invoices)",
        "needs 9 GB",
    ):
        assert words in text
    assert "How long replies take" not in text, "two of each candidate are in the table"
    assert page.locator("figure svg[role=img]").count() == 3
    assert page.locator("figure svg use").count() > 10


def test_a_card_has_its_evidence_behind_it(page: Any) -> None:
    card = page.locator(".card.rejected")
    assert "field_f1" not in card.inner_text()
    card.locator("summary").click()
    assert "field_f1 1, rule 0.95" in card.inner_text()
    assert "which may be chance" in card.inner_text()


def test_heat_map_leads_to_the_errors_behind_a_figure(page: Any) -> None:
    open_at(page, "evidence")
    page.click(".heat tr:has-text('totals.gross') td:nth-child(2) a")
    until(page, "() => document.querySelector('#filter-model').value === 'sharp@default'")
    assert page.input_value("#filter-field") == "totals.gross"
    assert page.locator("#jump option").count() == 1
    assert page.locator(ROWS).count() == 1


def read_matrix(page: Any) -> list[list[str]]:
    rows = page.locator(".matrix tbody tr")
    cells = [rows.nth(n).locator("th, td").all_inner_texts() for n in range(rows.count())]
    return [[row[0].split()[0], *row[1:]] for row in cells]


def test_the_matrix_has_each_document_and_candidate(page: Any) -> None:
    assert read_matrix(page) == [
        ["one", "✓", "✓", "✗ 3", "3"],
        ["two", "✗ 1", "✗ 1", "✗ 3", "5"],
        ["three", "✓", "✓", "✗ 3", "3"],
        ["four", "✓", "✓", "−", "0"],
    ]
    label = page.locator(".matrix tbody tr").nth(3).locator("a").nth(3).get_attribute("title")
    assert label == "error"


def test_an_answer_that_is_the_reference_itself_is_not_judged(page: Any) -> None:
    describe = "cell => describeMatrixCell(countCellErrors(cell), cell)[1]"
    cell = {"status": "ok", "outcomes": "ew"}
    assert page.evaluate(describe, cell) == "fields wrong: 1"
    assert page.evaluate(describe, {**cell, "own_reference": True}) == "not judged"


def test_a_document_that_no_answer_of_was_judged_has_no_sum_of_errors(page: Any) -> None:
    sum_errors = """isOwn => {
        const cells = structuredClone(data.documents[0].cells);
        for (const cell of Object.values(cells)) cell.own_reference = isOwn;
        const row = createMatrixRow({...data.documents[0], cells}, [...data.candidates.keys()]);
        return row.lastChild.textContent;
    }"""
    assert page.evaluate(sum_errors, False) == "3"
    assert page.evaluate(sum_errors, True) == "·"


def test_the_matrix_is_sorted_searched_and_narrowed(page: Any) -> None:
    for _ in range(2):
        page.click(".matrix thead th:last-child button")
    assert [row[-1] for row in read_matrix(page)] == ["5", "3", "3", "0"]
    assert page.get_attribute(".matrix thead th:last-child", "aria-sort") == "descending"
    page.fill(".matrix input[type=search]", "TWO")
    assert [row[0] for row in read_matrix(page)] == ["two"]
    page.fill(".matrix input[type=search]", "language=ru")
    assert [row[0] for row in read_matrix(page)] == ["two", "four"]
    page.fill(".matrix input[type=search]", "")
    page.check(".matrix input[type=checkbox]")
    assert len(read_matrix(page)) == 4
    page.fill(".matrix input[type=search]", "nowhere")
    assert "No document fits" in page.inner_text(".matrix [role=status]")


def test_a_cell_of_the_matrix_leads_to_the_errors_behind_it(page: Any) -> None:
    page.click(".matrix tbody tr:has-text('two') td:nth-child(2) a")
    until(page, "() => document.querySelector('#filter-model').value === 'sharp@default'")
    assert page.input_value("#filter-outcome") == "errors"
    assert page.locator(ROWS).count() == 1


def test_models_are_ranked_and_sorted_by_a_click(page: Any) -> None:
    names = "#summary table.sortable tbody tr"
    assert page.locator(names).first.inner_text().startswith("sharp")
    page.click("#summary table.sortable th:has-text('read wrong') button")
    page.click("#summary table.sortable th:has-text('read wrong') button")
    assert page.locator(names).first.inner_text().startswith("blunt")


@pytest.mark.parametrize(
    ("filters", "documents"),
    [
        ({}, 4),
        ({"tag": "language=ru"}, 2),
        ({"outcome": "s"}, 3),
        ({"model": "sharp@terse", "outcome": "errors"}, 1),
        ({"model": "sharp@default", "field": "invoice_number", "outcome": "w"}, 0),
        ({"outcome": "doubtful"}, 1),
    ],
)
def test_filters_keep_the_documents_that_fit(
    page: Any, filters: dict[str, str], documents: int
) -> None:
    open_at(page, "doc=")
    for name, value in filters.items():
        page.select_option(f"#filter-{name}", value)
    expected = f"{documents} of 4 documents" if documents else "No document fits"
    until(page, "text => document.getElementById('count').textContent.startsWith(text)", expected)
    assert page.locator("#jump option").count() == documents


def test_the_address_alone_brings_document_and_filter_back(
    page: Any, run: Path, browser: Any
) -> None:
    open_at(page, "doc=")
    page.select_option("#filter-model", "blunt@default")
    page.keyboard.press("Tab")
    page.click("#next")
    other = browser.new_page()
    other.goto(page.url)
    assert other.input_value("#jump") == page.input_value("#jump") == "invoices/two"
    assert other.input_value("#filter-model") == "blunt@default"
    other.close()


def test_a_document_shows_page_values_signs_kinds_and_confidence(page: Any) -> None:
    open_at(page, "doc=invoices%2Ftwo")
    assert page.evaluate("document.getElementById('page').naturalWidth") == 210
    row = page.locator(f"{ROWS}:has-text('totals.gross')")
    wrong = row.locator("td").nth(1)
    assert wrong.locator("[role=img]").get_attribute("aria-label") == "wrong"
    assert "misread, confidence 60 %" in wrong.inner_text()
    colours = {
        row.locator("td").nth(n).evaluate("td => getComputedStyle(td.firstChild).color")
        for n in (1, 3)
    }
    assert len(colours) == 2
    page.click("#zoom-in")
    assert page.evaluate("document.getElementById('page').style.width") == "140%"


def test_who_gave_no_answer_has_a_line_with_the_reason_and_no_column(page: Any) -> None:
    open_at(page, "doc=invoices%2Ffour")
    assert "blunt" not in page.inner_text(".fields thead")
    assert "blunt@default: error: " in page.inner_text(".unanswered li")
    assert "needs 9 GB" in page.inner_text(".unanswered li")
    page.click(".unanswered button")
    page.wait_for_selector("dialog[open]")
    assert page.inner_text("#prompt") == PROMPT
    page.keyboard.press("Escape")
    open_at(page, "doc=invoices%2Ffour&model=blunt%40default")
    assert page.locator(".fields").count() == 0
    assert "needs 9 GB" in page.inner_text(".unanswered li")


def test_the_keys_of_the_docs_do_what_they_say(page: Any) -> None:
    text = (PROJECT / "docs" / "report.md").read_text()
    told = re.findall(r"`(\S)`", text[text.index("- Keys:") : text.index("- The address")])
    does = {
        "j": "document.getElementById('jump').value === 'invoices/two'",
        "k": "document.getElementById('jump').value === 'invoices/one'",
        "e": "document.activeElement?.dataset.error === ''",
        "+": "document.getElementById('page').style.width === '140%'",
        "-": "document.getElementById('page').style.width === '100%'",
    }
    assert told == list(does)
    open_at(page, "doc=")
    for key in told:
        page.keyboard.press(key)
        until(page, does[key])


def test_a_screen_reader_hears_which_document_and_page_it_is(page: Any) -> None:
    open_at(page, "doc=")
    selector = "#documents [aria-live], #documents [role=status]"
    live = f"[...document.querySelectorAll('{selector}')].map(n => n.id)"
    expected = ["count", "page-number", "document-name", "place-note"]
    assert page.evaluate(live) == expected
    page.focus(".fields button")
    page.keyboard.press("j")
    until(page, "document.getElementById('document-name').textContent.startsWith('two')")
    until(page, "document.activeElement?.id === 'fields'")


def test_tab_goes_from_the_filters_to_the_page_to_the_answers(page: Any) -> None:
    open_at(page, "doc=invoices%2Ftwo")
    page.focus("#filter-model")
    seen = []
    for _ in range(30):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    wanted = [
        "filter-field",
        "filter-outcome",
        "filter-tag",
        "jump",
        "previous",
        "next",
        "next-error",
        "zoom-out",
        "zoom-in",
        "sheet",
        "label-error",
        "fields",
    ]
    assert [each for each in dict.fromkeys(seen) if each in wanted] == wanted


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_two_runs_page_fits_and_has_no_serious_issue(
    browser: Any, run: Path, tmp_path: Path, scheme: str, width: int
) -> None:
    other = write_run(tmp_path / "other")
    text = (other / "report.json").read_text()
    assert '"outcome":"wrong"' in text
    text = text.replace('"outcome":"wrong"', '"outcome":"exact"')
    (other / "report.json").write_text(text)
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    tab = context.new_page()
    tab.goto(write_changes(run, other).as_uri())
    assert tab.locator(".folds").count() == 3
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    is_cut = "n => n.scrollWidth > n.parentNode.clientWidth"
    cut = f"[...document.querySelectorAll('.folds')].filter({is_cut}).length"
    assert tab.evaluate(cut) == 0
    assert serious(tab) == []
    context.close()


def test_a_document_prints_its_page_and_its_fields_on_few_sheets(page: Any, tmp_path: Path) -> None:
    import pypdfium2

    open_at(page, "doc=invoices%2Ftwo")
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    with pypdfium2.PdfDocument(tmp_path / "page.pdf") as pdf:
        assert len(pdf) <= 3
        assert "invoice_number" in "".join(sheet.get_textpage().get_text_range() for sheet in pdf)
        first = pdf[0].render().to_pil().convert("L")
    assert (
        first.point(lambda value: 255 * (value < 252)).getbbox()[3] > first.height / 2
    )  # it is no empty sheet


def test_keys_go_from_document_to_document_and_from_error_to_error(page: Any) -> None:
    open_at(page, "doc=")
    for key, document in (
        ("j", "two"),
        ("j", "three"),
        ("k", "two"),
        ("ArrowRight", "three"),
        ("ArrowLeft", "two"),
    ):
        page.keyboard.press(key)
        until(
            page, "name => document.getElementById('jump').value === name", f"invoices/{document}"
        )
    errors = page.locator("#fields [data-error]").count()
    for _ in range(errors):
        page.keyboard.press("e")
        assert page.evaluate("document.activeElement?.dataset.error") == ""
    page.keyboard.press("e")
    until(page, "document.getElementById('jump').value === 'invoices/three'")
    until(page, "document.activeElement?.dataset.error === ''")


def test_reply_and_prompt_are_one_click_away_and_stay_text(page: Any) -> None:
    open_at(page, "doc=invoices%2Fone")
    page.click("button[aria-label='Reply and prompt: blunt default']")
    page.wait_for_selector("dialog[open]")
    assert page.inner_text("#prompt") == PROMPT
    reply = page.inner_text("#reply")
    assert reply.startswith("blunt <script>document.title")
    assert "\u202e" not in reply
    assert "⟨U+202E⟩" in reply
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_hostile_text_makes_no_element_anywhere(page: Any) -> None:
    for fragment in (
        "",
        "doc=invoices%2Fone",
        "label-errors",
        "evidence",
        "doc=<img src=x>&model=\"'",
    ):
        open_at(page, fragment)
        assert page.locator("img[src=x], textarea").count() == 0
        assert page.locator("script:not([type])").count() == 1


def test_no_hostile_character_reaches_the_file_unescaped(run: Path) -> None:
    text = (run / "report.html").read_text()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "<img src" not in text
    assert text.count("</script>") == 2


def test_policy_allows_no_other_script_style_or_place(browser: Any, run: Path) -> None:
    policy = re.search(
        r'Content-Security-Policy" content="([^"]+)"', (run / "report.html").read_text()
    )
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe" not in policy[1]
    assert "http" not in policy[1]
    tab, refused = browser.new_page(), []
    tab.on("console", lambda message: refused.append(message.text))
    tab.goto((run / "report.html").as_uri())
    assert not tab.evaluate("() => fetch('http://127.0.0.1:9/').then(() => true, () => false)")
    assert "Content Security Policy" in refused[0]
    tab.close()


def test_suspects_are_decided_by_a_key_and_handed_out(page: Any, tmp_path: Path) -> None:
    page.click("nav a:has-text('Suspect references')")
    until(page, "() => document.querySelector('#label-errors').checkVisibility()")
    page.focus(".label-error")
    page.keyboard.press("r")
    page.fill(".label-error input", "119.00")
    assert page.inner_text("#decided-count") == "1 of 1 decided"
    with page.expect_download() as started:
        page.click("#download-corrections")
    started.value.save_as(tmp_path / "corrections.json")
    (entry,) = json.loads((tmp_path / "corrections.json").read_text())
    assert (entry["document"], entry["path"]) == ("two", "totals.gross")
    assert (entry["reference"], entry["verdict"], entry["right"]) == (
        "1<00",
        "reference_wrong",
        "119.00",
    )
    assert read_corrections(tmp_path / "corrections.json").by_document["two"][0].right == "119.00"


@pytest.fixture(scope="module")
def run_with_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose suite has a file of corrections: one on the suspect, one on another value."""
    folder = write_run(tmp_path_factory.mktemp("decided"))
    corrections = tmp_path_factory.mktemp("suite") / "corrections.json"
    corrections.write_text(json.dumps(SAVED))
    report = (folder / "report.json").read_text()
    known = f'"corrections": {json.dumps(str(corrections))}, "schema_sha256"'
    (folder / "report.json").write_text(report.replace('"schema_sha256"', known))
    write_html(folder)
    return folder


SAVED = [
    {"document": "one", "path": "invoice_number", "verdict": "both", "right": None, "note": "!"},
    {
        "document": "two",
        "path": "totals.gross",
        "reference": "7<00",
        "verdict": "reference_wrong",
        "right": "119.00",
        "decided_by": "Anna",
        "decided_at": "2026-01-02T03:04:05+00:00",
    },
]


def hand_out(tab: Any, path: Path) -> list[dict[str, Any]]:
    with tab.expect_download() as started:
        tab.click("#download-corrections")
    started.value.save_as(path)
    entries: list[dict[str, Any]] = json.loads(path.read_text())
    return entries


def test_what_the_file_says_is_shown_as_decided_and_never_lost(
    browser: Any, run_with_file: Path, tmp_path: Path
) -> None:
    tab = browser.new_page()
    tab.goto((run_with_file / "report.html").as_uri() + "#label-errors")
    assert tab.inner_text("#decided-count") == "1 of 1 decided"
    assert "decided: Anna" in tab.inner_text(".label-error.decided")
    assert tab.input_value(".label-error input") == "119.00"
    assert hand_out(tab, tmp_path / "a") == SAVED, "nothing was decided here"
    tab.fill("#decided-by", "Boris")
    tab.focus(".label-error")
    tab.keyboard.press("m")
    first, second = hand_out(tab, tmp_path / "b")
    assert first == SAVED[0]
    assert (second["verdict"], second["right"]) == ("model_wrong", "")
    assert (second["decided_by"], second["reference"]) == ("Boris", "7<00")
    assert second["decided_at"] > SAVED[1]["decided_at"]  # type: ignore[operator]
    tab.close()


def test_a_file_that_cannot_be_read_is_not_replaced(browser: Any, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    corrections = tmp_path / "corrections.json"
    corrections.write_text("[{")
    report = (folder / "report.json").read_text()
    known = f'"corrections": {json.dumps(str(corrections))}, "schema_sha256"'
    (folder / "report.json").write_text(report.replace('"schema_sha256"', known))
    write_html(folder)
    tab = browser.new_page()
    tab.goto((folder / "report.html").as_uri() + "#label-errors")
    assert tab.is_disabled("#download-corrections")
    assert "cannot be read" in tab.inner_text("#unreadable")
    tab.close()


def test_a_click_alone_does_not_say_that_the_page_shows_none(
    browser: Any, run: Path, tmp_path: Path
) -> None:
    tab = browser.new_page()
    tab.goto((run / "report.html").as_uri() + "#label-errors")
    assert tab.input_value(".label-error input") == "", "one family alone says something"
    tab.click(".label-error button:has-text('reference wrong')")
    assert tab.is_visible(".label-error .warning")
    assert tab.inner_text("#decided-count") == "0 of 1 decided"
    (entry,) = hand_out(tab, tmp_path / "a")
    assert (entry["verdict"], entry["right"]) == ("", "")
    tab.check(".label-error input[type=checkbox]")
    assert tab.inner_text("#decided-count") == "1 of 1 decided"
    (entry,) = hand_out(tab, tmp_path / "b")
    assert (entry["verdict"], entry["right"]) == ("reference_wrong", None)
    tab.close()


def test_dark_mode_changes_page_and_plots(page: Any) -> None:
    look = """() => [getComputedStyle(document.body).backgroundColor,
                     getComputedStyle(document.querySelector("svg text")).fill]"""
    light = page.evaluate(look)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(look)
    assert light[0] == "rgb(255, 255, 255)"
    assert all(one != other for one, other in zip(light, dark, strict=True))


@pytest.mark.parametrize("fragment", ["", "doc=invoices%2Fone", "label-errors", "evidence"])
def test_a_phone_scrolls_in_one_direction(page: Any, fragment: str) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    open_at(page, fragment)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_serious_issue(page: Any, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    views = ("", "evidence", "doc=invoices%2Ftwo", "doc=invoices%2Ffour", "label-errors")
    for fragment in views:
        open_at(page, fragment)
        page.evaluate("document.querySelectorAll('details').forEach(node => { node.open = true })")
        assert serious(page) == []


def write_pdf(path: Path) -> None:
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), pagesize=(210, 297))
    canvas.drawString(20, 200, "Total expected")
    canvas.showPage()
    canvas.drawString(20, 40, "2024-001")
    canvas.save()


@pytest.fixture(scope="module")
def pdf_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose second document is a PDF, with a long value in it."""
    folder = write_run(tmp_path_factory.mktemp("pdf"))
    write_pdf(folder / "two.pdf")
    report = json.loads((folder / "report.json").read_text())
    report["documents"][1]["path"] = str(folder / "two.pdf")
    for row in report["records"]:
        if row["document"] != "two":
            continue
        for result in row["fields"]:
            if result["field"] == "invoice_number":
                result["expected"] = "2024-001"
                result["actual"], result["outcome"] = "x" * 200_000, "wrong"
    rows = ",\n".join(map(json.dumps, report.pop("records")))
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in report.items()]
    text = "{" + ",\n".join(lines) + f',\n"records": [\n{rows}\n]}}'
    (folder / "report.json").write_text(text)
    write_html(folder)
    return folder


@pytest.fixture
def pdf_page(browser: Any, pdf_run: Path) -> Iterator[Any]:
    tab = browser.new_page()
    tab.goto((pdf_run / "report.html").as_uri() + "#doc=invoices%2Ftwo&field=totals.gross")
    yield tab
    tab.close()


def test_the_value_is_boxed_where_its_place_is_known(pdf_page: Any) -> None:
    until(pdf_page, "document.querySelectorAll('.box').length === 1")
    until(pdf_page, "document.getElementById('page').naturalWidth > 0")
    # The boxes take the size of the page once its picture has been laid out.
    same = "['boxes', 'page'].map(id => Math.round(document.getElementById(id).offsetHeight))"
    until(pdf_page, f"new Set({same}).size === 1 && {same}[0] > 100")
    inside = """() => {
      const box = document.querySelector('.box').getBoundingClientRect();
      const page = document.getElementById('page').getBoundingClientRect();
      return [(box.top - page.top) / page.height, (box.left - page.left) / page.width];
    }"""
    top, left = pdf_page.evaluate(inside)
    assert 0.28 < top < 0.34
    assert 0.2 < left < 0.4
    open_at(pdf_page, "doc=invoices%2Ftwo")
    pdf_page.click(f"{ROWS}:has-text('invoice_number') th button")
    until(pdf_page, "document.getElementById('page-number').textContent === 'Page 2 of 2'")
    assert pdf_page.locator(".box").count() == 1
    pdf_page.click("#zoom-in")
    same = "['boxes', 'page'].map(id => Math.round(document.getElementById(id).offsetWidth))"
    until(pdf_page, f"new Set({same}).size === 1 && {same}[0] > 500")
    pdf_page.click("#page-back")
    assert pdf_page.locator(".box").count() == 0
    pdf_page.click(f"{ROWS}:has-text('line_items') td")
    assert "the place on the page is not known" in pdf_page.inner_text("#place-note")


def test_a_long_value_is_shown_by_its_beginning_and_whole_when_asked(
    pdf_page: Any, pdf_run: Path
) -> None:
    assert len((pdf_run / "report.html").read_bytes()) < 1_000_000
    open_at(pdf_page, "doc=invoices%2Ftwo&field=invoice_number")
    cell = pdf_page.locator(f"{ROWS} td").nth(1)
    assert len(cell.inner_text()) < 600
    assert "show all 200000 characters" in cell.inner_text()
    started = pdf_page.evaluate("performance.now()")
    cell.locator(".value button").click()
    until(pdf_page, "document.querySelector('.fields pre')?.textContent.length === 200000")
    pdf_page.evaluate("document.body.offsetHeight")
    assert pdf_page.evaluate("performance.now()") - started < 5000


def test_the_page_without_its_folder_still_says_what_is_missing(
    browser: Any, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_bytes((run / "report.html").read_bytes())
    alone = browser.new_page()
    alone.goto((tmp_path / "report.html").as_uri() + "#doc=invoices%2Fone")
    alone.click("button[aria-label='Reply and prompt: blunt default']")
    alone.wait_for_selector("dialog[open]")
    assert "report_files/ is not beside" in alone.inner_text("#reply")
    alone.close()


def test_the_same_run_gives_the_same_page(run: Path) -> None:
    before = (run / "report.html").read_bytes()
    write_html(run)
    assert (run / "report.html").read_bytes() == before
    assert len(list((run / REPORT_FILES / "pages").iterdir())) == len(DOCUMENTS)


def test_pages_that_were_drawn_outlive_their_documents(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    write_html(folder)
    (folder / "one.png").unlink()
    (folder / REPORT_FILES / "pages" / "invoices--two-1.jpg").unlink()
    (folder / "two.png").unlink()
    write_html(folder)
    text = (folder / "report.html").read_text()
    assert "invoices--one-1.jpg" in text
    assert "invoices--two-1.jpg" not in text
    assert HOSTILE not in text
