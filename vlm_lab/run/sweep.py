"""`--sweep max_visual_tokens=256,512`: each candidate -> one candidate for each value of a setting,
all else equal.

In: what was typed, and the candidates of models.yaml. Out: the candidates to run, what the report
is to draw as one curve, and why a model is not among them. A setting has its own name alone, the
place in the entry where it stands is found: what decides which code runs is no number.
"""

import argparse
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers import families, weights
from vlm_lab.config.models_file import MERGED_KEYS, PAGE_SETTINGS, Candidates
from vlm_lab.config.setting_names import BACKENDS
from vlm_lab.config.strict_yaml import format_suggestion
from vlm_lab.errors import UserError
from vlm_lab.files import read_json_object
from vlm_lab.sanitize import quote_value, shorten
from vlm_lab.types import Model

BUDGET = "max_visual_tokens"
# Where a setting stands that the entry does not have yet.
KNOWN_SETTINGS = {
    **dict.fromkeys((BUDGET, "max_pixels", "min_pixels"), "processor_kwargs"),
    **dict.fromkeys(
        (
            "max_new_tokens",
            "temperature",
            "top_p",
            "top_k",
            "min_p",
            "num_beams",
            "repetition_penalty",
            "no_repeat_ngram_size",
        ),
        "generation_kwargs",
    ),
}
# What of an entry's mappings decides a reply. A backend of one's own is told all of its entry.
MAPPINGS_BY_BACKEND: Mapping[str, Sequence[str]] = {
    "ocr": (),
    "openai": ("generation_kwargs", "chat_template_kwargs", "backend_kwargs"),
    "replay": (),
    "transformers": ("processor_kwargs", "generation_kwargs", "chat_template_kwargs"),
}
# It becomes a part of a folder's name.
SETTING_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
Number = int | float


@dataclass(frozen=True, slots=True)
class Sweep:
    """A setting and the values that it is to have."""

    setting: str
    values: tuple[Number, ...]

    def __str__(self) -> str:
        return f"{self.setting}={','.join(map(str, self.values))}"


@dataclass(frozen=True, slots=True)
class SweptCandidates:
    """`curves` say for each model that is swept which candidate has which value; `reasons` why
    another is not, by its name."""

    candidates: Candidates
    curves: tuple[Mapping[str, Any], ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def page_limit(self) -> int:
        """The most pages that any is shown, where that is what is swept: all are judged by what
        stands on these. Else a limit would take the values that it costs off its own score."""
        limits = [value for curve in self.curves for value in curve["values"].values()]
        is_of_pages = any(curve["setting"] == "max_pages" for curve in self.curves)
        return max(map(int, limits)) if is_of_pages else 0


def parse_sweep(text: str) -> Sweep:
    """`dpi=100,150`, as it is typed."""
    setting, _, values_text = text.partition("=")
    values = tuple(_parse_number(setting, each) for each in values_text.split(",") if each.strip())
    if not SETTING_PATTERN.fullmatch(setting.strip()) or len(set(values)) < 2:
        raise argparse.ArgumentTypeError(
            f"must be a setting and two or more values, dpi=100,150 (got {quote_value(text)})"
        )
    if setting.strip() in PAGE_SETTINGS:
        for value in values:
            if not isinstance(value, int) or value < 1:
                raise argparse.ArgumentTypeError(
                    f"{setting}: must be a whole number of 1 or more (got {value})"
                )
    return Sweep(setting.strip(), tuple(dict.fromkeys(values)))


def _parse_number(setting: str, text: str) -> Number:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(
            f"{shorten(setting)}: {quote_value(text.strip())} is no number"
        )
    return int(text) if number.is_integer() and text.strip().lstrip("+-").isdecimal() else number


def sweep_candidates(candidates: Candidates, sweep: Sweep | None, cache: Path) -> SweptCandidates:
    """The candidates to run. UserError where no candidate could have such a setting."""
    if sweep is None:
        return SweptCandidates(candidates)
    _check_setting(candidates.models, sweep.setting)
    models: list[Model] = []
    curves: list[Mapping[str, Any]] = []
    reasons: dict[str, str] = {}
    locations = dict(candidates.locations)
    for model in candidates.models:
        reason = _find_obstacle(model, sweep.setting, cache)
        if reason:
            models.append(model)
            reasons[model.name] = f"{model.name}: --sweep {sweep.setting}: {reason}"
            continue
        swept = {value: _set_value(model, sweep.setting, value) for value in sweep.values}
        models += swept.values()
        locations |= {each.name: locations[model.name] for each in swept.values()}
        values = {each.name: value for value, each in swept.items()}
        curves.append({"model": model.name, "setting": sweep.setting, "values": values})
    swept_candidates = replace(candidates, models=tuple(models), locations=locations)
    return SweptCandidates(swept_candidates, tuple(curves), reasons)


def _check_setting(models: Sequence[Model], setting: str) -> None:
    known = {*PAGE_SETTINGS, *KNOWN_SETTINGS}
    for model in models:
        known |= {name for key in MERGED_KEYS for name in _list_numbers(getattr(model, key))}
    if setting not in known:
        raise UserError(
            f"--sweep: no model has a numeric setting {quote_value(setting)}"
            f"{format_suggestion(setting, sorted(known))}"
        )


def _list_numbers(mapping: Mapping[str, Any]) -> Iterator[str]:
    for name, value in mapping.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name


def _find_obstacle(model: Model, setting: str, cache: Path) -> str:
    """Why a model cannot be swept; "" where it can."""
    if model.backend == "replay":
        return "its answers were given before"
    if setting == "max_pages" and model.pages == "first":
        return "it is shown the first page alone (pages: first)"
    if setting in PAGE_SETTINGS:
        return ""
    if _find_mapping(model, setting) is None:
        return f"means nothing to backend {model.backend}"
    if setting == BUDGET and model.backend == "transformers":
        folder = weights.find_folder(model, cache)
        config = read_json_object(folder / "config.json") if folder else None
        if config and families.get_family(config).build_budget is None:
            return "this family of models has no pixel budget"
    return ""


def _find_mapping(model: Model, setting: str) -> str | None:
    """The mapping of the entry that the setting stands in or belongs into."""
    mappings = MAPPINGS_BY_BACKEND.get(model.backend, MERGED_KEYS)
    for key in mappings:
        if setting in _list_numbers(getattr(model, key)):
            return key
    known_key = KNOWN_SETTINGS.get(setting)
    return known_key if known_key in mappings and model.backend in BACKENDS else None


def _set_value(model: Model, setting: str, value: Number) -> Model:
    """What the team uses today is the model as it stands in models.yaml, with that value alone."""
    name = f"{model.name}+{setting}-{value}"
    key = None if setting in PAGE_SETTINGS else _find_mapping(model, setting)
    if key is None:
        is_present = getattr(model, setting) == value
        changes: dict[str, Any] = {setting: value}
    else:
        mapping = getattr(model, key)
        is_present = mapping.get(setting) == value
        changes = {key: {**mapping, setting: value}}
    return replace(model, name=name, incumbent=model.incumbent and is_present, **changes)
