"""How a model is decoded: models.yaml's generation_kwargs and the checkpoint's own settings -> what
`generate` is told, and what of the checkpoint's was overruled.

Makers tune generation_config.json for conversation: sampling, and penalties on what was said
before, which on an invoice are penalties on digits (a repetition_penalty of 1.05 prefers another
zero's place to a third zero). Ordinary chat models are therefore decoded greedily and without them,
all alike; a family that was trained with its maker's settings keeps them (`Family.decodes_as_made`,
family_table.py). What models.yaml says wins over both.

The dry run and the reply cache ask here, too: valid on Python 3.9, needs neither torch nor
transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers import families
from vlm_lab.files import read_json_object

DEFAULT_MAX_NEW_TOKENS = 1024
SAMPLING = ("temperature", "top_p", "top_k")
# What changes digits, or when a reply ends, with the value that switches it off.
SWITCHED_OFF: dict[str, Any] = {
    "do_sample": False,
    "num_beams": 1,
    "num_beam_groups": 1,
    "num_return_sequences": 1,
    "repetition_penalty": 1.0,
    "encoder_repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "length_penalty": 1.0,
    "diversity_penalty": 0.0,
    "early_stopping": False,
    "min_length": 0,
    **dict.fromkeys(
        (
            *SAMPLING,
            "min_p",
            "top_h",
            "typical_p",
            "epsilon_cutoff",
            "eta_cutoff",
            "penalty_alpha",
            "exponential_decay_length_penalty",
            "sequence_bias",
            "guidance_scale",
            "watermarking_config",
            "min_new_tokens",
            "max_time",
            "prompt_lookup_num_tokens",
            "dola_layers",
        ),
        None,
    ),
}
# transformers writes its own defaults into files: they change nothing.
LIBRARY_DEFAULTS: dict[str, tuple[Any, ...]] = {
    "temperature": (1.0,),
    "top_p": (1.0,),
    "top_k": (0, 50),
    "typical_p": (1.0,),
    "epsilon_cutoff": (0.0,),
    "eta_cutoff": (0.0,),
}
NO_SAMPLING_LIMITS = {"top_p": 1.0, "top_k": 0}  # where models.yaml samples and does not say
UNRECORDED_KEYS = ("transformers_version", "return_dict_in_generate", "use_cache")


@dataclass(frozen=True)
class Decoding:
    """`kwargs` are handed to `generate`, `overruled` are the checkpoint's settings that they switch
    off, `effective` is all that holds in the end."""

    kwargs: dict[str, Any]
    overruled: dict[str, Any] = field(default_factory=dict)
    effective: dict[str, Any] = field(default_factory=dict)

    @property
    def beam_count(self) -> int:
        return int(self.effective.get("num_beams") or 1)


def resolve_decoding(
    requested: Mapping[str, Any], own_settings: Mapping[str, Any], decodes_as_made: bool
) -> Decoding:
    """What holds for a model whose checkpoint has `own_settings` and that models.yaml asks for
    `requested`."""
    kwargs = build_generate_kwargs(requested)
    overruled = {} if decodes_as_made else find_overruled(requested, own_settings)
    kwargs = {**{name: SWITCHED_OFF[name] for name in overruled}, **kwargs}
    merged = {**own_settings, **kwargs}
    effective = {
        name: value
        for name, value in sorted(merged.items())
        if value is not None and _is_recorded(name, value)
    }
    return Decoding(kwargs, overruled, effective)


def build_generate_kwargs(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """models.yaml's generation_kwargs for `generate`: temperature 0 means greedy, said in
    transformers' own words."""
    built = {"max_new_tokens": DEFAULT_MAX_NEW_TOKENS, **kwargs}
    if not built.get("temperature"):
        built.update(do_sample=False, temperature=None, top_p=None, top_k=None)
        return built
    built.setdefault("do_sample", True)
    return {**NO_SAMPLING_LIMITS, **built}


def find_overruled(requested: Mapping[str, Any], own_settings: Mapping[str, Any]) -> dict[str, Any]:
    """The checkpoint's settings that are switched off: those of the table that do something and
    that models.yaml does not ask for itself."""
    return {
        name: own_settings[name]
        for name, neutral in SWITCHED_OFF.items()
        if own_settings.get(name) not in (None, neutral, *LIBRARY_DEFAULTS.get(name, ()))
        and name not in requested
    }


def read_decoding(folder: Path, requested: Mapping[str, Any]) -> Decoding:
    """What holds for a checkpoint by its JSON files, without loading it."""
    family = families.get_family(read_json_object(folder / "config.json"))
    return resolve_decoding(requested, read_own_settings(folder), family.decodes_as_made)


def read_own_settings(folder: Path) -> dict[str, Any]:
    """The checkpoint's settings: generation_config.json, or what an old one has of them in
    config.json."""
    if (folder / "generation_config.json").is_file():
        return read_json_object(folder / "generation_config.json")
    config = read_json_object(folder / "config.json")
    return {name: config[name] for name in SWITCHED_OFF if name in config}


def _is_recorded(name: str, value: Any) -> bool:
    if name.startswith(("_", "output_")) or name in UNRECORDED_KEYS:
        return False
    return name not in SWITCHED_OFF or value != SWITCHED_OFF[name] or name == "do_sample"
