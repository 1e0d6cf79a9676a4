"""What a run needs is written where no project is, and only there."""

import json
import stat
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from vlm_lab.cli.main import main
from vlm_lab.config.models_file import load_candidates
from vlm_lab.scaffold.project import find_project, propose_project_files


def write_pipeline(folder: Path) -> None:
    for part in ("docs", "json"):
        (folder / part).mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (64, 64), "white").save(folder / "docs" / f"inv_{number}.png")
        reference = {"number": f"A-{number}", "total": "119.00"}
        (folder / "json" / f"inv_{number}.json").write_text(json.dumps(reference))


@pytest.mark.parametrize("folder", ["json", "json: #1", "Счета"])
def test_an_empty_folder_becomes_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    write_pipeline(tmp_path / "pipeline")
    references = tmp_path / "pipeline" / folder
    (tmp_path / "pipeline" / "json").rename(references)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    documents = tmp_path / "pipeline" / "docs"
    suite = ["benchmarks/own", f"--documents={documents}", f"--references={references}"]
    assert main(["init", *suite]) == 0
    assert find_project(work / "benchmarks") == work
    candidates = load_candidates([work / "models.yaml"]).models
    (today,) = [model for model in candidates if model.backend == "replay"]
    assert (work / today.model_id).resolve() == references
    assert propose_project_files(work / "benchmarks" / "own", references) == {}


def test_a_suite_elsewhere_brings_no_project(tmp_path: Path) -> None:
    assert propose_project_files(tmp_path / "own", tmp_path) == {}


def test_somebody_elses_pytest_ini_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    assert find_project(tmp_path) is None


def test_what_holds_values_is_private_and_ignored_by_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pipeline(tmp_path)
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    assert main(["init", "benchmarks/own", "--documents=docs", "--references=json"]) == 0
    suite = tmp_path / "benchmarks" / "own"
    assert stat.S_IMODE((suite / "fields.md").stat().st_mode) == 0o600
    for name in ("results/1/report.json", "cache/replies/a", "benchmarks/own/corrections.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "results" / "baseline.json").write_text("")
    assert list_untracked() == [
        ".gitignore",
        "benchmarks/own/.gitignore",
        "benchmarks/own/prompt.md",
        "benchmarks/own/schema.json",
        "benchmarks/own/suite.yaml",
        "benchmarks/test_own.py",
        "models.yaml",
        "pytest.ini",
        "results/baseline.json",
    ]
    # Who wants the decisions in git, deletes one line.
    gitignore = suite / ".gitignore"
    gitignore.write_text(gitignore.read_text().replace("/corrections.json\n", ""))
    assert "benchmarks/own/corrections.json" in list_untracked()


def list_untracked() -> list[str]:
    command = ["git", "ls-files", "--others", "--exclude-standard", "--", ":!docs", ":!json"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_a_gitignore_that_is_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pipeline(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".gitignore").write_text("mine\n")
    assert main(["init", "benchmarks/own", "--documents=docs", "--references=json"]) == 0
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
