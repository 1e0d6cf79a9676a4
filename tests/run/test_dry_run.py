"""What a dry run says beforehand about a real checkpoint is what the real run then takes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.projects import records_of, write_project
from tests.suites import REFERENCE


def run(pytester: pytest.Pytester, name: str, *options: str) -> tuple[pytest.RunResult, Path]:
    folder = pytester.path / name
    result = pytester.runpytest(
        "benchmarks", "-p", "no:cacheprovider", f"--output-dir={folder}", *options
    )
    (run_folder,) = [path for path in folder.iterdir() if path.is_dir()]
    return result, run_folder


@pytest.mark.slow
def test_visual_tokens_are_predicted_as_the_model_then_takes_them(
    pytester: pytest.Pytester, checkpoint: Callable[[str], Path]
) -> None:
    model = {"name": "tiny", "model_id": str(checkpoint("qwen2_vl"))}
    model |= {
        "generation_kwargs": {"max_new_tokens": 4},
        "processor_kwargs": {"max_visual_tokens": 60},
    }
    absent = {"name": "absent", "model_id": "some/model"}
    models = f"models:\n  - {json.dumps(model)}\n  - {json.dumps(absent)}\n"
    write_project(pytester.path, models, {"inv_1": REFERENCE})

    result, dry_folder = run(pytester, "dry", "--dry-run")
    result.assert_outcomes(passed=2)
    result.stdout.re_match_lines([r"tiny \(default\): 1 cases, about \d+ visual tokens each"])
    predicted = {row["model"]: row["dry_run"]["visual_tokens"] for row in records_of(dry_folder)}
    assert predicted["absent"] is None

    result, real_folder = run(pytester, "real", "-k", "tiny", "--device=cpu")
    result.assert_outcomes(passed=1, deselected=1)
    (record,) = records_of(real_folder)
    assert 0 < record["usage"]["visual_tokens"] == predicted["tiny"]


def test_a_chat_model_without_a_chat_template_is_named_in_header_and_report(
    pytester: pytest.Pytester,
) -> None:
    own = pytester.mkdir("nano")
    for path in (PROJECT / "checkpoints" / "qwen2-vl-nano").iterdir():
        if path.suffix in (".json", ".safetensors"):
            (own / path.name).symlink_to(path)
    models = f"models:\n  - {{name: nano, model_id: {own}}}\n"
    write_project(pytester.path, models, {"inv_1": REFERENCE})
    result, folder = run(pytester, "dry", "--dry-run")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["nano: the checkpoint has no chat template; *"])
    assert "the checkpoint has no chat template" in (folder / "report.md").read_text("utf-8")
