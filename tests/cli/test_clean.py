"""pytest tests/cli/test_clean.py: a run goes, with its replies, and nothing else does."""

import io
import json
from pathlib import Path

import pytest

from vlm_lab.cli.main import main

KEY, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs, a reply of each, and a file that a hostile record points at."""
    for name, keys in (
        ("20260102T030405Z", [KEY, "../precious", None]),
        ("20260102T030406Z-2", [OTHER]),
    ):
        rows = [
            {"suite": "s", "model": "m", "prompt_id": "p", "document": str(n), "reply_key": key}
            for n, key in enumerate(keys)
        ]
        (tmp_path / "results" / name / "m").mkdir(parents=True)
        (tmp_path / "results" / name / "m/a.json").write_text("{}")
        (tmp_path / "results" / name / "records.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows)
        )
    for key in (KEY, OTHER):
        (tmp_path / "cache/replies" / key[:2]).mkdir(parents=True)
        (tmp_path / "cache/replies" / key[:2] / f"{key}.json").write_text("{}")
    (tmp_path / "precious.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def left(project: Path) -> set[str]:
    return {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}


def test_a_run_goes_with_its_replies(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = left(project)
    assert main(["clean", "20260102T030405Z", "--yes"]) == 0
    assert (
        "deleted results/20260102T030405Z (2 files) and 1 cached replies" in capsys.readouterr().out
    )
    assert before - left(project) == {
        "results/20260102T030405Z/records.jsonl",
        "results/20260102T030405Z/m/a.json",
        f"cache/replies/aa/{KEY}.json",
    }


def test_nobody_to_ask_deletes_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = left(project)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(["clean", "last"]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert left(project) == before


@pytest.mark.parametrize(("answer", "status"), [("", 1), ("n", 1), ("y", 0), ("да", 0)])
def test_a_person_is_asked(
    project: Path, monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert main(["clean", "20260102T030405Z"]) == status
    assert (project / "results/20260102T030405Z").exists() is bool(status)


def test_a_folder_that_is_not_named_as_a_run_stays(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "results/20260102T030405Z").rename(project / "results/documents")
    assert main(["clean", "results/documents", "--yes"]) == 2
    assert "is not named as runs are" in capsys.readouterr().err
    assert (project / "results/documents/records.jsonl").exists()
