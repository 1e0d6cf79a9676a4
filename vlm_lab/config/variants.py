"""`variants` of a model in models.yaml: the same candidate asked in several ways.

    - name: qwen2.5-vl-7b
      model_id: Qwen/Qwen2.5-VL-7B-Instruct
      variants:
        int4: {quantization: int4}
        small: {processor_kwargs: {max_visual_tokens: 512}}

In: a model's entry. Out: that entry, and one more for each variant, named `qwen2.5-vl-7b+int4`: the
model's own keys, overruled by the variant's; of mappings, key by key. No model's own name has a
plus, so that a variant's base is found by its name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from vlm_lab.config.strict_yaml import YamlKey, YamlSource, check_keys, parse_value
from vlm_lab.sanitize import quote_value
from vlm_lab.types import Model

VARIANTS_KEY = "variants"
SEPARATOR = "+"
# Of models, variants and prompts: together, and with a swept setting, still a folder's name.
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")
# A candidate's folder lies beside files of these kinds, and the report's folder.
RESERVED_SUFFIXES = (".json", ".jsonl", ".md", ".html", ".part", "report_files")
# What a candidate is, and not how it is asked.
FIXED_KEYS = ("name", "incumbent", "status", "notes")


class Entry(NamedTuple):
    """A model's keys as they hold for it, and where they stand."""

    keys: list[YamlKey]
    values: Mapping[str, Any]
    variant: str = ""


def expand_variants(
    source: YamlSource, keys: Sequence[YamlKey], entry: Mapping[str, Any], merged: Sequence[str]
) -> Iterator[Entry]:
    """The entry itself, then its variants; `merged` are the keys whose mappings are joined.
    UserError for a variant that is named wrongly, or changes nothing or what the model is."""
    own_values = {key: value for key, value in entry.items() if key != VARIANTS_KEY}
    yield Entry([*keys], own_values)
    variants_keys = [*keys, VARIANTS_KEY]
    variants = parse_value(
        dict[Any, dict[str, Any]], source, variants_keys, entry.get(VARIANTS_KEY) or {}
    )
    allowed = [name for name in Model.__dataclass_fields__ if name not in FIXED_KEYS]
    for name, changes in variants.items():
        variant_keys = [*variants_keys, name]
        check_name(source, variant_keys, str(name), "a variant's name ")
        check_keys(source, variant_keys, changes, allowed)
        if not changes:
            raise source.make_error(variant_keys, "changes nothing; name a key and its value")
        yield Entry(variant_keys, overrule_entry(own_values, changes, merged), str(name))


def check_name(source: YamlSource, keys: Sequence[YamlKey], name: str, whose: str = "") -> None:
    """UserError where a name cannot be a folder's beside what else a run leaves."""
    if not NAME_PATTERN.fullmatch(name) or name.endswith(RESERVED_SUFFIXES):
        raise source.make_error(
            keys,
            f"{whose}must match {NAME_PATTERN.pattern} and not end in"
            f" {', '.join(RESERVED_SUFFIXES)} (got {quote_value(name)})",
        )


def find_base(name: str) -> str:
    """The name of the model that a variant is one of; "" where it is none."""
    base, separator, _ = name.partition(SEPARATOR)
    return base if separator else ""


def overrule_entry(
    values: Mapping[str, Any], changes: Mapping[str, Any], merged: Sequence[str]
) -> dict[str, Any]:
    """The values, overruled by the changes; the mappings under the `merged` keys are joined."""
    overruled = {**values, **changes}
    for key in merged:
        if isinstance(values.get(key), Mapping) and isinstance(changes.get(key), Mapping):
            overruled[key] = {**values[key], **changes[key]}
    return overruled
