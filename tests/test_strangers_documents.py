"""pytest tests/test_strangers_documents.py: documents of strangers in a whole run: the rest has its
report."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.projects import echo, records_of, run_folder_of, write_project
from tests.suite.rendering.made_pdfs import draw_text, make_endless_pdf, make_pdf
from tests.suites import REFERENCE

FIRST, LAST = draw_text("Invoice A-17"), draw_text("Total 119.00 EUR")


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest("benchmarks", "-p", "no:cacheprovider", *options)


def add_documents(folder: Path, make: dict[str, Any]) -> None:
    """Documents in place of the project's own, each by what makes it; all have one reference."""
    suite = folder / "benchmarks" / "invoices"
    for path in (suite / "documents").iterdir():
        path.unlink()
    for name, write in make.items():
        write(suite / "documents" / name)
        (suite / "references" / f"{Path(name).stem}.json").write_text(json.dumps(REFERENCE))


def test_hostile_documents_cost_their_own_cells_and_the_report_is_written(
    pytester: pytest.Pytester,
) -> None:
    write_project(pytester.path, "models:\n" + echo(), {})
    add_documents(
        pytester.path,
        {
            "broken.pdf": lambda path: path.write_bytes(b"%PDF-1.7 nothing"),
            "endless.pdf": make_endless_pdf,
            "large.pdf": lambda path: make_pdf(path, [FIRST], "/MediaBox [0 0 9000 9000]"),
            "sound.pdf": lambda path: make_pdf(path, [FIRST + "\n" + LAST]),
            "waits.pdf": lambda path: make_pdf(
                path,
                [draw_text("Please wait...")],
                catalog_keys="/AcroForm << /Fields [] /XFA 100 0 R >> /NeedsRendering true",
                objects=["<< /Length 6 >>\nstream\n<xdp/>\nendstream"],
            ),
        },
    )
    run(pytester).assert_outcomes(passed=2, failed=2, skipped=1)
    folder = run_folder_of(pytester.path)
    records = {row["document"]: row for row in records_of(folder)}
    assert {name: row["status"] for name, row in records.items()} == {
        "broken": "error",
        "endless": "error",
        "large": "ok",
        "sound": "ok",
        "waits": "skipped",
    }
    assert "endless.pdf: page 1" in records["endless"]["error"]["message"]
    assert "XFA" in records["waits"]["error"]["message"]
    assert [note["kind"] for note in records["large"]["notes"]] == ["page_reduced"]
    report = (folder / "report.md").read_text()
    assert "about large.pdf: page 1: drawn at 48 dpi, 150 would be too large" in report
    assert (folder / "report.html").stat().st_size > 10_000
    pages = sorted(path.name for path in (folder / "report_files/pages").iterdir())
    assert pages == ["invoices--large-1.jpg", "invoices--sound-1.jpg"]


def test_a_value_on_a_page_that_is_left_out_is_not_judged_and_said_everywhere(
    pytester: pytest.Pytester,
) -> None:
    wrong = {"invoice_number": "A-17", "totals": {"gross": "1.00"}}
    models = echo("all", answer=wrong) + echo("first", ", pages: first", answer=wrong)
    write_project(pytester.path, "models:\n" + models, {}, "pages: {max: 2}")
    add_documents(
        pytester.path,
        {"long.pdf": lambda path: make_pdf(path, [FIRST, draw_text("and so on"), LAST])},
    )
    result = run(pytester)
    result.assert_outcomes(passed=2)
    left_out = "1 document has more than the 2 first pages, which alone are shown: long.pdf (3)*"
    unseen = "long.pdf: stands on no page that is shown (2), not judged: totals.gross"
    result.stdout.fnmatch_lines(["collected*", left_out, "*(1), not judged*" and unseen])
    assert result.stdout.str().count(unseen) == 2, "before the run and after it"
    folder = run_folder_of(pytester.path)
    for row in records_of(folder):
        fields = {each["path"]: each for each in row["fields"]}
        assert (fields["totals.gross"]["outcome"], fields["totals.gross"]["note"]) == (
            "unlabelled",
            "not_shown",
        )
        assert fields["invoice_number"]["outcome"] == "exact"
        assert row["scores"]["field_f1"] == 1.0
        assert row["pages_total"] == 3
    assert unseen in (folder / "report.md").read_text().replace("\\", "")
    shown = run(pytester, "--max-pages=3", "-k", "all")
    assert "not judged" not in shown.stdout.str()
    newest = max((pytester.path / "results").glob("2*"))
    (row,) = records_of(newest)
    assert row["scores"]["field_f1"] == 0.5


def test_a_prompt_that_is_broken_is_one_line_and_the_others_run(
    pytester: pytest.Pytester,
) -> None:
    prompts = ", prompts: [cut, latin, default]"
    suite_yaml = "prompts: {default: prompt.md, cut: cut.md, latin: latin.md}"
    write_project(pytester.path, "models:\n" + echo("m", prompts), {"a": REFERENCE}, suite_yaml)
    suite = pytester.path / "benchmarks" / "invoices"
    (suite / "cut.md").write_text("Answer {% if schema")
    (suite / "latin.md").write_bytes("Für {{ schema }}".encode("latin-1"))
    result = run(pytester)
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*cut.md: prompt 'cut', line 1: *"])
    result.stdout.fnmatch_lines(["*latin.md: prompt 'latin': is not UTF-8 text*"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    statuses = {row["prompt_id"]: row["status"] for row in records_of(run_folder_of(pytester.path))}
    assert statuses == {"cut": "error", "latin": "error", "default": "ok"}


def test_a_plot_that_cannot_be_drawn_says_why_and_the_report_is_there(
    pytester: pytest.Pytester,
) -> None:
    write_project(pytester.path, "models:\n" + echo() + echo("n"))
    (pytester.path / "conftest.py").write_text(
        "from vlm_lab.report import plot_rendering\n"
        "def fail(*args):\n    raise ValueError('no such value')\n"
        "plot_rendering._render_figure = fail\n"
    )
    run(pytester).assert_outcomes(passed=6)
    folder = run_folder_of(pytester.path)
    for name in ("report.md", "report.html"):
        assert "no picture: ValueError: no such value" in (folder / name).read_text()


def test_each_of_the_shared_documents_leaves_a_run_with_its_report(
    pytester: pytest.Pytester, shared: Path
) -> None:
    write_project(pytester.path, "models:\n" + echo(), {})
    folder = shared / "cases/documents"
    if not folder.is_dir():
        pytest.skip("no folder cases/documents beside the project")
    add_documents(
        pytester.path,
        {path.name: lambda to, path=path: shutil.copy(path, to) for path in folder.iterdir()},
    )
    run(pytester)
    records = {row["document"]: row for row in records_of(run_folder_of(pytester.path))}
    assert len(records) == len(list(folder.iterdir()))
    assert (records["plain"]["status"], records["xfa"]["status"]) == ("ok", "skipped")
    assert records["forms_that_use_each_other"]["status"] == "error"
    assert (run_folder_of(pytester.path) / "report.html").exists()
