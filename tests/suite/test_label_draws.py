"""pytest tests/suite/test_label_draws.py: what is known of documents that were drawn for labels."""

import json
import stat
from pathlib import Path

import pytest

from vlm_lab.errors import UserError
from vlm_lab.suite.label_draws import (
    LABEL_DRAWS_FILE,
    LabelDraw,
    read_label_draws,
    read_label_frame,
    write_label_draws,
)

DRAWN = LabelDraw("a", 0.25, blind=True, drawn_at="2026-01-02T03:04:05+00:00", run="r")
MISSED = LabelDraw("ё", 0.5)
ENTRY = {"document": "a", "inclusion_probability": 0.5, "blind": False, "drawn_at": "2026"}


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_label_frame(tmp_path) == ()
    write_label_draws(tmp_path, [DRAWN, MISSED])
    assert read_label_draws(tmp_path) == (DRAWN,)
    assert [draw.inclusion_probability for draw in read_label_frame(tmp_path)] == [0.25, 0.5]
    assert stat.S_IMODE((tmp_path / LABEL_DRAWS_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Invalid JSON"),
        ("[" * 100_000, "Invalid JSON"),
        ("{}", "valid array"),
        ("[3]", "entry 1:"),
        ('[{"document": "a"}]', "entry 1: inclusion_probability Field required"),
        (json.dumps([ENTRY, ENTRY]), "entry 2, 'a': the document stands there twice"),
        (json.dumps([{**ENTRY, "inclusion_probability": 0}]), "must be above 0, at most 1"),
        (json.dumps([{**ENTRY, "inclusion_probability": 1.5}]), "must be above 0, at most 1"),
        ('[{"document": "a", "inclusion_probability": NaN}]', "must be from 0 to 1"),
        (json.dumps([{**ENTRY, "blind": "perhaps"}]), "entry 1: blind"),
        (b"\xff\xfe", "Invalid JSON"),
    ],
)
def test_a_damaged_file_is_a_sentence(tmp_path: Path, text: str | bytes, said: str) -> None:
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / LABEL_DRAWS_FILE).write_bytes(content)
    with pytest.raises(UserError, match=r"label_draws\.json: ") as refused:
        read_label_draws(tmp_path)
    assert said in str(refused.value)


def test_what_cannot_be_read_or_written_says_where(tmp_path: Path) -> None:
    (tmp_path / LABEL_DRAWS_FILE).mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        read_label_draws(tmp_path)
    with pytest.raises(UserError, match="cannot be written"):
        write_label_draws(tmp_path / "none", [DRAWN])
