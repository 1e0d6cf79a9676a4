"""pytest tests/run/test_sweep.py: `--sweep` as it is typed, and the candidates that it makes."""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vlm_lab.config.models_file import Candidates
from vlm_lab.errors import UserError
from vlm_lab.files import write_json_object
from vlm_lab.run.sweep import Sweep, parse_sweep, sweep_candidates
from vlm_lab.types import Model


def sweep(*models: Model, typed: str, cache: Path = Path("none")) -> dict[str, Model]:
    """The candidates by name."""
    swept = sweep_candidates(make_candidates(*models), parse_sweep(typed), cache)
    return {model.name: model for model in swept.candidates.models}


def make_candidates(*models: Model) -> Candidates:
    locations = {model.name: "models.yaml:1" for model in models}
    return Candidates(models=models, locations=locations)


def make(backend: str = "transformers", name: str = "m", **settings: Any) -> Model:
    return Model(name=name, model_id="x", backend=backend, **settings)


@pytest.mark.parametrize(
    ("typed", "setting", "values"),
    [
        ("dpi=100,150", "dpi", (100, 150)),
        ("temperature=0,0.5,1e0", "temperature", (0, 0.5, 1.0)),
        (" dpi = 150, 100 , 150", "dpi", (150, 100)),
        ("min_p=-1,+2", "min_p", (-1, 2)),
    ],
)
def test_a_setting_and_its_values(typed: str, setting: str, values: tuple[float, ...]) -> None:
    parsed = parse_sweep(typed)
    assert parsed == Sweep(setting, values)
    assert parse_sweep(str(parsed)) == parsed
    assert [type(value) for value in parsed.values] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("dpi", "two or more values"),
        ("dpi=", "two or more values"),
        ("dpi=100", "two or more values"),
        ("dpi=100,100", "two or more values"),
        ("=1,2", "must be a setting"),
        ("../../../x=1,2", "must be a setting"),
        (f"{'x' * 41}=1,2", "must be a setting"),
        ("dpi=100,big", "dpi: 'big' is no number"),
        ("top_p=0.1,nan", "top_p: 'nan' is no number"),
        ("top_p=0.1,1e999", "top_p: '1e999' is no number"),
        ("dpi=100,99.5", r"dpi: must be a whole number of 1 or more \(got 99.5\)"),
        ("max_pages=0,1", r"max_pages: must be a whole number of 1 or more \(got 0\)"),
    ],
)
def test_what_is_no_sweep_is_said(typed: str, said: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=said):
        parse_sweep(typed)


@pytest.mark.parametrize(
    ("model", "typed", "key", "mapping"),
    [
        (make(), "max_visual_tokens=64,128", "processor_kwargs", {"max_visual_tokens": 64}),
        (
            make(processor_kwargs={"max_pixels": 9, "size": 1}),
            "max_pixels=64,128",
            "processor_kwargs",
            {"max_pixels": 64, "size": 1},
        ),
        (
            make("openai", generation_kwargs={"temperature": 0.0}),
            "temperature=64,1",
            "generation_kwargs",
            {"temperature": 64},
        ),
        (
            make("mine:Mine", backend_kwargs={"beams": 2, "url": "u"}),
            "beams=64,1",
            "backend_kwargs",
            {"beams": 64, "url": "u"},
        ),
    ],
)
def test_a_setting_is_put_where_it_stands_or_belongs(
    model: Model, typed: str, key: str, mapping: Mapping[str, Any]
) -> None:
    first, second = sweep(model, typed=typed).values()
    assert getattr(first, key) == mapping
    assert first.name == f"m+{typed.partition('=')[0]}-64"
    others = {"name": "m", key: getattr(model, key)}
    for each in (first, second):
        assert Model(**{**_as_dict(each), **others}) == model


def _as_dict(model: Model) -> dict[str, Any]:
    return {name: getattr(model, name) for name in Model.__dataclass_fields__}


def test_names_are_words_of_k_and_parts_of_paths() -> None:
    names = [*sweep(make(), typed="temperature=0,0.25,1e-05,-1")]
    assert names == [f"m+temperature-{value}" for value in ("0", "0.25", "1e-05", "-1")]
    assert all(re.fullmatch(r"[\w.+-]+", name) for name in names)


@pytest.mark.parametrize(
    ("model", "typed", "reason"),
    [
        (make("ocr"), "max_visual_tokens=1,2", "means nothing to backend ocr"),
        (make("ocr", generation_kwargs={"top_k": 1}), "top_k=1,2", "means nothing to backend ocr"),
        (make("openai"), "max_visual_tokens=1,2", "means nothing to backend openai"),
        (make("mine:Mine"), "max_visual_tokens=1,2", "means nothing to backend mine:Mine"),
        (make("replay"), "dpi=1,2", "its answers were given before"),
        (make(pages="first"), "max_pages=1,2", r"shown the first page alone \(pages: first\)"),
    ],
)
def test_a_model_to_which_it_means_nothing_stays_and_says_so(
    model: Model, typed: str, reason: str
) -> None:
    candidates = make_candidates(model, make(name="other"))
    swept = sweep_candidates(candidates, parse_sweep(typed), Path("none"))
    names = [each.name for each in swept.candidates.models]
    setting = typed.partition("=")[0]
    assert names == ["m", f"other+{setting}-1", f"other+{setting}-2"]
    assert re.search(reason, swept.reasons["m"])
    assert [curve["model"] for curve in swept.curves] == ["other"]


@pytest.mark.parametrize(("family", "is_swept"), [("qwen2_vl", True), ("llava", False)])
def test_a_family_without_a_budget_says_so(tmp_path: Path, family: str, is_swept: bool) -> None:
    folder = tmp_path / "checkpoint"
    write_json_object(folder / "config.json", {"model_type": family})
    model = Model(name="m", model_id=str(folder))
    candidates = make_candidates(model)
    swept = sweep_candidates(candidates, parse_sweep("max_visual_tokens=64,128"), tmp_path)
    assert len(swept.candidates.models) == (2 if is_swept else 1)
    assert swept.reasons == ({} if is_swept else {"m": swept.reasons.get("m", "")})
    if not is_swept:
        assert swept.reasons["m"].endswith("this family of models has no pixel budget")


@pytest.mark.parametrize(
    ("typed", "suggestion"),
    [
        ("max_visual_token=1,2", "did you mean 'max_visual_tokens'?"),
        ("beam=1,2", "did you mean 'beams'?"),
        ("url=1,2", "known: "),
        ("stream=1,2", "known: "),
        ("trust_remote_code=0,1", "known: "),
    ],
)
def test_a_setting_that_no_model_has_is_an_error(typed: str, suggestion: str) -> None:
    own = make("mine:Mine", backend_kwargs={"beams": 2, "url": "u", "stream": True})
    with pytest.raises(UserError, match=re.escape(suggestion)) as raised:
        sweep(own, make(name="other"), typed=typed)
    assert f"no model has a numeric setting {typed.partition('=')[0]!r}" in str(raised.value)


def test_what_is_used_today_is_so_at_the_value_of_models_yaml_alone() -> None:
    swept = sweep(make(incumbent=True, dpi=150), typed="dpi=100,150")
    assert [model.incumbent for model in swept.values()] == [False, True]


def test_limits_of_pages_are_judged_by_what_the_largest_shows() -> None:
    for typed, limit in (("max_pages=1,3", 3), ("dpi=100,150", 0)):
        swept = sweep_candidates(make_candidates(make()), parse_sweep(typed), Path("none"))
        assert swept.page_limit == limit
    assert sweep_candidates(make_candidates(make()), None, Path("none")).page_limit == 0
