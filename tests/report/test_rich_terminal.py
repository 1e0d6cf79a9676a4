"""pytest tests/report/test_rich_terminal.py: the summary where somebody looks at it; hostile text
stays text."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.report.made import write_run
from vlm_lab.cli.main import main
from vlm_lab.messages import Message
from vlm_lab.records.report_json import read_report
from vlm_lab.report.rich_terminal import print_summary
from vlm_lab.types import ReasonTopic, Report

HOSTILE = "[bold]x[/bold] [link=http://e.x]y \x1b[35m\x1b]0;title\x07"


@pytest.fixture
def report(tmp_path: Path) -> Report:
    found = read_report(write_run(tmp_path / "20260102T030405Z"))
    chosen, rejected = found.decisions
    hostile = (Message("chance", {"what": HOSTILE}),)
    reasons: dict[ReasonTopic, tuple[Message, ...]] = {"evidence": hostile, "against": hostile}
    return replace(found, decisions=[chosen, replace(rejected, reasons=reasons)])


def shown_on(report: Report, width: int = 120) -> str:
    console = Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
        width=width,
        highlight=False,
    )
    print_summary(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_each_word_has_its_colour(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    said = shown_on(report)
    assert "\x1b[32msharp (default): chosen" in said
    assert "\x1b[31mblunt (default): rejected" in said
    assert "0.875" in said


def test_markup_and_escapes_of_others_do_nothing(report: Report) -> None:
    said = shown_on(report)
    assert said.count("[bold]x[/bold] [link=http://e.x]y") == 2
    assert "\x1b[35m" not in said
    assert "\x1b]" not in said
    assert "\x07" not in said


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_where_somebody_looks_and_wants_them(
    report: Report,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str],
    coloured: bool,
) -> None:
    import sys

    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "100", **environment}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / report.run["id"] / "records.jsonl").write_text("{}\n")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["report", report.run["id"], "--output-dir", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert ("\x1b[32m" in said) is coloured
    assert "blunt (default): rejected" in said
    assert said.rstrip().endswith("report.html")
