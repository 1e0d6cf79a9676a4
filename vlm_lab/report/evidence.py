"""What only the records tell: which machines replies were measured on, what a candidate's confidence is worth."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlm_lab.calibration import calibrate
from vlm_lab.tally import Key
from vlm_lab.types import Calibration

Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """`machines` has device and dtype -> the models that answered there; `worth` is by candidate."""

    machines: Mapping[str, list[str]]
    worth: Mapping[Key, Calibration]


def evidence(rows: Rows, kept: Sequence[Calibration] = ()) -> Evidence:
    """One pass over the records, which are not held. `kept` is what report.json has of calibrations; older ones have
    none, and theirs are made anew."""
    machines: dict[str, list[str]] = {}
    noting = _noting(rows, machines)
    if not kept:
        return Evidence(machines, calibrate(noting))
    deque(noting, maxlen=0)  # for the machines alone
    return Evidence(machines, {(each.suite, each.model, each.prompt_id): each for each in kept})


def _noting(rows: Rows, machines: dict[str, list[str]]) -> Iterator[Mapping[str, Any]]:
    for row in rows:
        machine = ", ".join(filter(None, (_chosen(row["environment"].get(key)) for key in ("device", "dtype"))))
        if machine and row["model"] not in machines.setdefault(machine, []):
            machines[machine].append(row["model"])
        yield row


def _chosen(said: Any) -> str:
    """A choice is written with its reason, or plain."""
    return str(said.get("value", "")) if isinstance(said, Mapping) else str(said or "")
