"""The report in other forms: what a wiki, a spreadsheet and GitHub make of it, hostile text
included."""

import csv
import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from tests.report.made import HOSTILE, write_run
from vlm_lab.errors import UserError
from vlm_lab.messages import ENGLISH
from vlm_lab.records.report_json import read_report
from vlm_lab.report import formats, plots, tables_csv
from vlm_lab.report.html.changes import find_changes, write_changes
from vlm_lab.report.markdown import escape_markdown
from vlm_lab.report.plot_rendering import render_svg
from vlm_lab.report.translation import load_catalogue
from vlm_lab.run.run_analysis import write_run_report

AC, RI = "http://atlassian.com/content", "http://atlassian.com/resource/identifier"
# https://confluence.atlassian.com/conf91/confluence-storage-format-1442847767.html: the elements
# that a report may use, with their attributes. https://confluence.atlassian.com/x/fgSPGQ: the
# parameters of the macro `status`, its colours.
COLOURS = {"Grey", "Red", "Yellow", "Green", "Blue"}
ALLOWED = {
    "h1": set(),
    "h2": set(),
    "h3": set(),
    "p": set(),
    "strong": set(),
    "ul": set(),
    "li": set(),
    "hr": set(),
    "table": set(),
    "tbody": set(),
    "tr": set(),
    "th": set(),
    "td": set(),
    f"{{{AC}}}structured-macro": {f"{{{AC}}}name"},
    f"{{{AC}}}parameter": {f"{{{AC}}}name"},
    f"{{{AC}}}image": {f"{{{AC}}}alt"},
    f"{{{RI}}}attachment": {f"{{{RI}}}filename"},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def markdown(run: Path) -> str:
    return formats.write_format("md", run).read_text()


def test_the_page_that_somebody_waits_for_is_written_before_the_wiki_s(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    write_run_report(run, read_report(run), ())
    page, wiki_text = ((run / formats.FILE_NAMES[name]).stat() for name in ("html", "md"))
    assert page.st_mtime_ns < wiki_text.st_mtime_ns


def test_confluence_is_xml_of_the_storage_format(run: Path) -> None:
    body = formats.write_format("confluence", run).read_text()
    root = ElementTree.fromstring(f'<page xmlns:ac="{AC}" xmlns:ri="{RI}">{body}</page>')  # noqa: S314
    for element in list(root.iter())[1:]:
        assert element.tag in ALLOWED
        assert set(element.attrib) <= ALLOWED[element.tag]
    for macro in root.iter(f"{{{AC}}}structured-macro"):
        assert macro.get(f"{{{AC}}}name") == "status"
        said = {each.get(f"{{{AC}}}name"): each.text for each in macro}
        assert list(said) == ["colour", "title"]
        assert said["colour"] in COLOURS
    words = [each.text for each in root.iter(f"{{{AC}}}parameter")]
    assert words == ["Green", "chosen", "Red", "rejected"]
    inside = {(parent.tag, each.tag) for parent in root.iter() for each in parent}
    assert {outer for outer, inner in inside if inner in ("td", "th")} == {"tr"}
    assert {outer for outer, inner in inside if inner == f"{{{RI}}}attachment"} == {
        f"{{{AC}}}image"
    }
    attached = [each.get(f"{{{RI}}}filename") for each in root.iter(f"{{{RI}}}attachment")]
    there = {path.name for path in (run / "report_files").rglob("*.png")}
    assert attached
    assert set(attached) <= there
    assert len(there) == len(
        list((run / "report_files").rglob("*.png"))
    )  # a page's attachments have no folders
    assert "<script>document" in "".join(root.itertext())


def test_first_page_has_the_word_and_what_it_comes_to_without_f1(markdown: str) -> None:
    first, evidence, *_ = markdown.split("\n---\n")
    assert "**Chosen: sharp (default).**" in first
    assert "reads 3 of 4 documents fully right; next: check 1 doubtful reference." in first
    assert "✗ **rejected** | blunt (default) | 0 of 3 documents fully right" in first
    assert "hand it over to your pipeline: scripts/vlm-lab export 20260102T030405Z" in first
    assert "| blunt | default | 0/3 |" in first
    assert not any(figure in first for figure in ("F1", "p95", "0.875"))
    assert len(first.splitlines()) < 60
    assert "| blunt | default | 0.000 |" in evidence
    assert "suite-1-plot-1.png" in evidence


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("ok", "Not worse than the run that was accepted (before)."),
        ("regressed", "Worse than the run that was accepted (before)."),
        ("not_comparable", "Cannot be held against the run that was accepted (before)."),
    ],
)
def test_how_it_compares_with_the_accepted_run_is_in_every_report(
    tmp_path: Path, status: str, words: str
) -> None:
    run = write_run(tmp_path)
    line = "sharp (default): field_f1 fell by 0.1"
    gate = {"status": status, "baseline": "baseline.json", "run": "before", "lines": [line]}
    text = (run / "report.json").read_text()
    assert text.count('"gate": null') == 1
    (run / "report.json").write_text(text.replace('"gate": null', f'"gate": {json.dumps(gate)}'))
    first, evidence, *_ = formats.write_format("md", run).read_text().split("\n---\n")
    assert escape_markdown(words) in first
    assert "fell by" not in first
    assert escape_markdown(line) in evidence
    page = formats.write_format("html", run).read_text()
    summary, rest = page.split('<section id="evidence"')
    assert words in summary
    assert "fell by" not in summary
    assert line in rest


def test_differences_are_told_from_chance(markdown: str) -> None:
    assert (
        "| sharp (default) | blunt (default) | +0.125 | +0.050 … +0.200 | 0.020 | 4 |"
        " more than chance |" in markdown
    )


def test_markdown_renders_in_githubs_flavour(markdown: str, run: Path) -> None:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown)
    kinds = Counter(each.type for each in tokens)
    assert kinds["table_open"] == 9
    assert not kinds["html_block"]
    inline = [child for each in tokens for child in each.children or ()]
    assert not [
        child for child in inline if child.type in ("html_inline", "link_open", "code_inline")
    ]
    images = [child.attrs["src"] for child in inline if child.type == "image"]
    assert images
    assert all((run / str(address)).is_file() for address in images)
    for line in markdown.splitlines():
        if line.startswith("| blunt"):
            assert line.replace("\\|", "").count("|") in (13, 9, 4)


@pytest.mark.parametrize(
    "text",
    [
        "a|b",
        "[x](javascript:y)",
        "<b>",
        "`code`",
        "*a*",
        "_a_",
        "~~a~~",
        "a\nb",
        "\x1b[31m",
        "&lt;",
        "![i](x)",
        "http://example.com",
        "www.example.com",
        "a@example.com",
        HOSTILE,
    ],
)
def test_hostile_text_stays_text_in_markdown(text: str) -> None:
    rendered = MarkdownIt("gfm-like", {"linkify": False}).render(
        f"| head |\n|---|\n| {escape_markdown(text)} |\n"
    )
    root = ElementTree.fromstring(f"<r>{rendered}</r>")  # noqa: S314
    assert {each.tag for each in root.iter()} <= {"r", "table", "thead", "tbody", "tr", "th", "td"}
    assert (
        root.findtext(".//td", "")
        .replace("\u2060", "")
        .startswith(text.split("\n")[0].split("\x1b")[0].strip())
    )


def test_csv_has_every_result_and_no_formula(run: Path) -> None:
    place = formats.write_format("csv", run)
    rows = _table(place / "results.csv")
    assert len(rows) == 3 * 11 + 1
    assert rows[-1]["status"] == "error"
    models = _table(place / "models.csv")
    assert [each["model"] for each in models] == ["sharp", "sharp", "blunt"]
    assert len(_table(place / "fields.csv")) == 9


def test_csv_defuses_formulas(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    text = (run / "report.json").read_text().replace('"expected":"expected"', '"expected":"=cmd()"')
    (run / "report.json").write_text(text.replace('"actual":null', '"actual":"-12.50"'))
    rows = _table(formats.write_format("csv", run) / "results.csv")
    assert {each["expected"] for each in rows if "cmd" in each["expected"]} == {"'=cmd()"}
    assert "-12.50" in {each["actual"] for each in rows}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=cmd()", "'=cmd()"),
        ("@SUM(1)", "'@SUM(1)"),
        (" =1", " '=1"),
        ('"=1', "\"'=1"),
        ("＝1", "'＝1"),
        ("-2+3", "'-2+3"),
        ("a;=cmd()", "a;'=cmd()"),
        ("a, -b|+c", "a, '-b|'+c"),
        ('a","=1', 'a","\'=1'),
        ("-12.50", "-12.50"),
        ("+49 171", "+49 171"),
        ("-1,5; -3", "-1,5; -3"),
        ("2024-03-12", "2024-03-12"),
        ("Main St 1, -2", "Main St 1, -2"),
        ("it's -x", "it's -x"),
    ],
)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_separator_makes_a_formula(
    tmp_path: Path, value: str, written: str, language: str
) -> None:
    run = write_run(tmp_path)
    report = (run / "report.json").read_text()
    old = '"expected":"expected"'
    assert old in report
    (run / "report.json").write_text(report.replace(old, f'"expected":{json.dumps(value)}'))
    content = (formats.write_format("csv", run, language) / "results.csv").read_text("utf-8-sig")
    delimiter = ";" if language == "ru" else ","
    rows = list(csv.reader(content.splitlines(), delimiter=delimiter))
    assert written in {row[8] for row in rows}


def test_csv_in_russian_opens_in_its_excel(run: Path) -> None:
    folder = formats.write_format("csv", run, "ru")
    heads, first, *_ = (folder / "results.csv").read_text("utf-8-sig").splitlines()
    assert heads.startswith("набор;модель;промпт;документ;")
    assert first.startswith("invoices;sharp;default;one;есть;invoice_number;точно;")
    assert first.endswith(";0,5")
    assert ";0,875;" in (folder / "models.csv").read_text("utf-8-sig")
    english = formats.write_format("csv", run) / "results.csv"
    assert english.read_text("utf-8-sig").startswith("suite,model,prompt,document,status,path")


def test_formulas_are_found_in_long_texts_in_time() -> None:
    for text in ("'" * 200_000, ",-" * 100_000, "-" + " " * 200_000, ",-1" * 70_000):
        started = time.perf_counter()
        tables_csv._defuse_formulas(text)
        assert time.perf_counter() - started < 2


@pytest.mark.parametrize("form", ["md", "confluence"])
def test_the_same_run_gives_the_same_bytes(run: Path, form: str) -> None:
    before = formats.write_format(form, run).read_bytes(), _pictures(run)
    assert (formats.write_format(form, run).read_bytes(), _pictures(run)) == before


def test_svg_is_deterministic_and_has_no_style_of_its_own(run: Path) -> None:
    draw = plots.plot_accuracy_by_seconds(read_report(run).summaries, str)
    assert draw is not None
    one = render_svg(draw, 'title "<b>"')
    assert one == render_svg(draw, 'title "<b>"')
    assert "style" not in one
    assert "var(--s0)" in one


def test_few_replies_are_no_line_and_one_candidate_is_no_comparison(run: Path) -> None:
    assert plots.plot_latency({"sharp (default)": [1.5] * 4}, str) is None
    line = plots.plot_latency({"sharp (default)": [1.5] * 5, "new (default)": [2.5]}, str)
    assert line is not None
    labels = re.findall(r">([^<>]+ \(default\))<", render_svg(line, "title"))
    assert labels == ["sharp (default)"]
    summaries = read_report(run).summaries
    assert plots.plot_accuracy_by_seconds(summaries[:1], str) is None
    both = plots.plot_accuracy_by_seconds(summaries, str)
    assert both is not None
    assert "Pareto front" not in render_svg(both, "title"), "one is better in both"


def test_pareto_front_has_what_nothing_beats(run: Path) -> None:
    front = plots.find_pareto_front(read_report(run).summaries)
    assert [(each.model, each.prompt_id) for each in front] == [("sharp", "default")]


def test_changes_are_gained_and_lost(run: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path)
    data = json.loads((other / "report.json").read_text())
    for row in data["records"]:
        for each in row["fields"]:
            if row["model"] == "sharp" and each["path"] == "totals.gross":
                each["outcome"] = "exact" if each["outcome"] == "wrong" else "missing"
    _rewrite(other, data["records"])
    found, alone = find_changes(run, other)
    assert Counter(each.gained for each in found) == {True: 2, False: 6}
    assert alone == {}
    page = write_changes(run, other).read_text()
    assert "totals.<wbr>gross" in page
    assert "<script" not in page


def test_a_case_that_one_run_did_not_answer_is_named(run: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path)
    records = json.loads((other / "report.json").read_text())["records"][1:]
    _rewrite(other, records)
    found, alone = find_changes(run, other)
    assert found == []
    assert alone == {("invoices", "sharp", "default", "one"): run.name}
    assert f"<li>{run.name}, sharp (default): one</li>" in write_changes(run, other).read_text()


def test_crops_show_the_place_on_the_page(tmp_path: Path) -> None:
    from PIL import Image
    from reportlab.pdfgen.canvas import Canvas

    run = write_run(tmp_path)
    canvas = Canvas(str(run / "two.pdf"), pagesize=(210, 297))
    canvas.drawString(20, 40, "Total expected")
    canvas.save()
    (run / "report.json").write_text(
        (run / "report.json").read_text().replace("two.png", "two.pdf")
    )
    formats.write_format("md", run)
    with Image.open(run / "report_files" / "crops" / "error-1.png") as strip:
        assert strip.width > 3 * strip.height
        assert strip.getextrema()[0] < 128


def test_an_unknown_language_is_said(run: Path) -> None:
    with pytest.raises(UserError, match="there is en"):
        formats.write_format("md", run, "xx")


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _pictures(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "report_files").rglob("*.png")}


def _rewrite(run: Path, records: list[dict[str, Any]]) -> None:
    """report.json with other records, each on its own line."""
    text = (run / "report.json").read_text()
    head, _, rest = text.partition('"records": [\n')
    tail = rest[rest.index("\n]") :]
    (run / "report.json").write_text(
        head + '"records": [\n' + ",\n".join(map(json.dumps, records)) + tail
    )


def test_the_axes_of_a_plot_write_numbers_as_its_language_does(run: Path) -> None:
    """Names of candidates, which may have a point in them, stay."""
    draw = plots.plot_prompts(read_report(run).summaries, str)
    assert draw is not None
    texts = {
        language: re.findall(r">([^<>\s][^<>]*)<", render_svg(draw, "t", catalogue=catalogue))
        for language, catalogue in (("en", ENGLISH), ("ru", load_catalogue("ru")))
    }
    figures = [text for text in texts["en"] if re.fullmatch(r"\d+\.\d+", text)]
    assert figures
    assert [text.replace(".", ",") for text in figures] == [
        text for text in texts["ru"] if re.fullmatch(r"\d+,\d+", text)
    ]
    names = [text for text in texts["en"] if "(" in text]
    assert names == [text for text in texts["ru"] if "(" in text]
