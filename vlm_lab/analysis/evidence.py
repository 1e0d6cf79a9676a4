"""What only the records tell: which machines replies were measured on, and how far a candidate's
confidence can be trusted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlm_lab.analysis.aggregation import NO_CLUSTERS
from vlm_lab.analysis.calibration import calibrate_candidates
from vlm_lab.types import Calibration, CandidateKey, Record, Report


@dataclass(frozen=True, slots=True)
class Evidence:
    """`machines` has device and dtype -> the models that answered there; `calibrations` are by
    candidate."""

    machines: Mapping[str, Sequence[str]]
    calibrations: Mapping[CandidateKey, Calibration]


def build_evidence(report: Report) -> Evidence:
    """What report.json keeps of it."""
    calibrations = {calibration.candidate: calibration for calibration in report.calibrations}
    return Evidence(report.machines, calibrations)


def collect_evidence(
    records: Iterable[Record], clusters: Mapping[str, str] = NO_CLUSTERS
) -> Evidence:
    """One pass over the records, which are not held. `clusters` has the tag that groups a suite's
    documents."""
    machines: dict[str, list[str]] = {}
    calibrations = calibrate_candidates(_note_machines(records, machines), clusters)
    return Evidence(machines, calibrations)


def _note_machines(records: Iterable[Record], machines: dict[str, list[str]]) -> Iterator[Record]:
    """Passes the records on, and notes on the way where each was answered."""
    for record in records:
        choices = [_unwrap_choice(record.environment.get(key)) for key in ("device", "dtype")]
        machine = ", ".join(filter(None, choices))
        if machine and record.model not in machines.setdefault(machine, []):
            machines[machine].append(record.model)
        yield record


def _unwrap_choice(choice: Any) -> str:
    """A choice is written with its reason, or plain."""
    if isinstance(choice, Mapping):
        return str(choice.get("value", ""))
    return str(choice or "")
