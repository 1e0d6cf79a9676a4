"""`vlm-lab report`: the table of a run, its other forms, and two runs held against each other."""

from pathlib import Path

import pytest

from tests.report.made import write_run
from vlm_lab.cli.main import main


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for name in ("20260101T000000Z", "20260102T000000Z"):
        write_run(tmp_path / name)
        (tmp_path / name / "run.json").touch()  # a run began there
    return tmp_path


def test_without_a_form_it_prints_the_table_and_the_pages_place(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "20260102T000000Z", "--output-dir", str(results)]) == 0
    out = capsys.readouterr().out
    assert "sharp  terse" in out
    assert "blunt (default): rejected" in out
    assert out.rstrip().endswith("20260102T000000Z/report.html")
    assert "\x1b" not in out
    assert (results / "20260102T000000Z" / "report.html").is_file()


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ("html", "report.html"),
        ("md", "report.md"),
        ("confluence", "report.confluence.xml"),
        ("csv", "report_files/tables"),
    ],
)
def test_each_form_is_written_into_the_runs_folder(
    results: Path, capsys: pytest.CaptureFixture[str], form: str, place: str
) -> None:
    run = results / "20260101T000000Z"
    assert main(["report", run.name, "--format", form, "--output-dir", str(results)]) == 0
    assert capsys.readouterr().out.strip() == str(run / place)
    assert (run / place).exists()
    assert (run / place).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("options", "place"),
    [
        (["--output", "out/отчёт.html", "--lang", "ru"], "out/отчёт.html"),
        (["--output", "out/r.md", "--lang", "ru"], "out/r.md"),
        (["--output", "out/wiki.xml"], "out/wiki.xml"),
        (["--output", "out", "--lang", "ru"], "out/report.html"),
        (["--output", "out", "--format", "md"], "out/report.md"),
        (["--output", "out/seiten", "--format", "csv"], "out/seiten/tables"),
    ],
)
def test_a_report_is_written_where_it_is_wanted(
    results: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    place: str,
) -> None:
    monkeypatch.chdir(results)
    before = sorted((results / "20260102T000000Z").rglob("*"))
    assert main(["report", "20260102T000000Z", "--output-dir", str(results), *options]) == 0
    assert capsys.readouterr().out.strip() == place
    assert (results / place).exists()
    assert sorted((results / "20260102T000000Z").rglob("*")) == before, "the run is left alone"
    if "ru" in options:
        assert "документ" in (results / place).read_text("utf-8")
    arguments = ["report", "20260101T000000Z", "--output-dir", str(results), *options]
    assert main(arguments) == 2, "the pictures beside it are another run's"
    assert "has the report of another run" in capsys.readouterr().err


def test_a_file_of_no_known_form_is_refused(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(results / "report.pdf")
    assert main(["report", "last", "--output-dir", str(results), "--output", output]) == 2
    assert "a file that ends in .html, .htm, .md, .xml" in capsys.readouterr().err


def test_two_runs_are_held_against_each_other(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = "20260101T000000Z", "20260102T000000Z"
    assert main(["report", first, second, "--output-dir", str(results)]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page == results / second / f"changes-from-{first}.html"
    assert "Nothing changed." in page.read_text()


def test_a_run_without_a_report_says_what_to_type(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "20260101T000000Z" / "report.json").unlink()
    assert main(["report", "20260101T000000Z", "--output-dir", str(results)]) == 2
    assert f"--resume {results / '20260101T000000Z'}\n" in capsys.readouterr().err
    assert main(["report", "a", "b", "c", "--output-dir", str(results)]) == 2
