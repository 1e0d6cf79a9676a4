"""The reports of several runs -> what is to be known where their figures stand side by side:
prompts, settings and machines that are others from run to run."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from vlm_lab.messages import Message, list_first_names
from vlm_lab.records.report_json import encode_json
from vlm_lab.types import Model, Report

MACHINE_KEYS = ("cpu", "cpu_count", "device")
MAX_NAMED = 10  # models or prompts that one note names


def describe_prompts(reports: Sequence[Report]) -> Iterator[Message]:
    """Prompts of one name and several texts: each candidate was asked with its own run's."""
    texts: dict[str, set[str]] = {}
    for report in reports:
        for prompt in report.prompts:
            texts.setdefault(f"{prompt['suite']}/{prompt['id']}", set()).add(prompt["sha256"])
    names = [name for name, digests in texts.items() if len(digests) > 1]
    if names:
        yield Message("joined_prompts", {"names": list_first_names(names, MAX_NAMED)})


def describe_settings(reports: Sequence[Report]) -> Iterator[Message]:
    """Models of one name and several settings: their prompts may have been asked under others."""
    settings: dict[str, set[str]] = {}
    for report in reports:
        for model in report.models:
            settings.setdefault(model.name, set()).add(_encode_settings(model))
    names = [name for name, digests in settings.items() if len(digests) > 1]
    if names:
        yield Message("joined_settings", {"names": list_first_names(names, MAX_NAMED)})


def _encode_settings(model: Model) -> str:
    """All but what is said about the model and changes none of its answers."""
    return encode_json(replace(model, prompts=(), status="needs_more_data", notes="", price={}))


def describe_machines(reports: Sequence[Report]) -> Iterator[Message]:
    """Seconds of one machine are not those of another."""
    machines = [tuple(report.environment.get(key) for key in MACHINE_KEYS) for report in reports]
    if len(set(machines)) > 1:
        yield Message("joined_machines")
