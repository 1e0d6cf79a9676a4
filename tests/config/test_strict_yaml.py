"""pytest tests/config/test_strict_yaml.py: YAML made to be expensive is one line at once."""

import time
from pathlib import Path

import pytest

from vlm_lab.config.strict_yaml import read_yaml
from vlm_lab.errors import UserError


def make_bomb(levels: int, width: int = 12) -> str:
    lines = ["n0: &n0 [" + ",".join("y" * width) + "]"]
    for level in range(1, levels):
        aliases = ",".join([f"*n{level - 1}"] * width)
        lines.append(f"n{level}: &n{level} [{aliases}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (make_bomb(30), "unfold to more than 100,000 values"),
        ("a: 1\nb: &b [*b]", "a.yaml:2: an alias (*name) stands inside what it names"),
        ("? &k {a: *k}\n: 1", "stands inside what it names"),
        ("[" * 1000, "is nested too deeply"),
        ("a: &a\n  b: &b {c: *a}", "stands inside"),
    ],
)
def test_aliases_and_depth_are_limited(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    started = time.monotonic()
    with pytest.raises(UserError) as error:
        read_yaml(tmp_path / "a.yaml")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert time.monotonic() - started < 1


def test_aliases_that_people_write_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("base: &base {dpi: 150}\nother: *base\n" + make_bomb(3))
    data = read_yaml(tmp_path / "a.yaml").data
    assert data["other"] == {"dpi": 150}
