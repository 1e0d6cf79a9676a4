"""pytest tests/cli/test_clean.py: a run goes, with its replies, and nothing else does."""

import io
import json
from pathlib import Path

import pytest

from vlm_lab.cli.main import main
from vlm_lab.records.runs import lock_run

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


def write_reply(project: Path, key: str, run: str | None) -> str:
    """A cached reply, asked for `run`; its path."""
    path = project / "cache/replies" / key[:2] / f"{key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"raw_response": "A-17", **({"run": run} if run else {})}))
    return path.relative_to(project).as_posix()


def test_all_that_the_cache_quotes_of_the_runs_documents_goes(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A crash left replies without a record and halves of files; an answer was asked again."""
    other_run = project / "elsewhere" / "20260102T030405Z"
    other_run.mkdir(parents=True)
    (other_run / "run.json").write_text("{}")
    run = project / "results" / "20260102T030405Z"
    head = {"suite": "s", "model": "m", "prompt_id": "p", "document": "0", "reply_key": "c" * 64}
    with (run / "records.jsonl").open("a") as file:
        file.write(json.dumps(head) + "\n")
    gone = {
        write_reply(project, "c" * 64, str(run)),
        write_reply(project, "d" * 64, str(run)),
        write_reply(project, "e" * 64, str(project / "results" / "20250101T000000Z")),
        write_reply(project, "f" * 64, None),
    }
    stays = {
        write_reply(project, "0" * 64, str(other_run)),
        write_reply(project, "1" * 64, str(project / "results" / "20260102T030406Z-2")),
    }
    (project / "cache" / "checks").mkdir()
    parts = ("cache/checks/b.part", "cache/replies/dd/c.part", "cache/e.part")
    for name in ("cache/checks/a.json", *parts):
        (project / name).write_text("A-17")
        gone.add(name)
    (project / "cache" / "environments.json").write_text("{}")
    before = left(project)
    assert main(["clean", "20260102T030405Z", "--yes"]) == 0
    assert "2 cached replies, 3 without a record, 1 checks" in capsys.readouterr().out
    deleted = before - left(project)
    assert {path for path in deleted if path.startswith("cache")} - gone == {
        f"cache/replies/aa/{KEY}.json"
    }
    assert gone <= deleted
    assert stays <= left(project)


@pytest.mark.parametrize("how", ["by its path", "through a link"])
def test_only_what_lies_below_the_results_is_deleted(
    project: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    outside = project / "archive" / "20260102T030405Z"
    outside.parent.mkdir()
    (project / "results/20260102T030405Z").rename(outside)
    if how == "through a link":
        (project / "results" / "sub").symlink_to(outside.parent)
    argument = str(outside) if how == "by its path" else "sub/20260102T030405Z"
    before = left(project)
    assert main(["clean", argument, "--yes"]) == 2
    assert "does not lie below results" in capsys.readouterr().err
    assert left(project) == before
    assert main(["clean", argument, "--yes", "--anywhere"]) == 0
    assert not outside.exists()


def test_a_run_that_is_being_written_stays(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = left(project)
    with lock_run(project / "results" / "20260102T030405Z"):
        assert main(["clean", "20260102T030405Z", "--yes"]) == 2
    assert "another process is writing this run" in capsys.readouterr().err
    assert left(project) == before
