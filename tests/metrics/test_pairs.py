"""Files of predictions and references: what is read, and what is said of a line that cannot be."""

from pathlib import Path

import pytest

from vlm_lab.errors import UserError
from vlm_lab.metrics.pairs import PredictionPair, read_pairs


def test_both_spellings_numbers_as_ids_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(
        '\ufeff{"id": "a", "reference": {"t": "ü\u2028"}, "prediction": null}\n\n'
        '{"id": 7, "ref": {}, "pred": {"t": NaN}, "x": 2}\n',
        "utf-8",
    )
    assert read_pairs(path) == [
        PredictionPair("a", {"t": "ü\u2028"}, None),
        PredictionPair("7", {}, {"t": "NaN"}),
    ]


GOOD = '{"id": "a", "ref": {}, "pred": {}}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "b", "ref": {', "is not JSON: Expecting property name"),
        ("[1, 2]", r"wanted \{.*, came \[1, 2\]"),
        ('{"ref": {}, "pred": {}}', "id: wanted a text or a whole number, came null"),
        ('{"id": true, "ref": {}, "pred": {}}', "id: wanted a text or a whole number, came true"),
        ('{"id": "b", "pred": {}}', """wanted one key "reference" or "ref", came 'id', 'pred'"""),
        (
            '{"id": "b", "ref": {}, "reference": {}, "pred": {}}',
            'wanted one key "reference" or "ref"',
        ),
        ('{"id": "b", "ref": {}}', 'wanted one key "prediction" or "pred"'),
        ('{"id": "b", "ref": null, "pred": {}}', "reference: wanted a JSON object, came null"),
        (
            '{"id": "b", "ref": {}, "pred": "' + "x" * 99 + '"}',
            'prediction: .*, came "x{39}\\.\\.\\.$',
        ),
        (GOOD, "a second line with the id 'a'"),
        (
            '{"id": "b", "ref": {}, "pred": ' + "[" * 5000 + "]" * 5000 + "}",
            "is nested too deeply to be read",
        ),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_with_what_is_wrong(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(f"{GOOD}\n\n{line}\n", "utf-8")
    with pytest.raises(UserError, match=f"pairs.jsonl:3: {message}"):
        read_pairs(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"\n", "is empty; wanted lines of"),
        (b'{"id": "\xff"}', r"is not UTF-8 text \(byte 8\)"),
    ],
)
def test_a_file_that_holds_no_pairs(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "pairs.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_pairs(path)
