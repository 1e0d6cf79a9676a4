"""`-n 4 --dist loadgroup`: one run whose cases pytest-xdist hands out to several processes, all
documents of a model to one of them.

The controller makes the run's folder, plans what the workers collected, and writes the report; a
worker asks its models and appends their records. What a worker found out beside records comes back
when it ends. A worker that dies costs the case in hand, which is recorded as failed; another one
goes on with the rest.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from vlm_lab.backends.transformers.devices import detect_hardware
from vlm_lab.errors import GenerationError, UserError
from vlm_lab.files import MAX_DATA_BYTES, atomic_private_file, read_bounded_bytes
from vlm_lab.messages import Message
from vlm_lab.records.record_lines import encode_json_line, validate_json_line
from vlm_lab.records.run_folder import RECORDS_FILE
from vlm_lab.run.rule_names import check_rules
from vlm_lab.run.selection import find_suites
from vlm_lab.run.session import Session
from vlm_lab.sanitize import is_utf8, quote_value, terminal_safe, terminal_safe_lines
from vlm_lab.types import Case, CaseKey, Repeatability

RUN_KEY, FINDINGS_KEY = "vlm_lab_run", "vlm_lab_findings"
COLLECTED_FILE = "collected.part"  # what the workers are to run; gone when the run ends
DEVICES_VARIABLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRun:
    """What a worker is told of its run. `records_end` is how much of records.jsonl was there when
    a resumed run was gone on with: all workers leave out the same cases. `devices` are the GPUs
    that it sees, "" for all."""

    folder: Path
    is_resumed: bool
    records_end: int
    command: tuple[str, ...]
    devices: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a worker knows when it ends, beside records."""

    probes: tuple[Repeatability, ...] = ()
    refusal: Message | None = None
    empty_selection: tuple[str, ...] = ()
    disk_error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The cases of the run, and those among them that tests will ask, by the test's id."""

    planned: tuple[CaseKey, ...]
    tests: Mapping[str, CaseKey]


def read_shared_run(config: pytest.Config) -> SharedRun | None:
    """What the controller told this worker; None in a process that is none."""
    text = getattr(config, "workerinput", {}).get(RUN_KEY)
    return validate_json_line(SharedRun, text.encode()) if text else None


def write_collected(run: SharedRun, planned: Sequence[Case], tests: Mapping[str, Case]) -> None:
    """Tells the controller what was collected; every worker collects the same."""
    collected = Collected(
        planned=tuple(case.key for case in planned),
        tests={test_id: case.key for test_id, case in tests.items()},
    )
    with atomic_private_file(run.folder / COLLECTED_FILE) as file:
        file.write(encode_json_line(collected))


def hand_in_findings(session: Session, output: dict[str, Any]) -> None:
    """Writes into a worker's last word to its controller what it found out. A worker that stopped
    with tests left says so, or pytest-xdist takes it for a broken one."""
    findings = Findings(
        probes=tuple(session.new_probes.values()),
        refusal=session.runner.reply_cache.refusal,
        empty_selection=tuple(session.empty_selection),
        disk_error=session.disk_error,
    )
    output[FINDINGS_KEY] = json.dumps(asdict(findings))
    if session.disk_error:
        output["shouldstop"] = session.disk_error


def end_workers(config: pytest.Config) -> None:
    """After Ctrl-C they still ask: what they write until they end belongs to the run."""
    distribution: Any = config.pluginmanager.get_plugin("dsession")
    distribution.nodemanager.teardown_nodes()


class Controller:
    """Hooks of the process that hands out the tests."""

    def __init__(self, config: pytest.Config, session: Session) -> None:
        self.config, self.session = config, session
        self.cases: dict[CaseKey, Case] = {}
        self._collected_path = Path()
        self._tests: Mapping[str, CaseKey] | None = None
        from xdist.workermanage import parse_tx_spec_config

        self._shares = _DeviceShares(len(parse_tx_spec_config(config)))
        self._has_share = session.options.device == "auto"

    def begin(self) -> None:
        """Reads the suites, so that what is wrong with them is said once, and makes the folder."""
        options = self.session.options
        self._check_names()
        for test_file, folder in find_suites(self.config).items():
            if options.suite_test in (None, test_file):
                cases = self.session.plan.build_cases(folder)
                self.cases |= {case.key: case for case in cases}
        plan = self.session.plan
        check_rules(plan.candidates.rules, [suite for suite, _ in plan.suites.values()])
        writer = self.session.writer
        writer.make_folder(options.output_dir, self.session.started)
        assert writer.folder is not None  # noqa: S101 - just made
        plan.records_end = (writer.folder / RECORDS_FILE).stat().st_size
        self._collected_path = writer.folder / COLLECTED_FILE
        try:
            self._collected_path.unlink(missing_ok=True)  # of a run that broke off
        except OSError as error:
            path, said = self._collected_path, error.strerror
            raise UserError(f"{path}: cannot be written ({said}); remove it") from None

    def _check_names(self) -> None:
        """UserError where pytest-xdist could not tell its workers what was typed, and where."""
        for name in (*map(str, self.config.invocation_params.args), str(self.config.rootpath)):
            if not is_utf8(name):
                raise UserError(
                    f"{quote_value(name)}: is not UTF-8, and pytest-xdist carries nothing else to"
                    " its workers; rename it, or leave -n away"
                )

    def pytest_configure_node(self, node: Any) -> None:
        """Tells a worker of the run, before it starts."""
        writer, options = self.session.writer, self.session.options
        run = SharedRun(
            folder=writer.folder or Path(),
            is_resumed=options.resume is not None,
            records_end=self.session.plan.records_end or 0,
            command=options.command,
            devices=self._shares.take(node.gateway.id) if self._has_share else "",
        )
        node.workerinput[RUN_KEY] = encode_json_line(run).decode()

    def pytest_xdist_node_collection_finished(self, node: Any) -> None:
        """When the first worker has collected: plans the run as it did, and begins it."""
        if self._tests is not None or not self._collected_path.is_file():
            return
        text = read_bounded_bytes(self._collected_path, MAX_DATA_BYTES)
        collected = validate_json_line(Collected, text)
        self._tests = collected.tests
        planned = [self.cases[key] for key in collected.planned]
        try:
            self.session.plan.find_former_answers(planned)
            self.session.schedule_cases(planned)
        except UserError as error:
            raise pytest.UsageError(terminal_safe_lines(str(error))) from None
        figures = {"plugin": "pytest-xdist", "timer": "pytest-benchmark"}
        self.session.plan.notes.append(Message("distributed", figures))
        if planned:
            self.session.begin()
        terminal: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        for line in self.session.plan.format_header_lines(self.session.device):
            if terminal:
                terminal.write_line(terminal_safe(line))

    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """Records the case in hand of a worker that died, unless its answer was written."""
        key = (self._tests or {}).get(crashitem)
        if key and key not in self.session.read_answered():
            death = GenerationError("WorkerDied", Message("process_died"))
            self.session.record_failure(self.cases[key], "error", death)

    def pytest_testnodedown(self, node: Any) -> None:
        """Takes what a worker found out; one that died leaves nothing but its records."""
        self._shares.give_back(node.gateway.id)
        text = getattr(node, "workeroutput", {}).get(FINDINGS_KEY)
        if text:
            findings = validate_json_line(Findings, text.encode())
            self.session.add_probes(findings.probes)
            cache = self.session.runner.reply_cache
            cache.refusal = cache.refusal or findings.refusal
            self.session.empty_selection = list(findings.empty_selection)
            self.session.disk_error = self.session.disk_error or findings.disk_error

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """One that does not hand out again the case that a worker died in."""
        from vlm_lab.run.model_scheduling import ModelScheduling

        return ModelScheduling(config, log, self._find_model)

    def _find_model(self, test_id: str) -> str:
        key = (self._tests or {}).get(test_id)
        return key[1] if key else ""


class _DeviceShares:
    """The GPUs of this machine, dealt out to the workers; one that takes a dead one's place has its
    share. Nothing is dealt out where there are not several."""

    def __init__(self, workers: int) -> None:
        visible = os.environ.get(DEVICES_VARIABLE)
        gpu_count = len(detect_hardware()) - 1 if visible is None else 0
        devices = visible.split(",") if visible else [str(number) for number in range(gpu_count)]
        self._free = [_deal(devices, n, workers) for n in range(workers)]
        self._taken: dict[str, str] = {}

    def take(self, worker: str) -> str:
        """As the variable says it; "" where all are seen."""
        self._taken[worker] = self._free.pop(0) if self._free else ""
        return self._taken[worker]

    def give_back(self, worker: str) -> None:
        """The share of a worker that has ended."""
        if worker in self._taken:
            self._free.insert(0, self._taken.pop(worker))


def _deal(devices: Sequence[str], number: int, workers: int) -> str:
    if len(devices) < 2:
        return ""
    return ",".join(devices[number::workers] or [devices[number % len(devices)]])


def see_own_devices(run: SharedRun) -> None:
    """From now on this worker, and what it starts, sees its share of the GPUs."""
    if run.devices:
        os.environ[DEVICES_VARIABLE] = run.devices
