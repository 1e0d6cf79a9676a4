"""pytest tests/records/test_run_settings.py: what a run was begun with comes back, or one line."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from vlm_lab.errors import UserError
from vlm_lab.records.run_settings import RunSettings, read_settings, write_settings

SETTINGS = RunSettings(
    started="2026-01-02T03:04:05+00:00",
    command=("benchmarks", "-k", "half \udce9"),
    options={"sample": 3},
    suites=("invoices",),
    partial=(),
    first_prompts={"m": "default"},
    cases=(("invoices", "m", "default", "inv_1"),),
)


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_settings(tmp_path, SETTINGS)
    assert read_settings(tmp_path) == SETTINGS
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", ": Input should be"),
        (json.dumps({**asdict(SETTINGS), "cases": [["invoices", "m"]]}), "cases.0.2: Field"),
    ],
)
def test_what_is_no_settings_is_one_line(tmp_path: Path, text: str | None, why: str) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(UserError, match="the run cannot be gone on with: start another") as said:
        read_settings(tmp_path)
    assert why in str(said.value)
    assert "\n" not in str(said.value)
