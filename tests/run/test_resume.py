"""pytest tests/run/test_resume.py: which options a resumed run has, and which make it another."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.suites import REFERENCE, write_suite
from vlm_lab.errors import UserError
from vlm_lab.records.run_settings import RunSettings
from vlm_lab.run.case_inputs import compute_case_inputs, find_changed_inputs
from vlm_lab.run.options import Options
from vlm_lab.run.resume import check_selection, describe_options, restore_options
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.types import Case, Model

KEYS = tuple(("invoices", "m", "default", f"inv_{number}") for number in range(3))


def make_options(project: Path, **changed: Any) -> Options:
    given: dict[str, Any] = {
        "models_files": (project / "models.yaml",),
        "output_dir": project / "results",
        "cache": project / "cache",
        "project": project,
        **changed,
    }
    return Options(**given)


def settings_of(options: Options) -> RunSettings:
    described = json.loads(json.dumps(describe_options(options)))
    return RunSettings(
        started="2026-01-02T03:04:05+00:00",
        command=(),
        options=described,
        suites=("invoices",),
        partial=(),
        first_prompts={"m": "default"},
        cases=KEYS,
    )


BEGUN = {
    "suite": Path("/suites/own"),
    "prompts": ("terse",),
    "sample": 5,
    "rounds": 3,
    "device": "cpu",
    "max_pages": 2,
    "replies": "off",
    "online": True,
    "max_drop": 0.5,
}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ({}, {}),
        ({"sample": 5, "prompts": ("terse",)}, {}),
        ({"replies": "only"}, {"replies": "only"}),
        ({"probe": 3, "max_drop": 0.02}, {"probe": 3, "max_drop": 0.02}),
    ],
)
def test_what_is_not_typed_is_the_runs(
    tmp_path: Path, typed: dict[str, Any], expected: dict[str, Any]
) -> None:
    run = tmp_path / "results" / "20260102T030405Z"
    options = make_options(tmp_path, resume=run, command=("--resume", "last"), **typed)
    restored = restore_options(options, settings_of(make_options(tmp_path, **BEGUN)))
    wanted = {**BEGUN, **expected, "resume": run, "command": ("--resume", "last")}
    assert restored == make_options(tmp_path, **wanted)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"sample": 6}, "--sample 6: RUN began with 5; leave --sample away to go on with it"),
        ({"suite": Path("/x")}, "--suite /x: RUN began with /suites/own"),
        ({"prompts": ("a", "b")}, "--prompt a, b: RUN began with terse"),
        ({"status": ("chosen",)}, "--status chosen: RUN began with none"),
        ({"models_files": (Path("/m.yaml"),)}, "--models-file /m.yaml: RUN began with /"),
        ({"dry_run": True}, "--dry-run: RUN calls models, and no dry run is mixed into it"),
        ({"device": "cuda"}, "--device cuda: RUN began with cpu"),
    ],
)
def test_what_makes_it_another_run_is_refused(
    tmp_path: Path, typed: dict[str, Any], sentence: str
) -> None:
    run = tmp_path / "results" / "20260102T030405Z"
    begun = settings_of(make_options(tmp_path, **BEGUN))
    with pytest.raises(UserError) as said:
        restore_options(make_options(tmp_path, resume=run, **typed), begun)
    assert sentence.replace("RUN", run.name) in str(said.value)


def test_a_folder_of_somebody_else_names_no_code_of_its_own(tmp_path: Path) -> None:
    run = tmp_path / "results" / "20260102T030405Z"
    begun = settings_of(make_options(tmp_path, models_files=(run / "m" / "models.yaml",)))
    with pytest.raises(UserError, match=r"run.json: .*models.yaml lies in the run's own folder"):
        restore_options(make_options(tmp_path, resume=run), begun)
    odd = replace(begun, options={**begun.options, "sample": "many"})
    with pytest.raises(UserError, match=r"run.json: options.sample: Input should be"):
        restore_options(make_options(tmp_path, resume=run), odd)


@pytest.mark.parametrize(
    ("collected", "selected", "expected"),
    [
        (KEYS, KEYS, []),
        (KEYS, KEYS[:2], "the command leaves out 1 of its 3 cases (m-default-inv_2)"),
        (KEYS[:2], KEYS[:2], [1]),
        ((), (), "none of its 3 cases is here (m-default-inv_0); go on with it where it"),
    ],
)
def test_the_selection_is_the_runs(
    tmp_path: Path, collected: Any, selected: Any, expected: list[int] | str
) -> None:
    begun = settings_of(make_options(tmp_path))
    if isinstance(expected, list):
        notes = check_selection(tmp_path, begun, {*collected}, {*selected})
        assert [note.figures["n"] for note in notes] == expected
        return
    with pytest.raises(UserError) as said:
        check_selection(tmp_path, begun, {*collected}, {*selected})
    assert expected in str(said.value)


def load_case(folder: Path, model: Model) -> Case:
    suite = load_suite(folder, None, None, None)
    documents, _ = load_documents(suite)
    return Case(model, "default", suite.prompts["default"], documents[0])


@pytest.mark.parametrize(
    ("file", "text", "kinds"),
    [
        ("prompt.md", "Please {{ schema }}", ["prompt"]),
        ("prompt.md", "{{ nonsense", ["prompt"]),
        ("references/inv_1.json", '{"invoice_number": "A-18"}', ["reference"]),
        ("references/inv_1.json", None, ["reference"]),
        ("suite.yaml", "verified: true", ["reference"]),
        ("suite.yaml", "empty: absent", ["reference"]),
        ("suite.yaml", "date_order: mdy", ["reference"]),
        ("suite.yaml", "pages: {dpi: 99}", ["settings"]),
        ("documents/inv_1.png", "another", ["document"]),
        ("schema.json", '{"type": "object", "properties": {"a": {}}}', ["prompt", "reference"]),
    ],
)
def test_each_kind_of_input_is_told_from_the_others(
    tmp_path: Path, file: str, text: str | None, kinds: list[str]
) -> None:
    from vlm_lab.suite.pages import compute_sha256

    model = Model(name="m", model_id="x")
    write_suite(tmp_path, {"inv_1": REFERENCE})
    before = compute_case_inputs(load_case(tmp_path, model))
    assert find_changed_inputs(before, compute_case_inputs(load_case(tmp_path, model))) == []
    if text is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text(text)
    compute_sha256.cache_clear()
    assert find_changed_inputs(before, compute_case_inputs(load_case(tmp_path, model))) == kinds


@pytest.mark.parametrize(
    ("changed", "is_other"),
    [
        ({"generation_kwargs": {"temperature": 0.5}}, True),
        ({"backend_kwargs": {"a": 1}}, True),
        ({"revision": "abc"}, True),
        ({"python": "/usr/bin/python3"}, True),
        ({"only": {"kind": ("slip",)}}, True),
        ({"adapter": "lora"}, True),
        ({"quantization": "int4"}, True),
        ({"status": "chosen", "notes": "x", "price": {"per_hour": 1}}, False),
    ],
)
def test_settings_that_decide_answers_are_told_from_others(
    tmp_path: Path, changed: dict[str, Any], is_other: bool
) -> None:
    model = Model(name="m", model_id="x")
    case = load_case(write_suite(tmp_path, {"inv_1": REFERENCE}), model)
    other = replace(case, model=replace(model, **changed))
    kinds = find_changed_inputs(compute_case_inputs(case), compute_case_inputs(other))
    assert kinds == (["settings"] if is_other else [])
