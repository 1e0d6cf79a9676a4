"""What only the records tell: which machines replies were measured on, what a candidate's
confidence is worth."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlm_lab.analysis.calibration import calibrate_candidates
from vlm_lab.types import Calibration, CandidateKey, Report

Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """`machines` has device and dtype -> the models that answered there; `worth` is by
    candidate."""

    machines: Mapping[str, Sequence[str]]
    calibrations: Mapping[CandidateKey, Calibration]


def build_evidence(report: Report) -> Evidence:
    """What report.json keeps of it."""
    return Evidence(report.machines, {each.candidate: each for each in report.calibrations})


def collect_evidence(rows: Rows) -> Evidence:
    """One pass over the records, which are not held."""
    machines: dict[str, list[str]] = {}
    return Evidence(machines, calibrate_candidates(_collect_machines(rows, machines)))


def _collect_machines(rows: Rows, machines: dict[str, list[str]]) -> Iterator[Mapping[str, Any]]:
    for row in rows:
        machine = ", ".join(
            filter(
                None, (_unwrap_choice(row["environment"].get(key)) for key in ("device", "dtype"))
            )
        )
        if machine and row["model"] not in machines.setdefault(machine, []):
            machines[machine].append(row["model"])
        yield row


def _unwrap_choice(said: Any) -> str:
    """A choice is written with its reason, or plain."""
    return str(said.get("value", "")) if isinstance(said, Mapping) else str(said or "")
