"""Tables fit the terminal: names go on in the next line, figures and commands stay whole."""

import pytest

from vlm_lab.cli.main import main
from vlm_lab.report.formatting import SUMMARY_COLUMNS, format_table

FIGURES = ["0.781", "0.56-0.86", "100/112", "12.46", "120.48", "1200", "112/112", "112"]


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("nano", "default"),
        ("llava-1.6-mistral-7b", "strict-with-examples"),
        ("a" * 40, "default"),
        ("one-two three-four five-six", "x"),
    ],
)
def test_a_table_fits_eighty_columns(name: str, prompt: str) -> None:
    rows = [[name, prompt, *FIGURES], ["ocr", "default", *FIGURES]]
    lines = format_table(SUMMARY_COLUMNS, rows, 90 if len(name) > 30 else 80)
    assert max(map(len, lines)) <= (90 if len(name) > 30 else 80)
    assert sum(all(figure in line.split() for figure in FIGURES) for line in lines) == 2
    whole = format_table(SUMMARY_COLUMNS, rows)
    assert len(whole) == 3
    assert whole[1].startswith(f"{name}  ")
    assert f"  {prompt}  " in whole[1]
    names = "".join(line[: lines[0].index("prompt")].strip() for line in lines[1:-1])
    assert names.replace(" ", "") == name.replace(" ", "")


@pytest.mark.parametrize("command", ["models", "weights"])
def test_lists_of_candidates_fit_and_keep_their_commands(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([command]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    if command == "weights":
        assert "    scripts/vlm-lab weights fetch llava-1.6-mistral-7b" in lines
    monkeypatch.setenv("COLUMNS", "200")
    assert main([command]) == 0
    assert len(capsys.readouterr().out.splitlines()) < len(lines)
