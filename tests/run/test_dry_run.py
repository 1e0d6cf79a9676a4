"""What a dry run says beforehand about a real checkpoint is what the real run then takes."""

import json
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT
from tests.projects import records_of, write_project
from tests.suites import REFERENCE, write_suite
from vlm_lab.messages import Message, in_english
from vlm_lab.run.dry_run import PageInspector, fold_warnings
from vlm_lab.suite import load_documents, load_suite, make_prompt
from vlm_lab.suite.rendering.process import PAGE_WORKER
from vlm_lab.types import Model


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


def test_a_documents_pages_are_rendered_once_for_all_candidates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[str] = []
    request = PAGE_WORKER.request

    def count_request(path: Path, task: str, **arguments: Any) -> Any:
        rendered.extend([path.name] if task == "render" else [])
        return request(path, task, **arguments)

    monkeypatch.setattr(PAGE_WORKER, "request", count_request)
    suite = load_suite(write_suite(tmp_path / "suite", dict.fromkeys("ab", REFERENCE)))
    inspector = PageInspector()
    facts = [
        inspector.inspect(make_prompt(Model(name=name, model_id="x"), "x", "x", document, None))
        for name in ("m1", "m2", "m3")
        for document in load_documents(suite)[0]
    ]
    assert rendered == ["a.png", "b.png"]
    assert {len(page_facts.image_sizes) for page_facts in facts} == {1}
    large = make_prompt(
        Model(name="m4", model_id="x", dpi=40), "x", "x", load_documents(suite)[0][0], 1
    )
    inspector.inspect(large)
    assert rendered == ["a.png", "b.png", "a.png"], "other pixels, other sizes"


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


def make_warnings(models: int, documents: int) -> list[Message | str]:
    weights = {"model_id": "org/x", "revision": "main", "command": "fetch"}
    return [
        *(Message("no_weights", {"model": f"m{number}", **weights}) for number in range(models)),
        *(
            Message("too_long", {"document": f"d{number}", "n": 900 + number, "limit": 800})
            for number in range(documents)
        ),
        "no server answers",
    ]


@pytest.mark.parametrize(
    ("models", "documents", "lines"),
    [
        (
            1,
            2,
            [
                "m0: no weights of org/x (main) here; fetch",
                "d0 needs about 900 tokens, the limit is 800 (max_new_tokens)",
                "d1 needs about 901 tokens, the limit is 800 (max_new_tokens)",
                "no server answers",
            ],
        ),
        (
            4,
            5,
            [
                "no server answers",
                "the weights of 4 models are not here: m0, m1, m2, m3; *weights says how each is"
                " had",
                "5 documents need more tokens than their limit (max_new_tokens), up to 904 of 800:"
                " d0, d1, d2 and 2 more",
                "each of them is in report.md",
            ],
        ),
    ],
)
def test_many_warnings_of_a_kind_are_one_line(
    models: int, documents: int, lines: list[str]
) -> None:
    folded = fold_warnings(make_warnings(models, documents), Path("report.md"))
    for line, pattern in zip(map(in_english, folded), lines, strict=True):
        assert fnmatch(line, pattern)


def test_each_warning_that_the_terminal_folds_is_in_the_report(pytester: pytest.Pytester) -> None:
    absent = "".join(f"  - {{name: far{number}, model_id: org/x}}\n" for number in range(3))
    write_project(pytester.path, f"models:\n{absent}", {"inv_1": REFERENCE})
    result, folder = run(pytester, "dry", "--dry-run")
    lines = [line for line in result.outlines if "weights" in line]
    assert [line.split(";")[0] for line in lines] == [
        "the weights of 3 models are not here: far0, far1, far2"
    ]
    report = (folder / "report.md").read_text("utf-8")
    assert all(f"far{number}: no weights of org/x" in report for number in range(3))
