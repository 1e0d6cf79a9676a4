"""The cases of one run -> its folder: made before the first is asked, locked, and made whole again
where the run is resumed or ends.

A disk takes milliseconds, one on a network more, to say that it has a record. That is waited for
beside the next case.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from vlm_lab.errors import DiskError, UserError
from vlm_lab.records import run_folder
from vlm_lab.records.run_settings import RunSettings, read_settings, write_settings
from vlm_lab.records.runs import create_folder, lock_run
from vlm_lab.types import Case, Record


class RunWriter:
    """One run's folder while this process writes it. `folder` and `settings` are None before the
    run has begun."""

    makes_report = True

    def __init__(self, resumed_run: Path | None) -> None:
        self.folder = resumed_run
        self.settings: RunSettings | None = None
        self._lock: BinaryIO | None = None
        self.has_begun = False
        self._is_resumed = resumed_run is not None
        self._flush_executor = ThreadPoolExecutor(1, "flush")
        self._flushing: Future[None] | None = None
        if resumed_run:
            self._lock = lock_run(resumed_run)
            self.settings = read_settings(resumed_run)

    def make_folder(self, output_dir: Path, started: datetime) -> None:
        """The folder of a new run, before it begins, where others must know of it."""
        if self.folder is None:
            self.folder = create_folder(output_dir, started)
            self._lock = lock_run(self.folder)

    def begin(
        self,
        output_dir: Path,
        started: datetime,
        describe_settings: Callable[[], RunSettings],
        cases: Iterable[Case],
    ) -> Path:
        """Before the first case: makes the folder of a new run, or makes whole what a crash left
        of a resumed one. UserError where it cannot be written."""
        self.make_folder(output_dir, started)
        assert self.folder is not None  # noqa: S101 - just made
        folder = self.folder
        try:
            if self._is_resumed:
                self.complete_folder(cases)
            else:
                self.settings = describe_settings()
                write_settings(folder, self.settings)
            run_folder.make_reserve(folder)
        except OSError as error:
            self.discard()
            raise UserError(
                f"{folder}: cannot be written ({error.strerror}); make room, or give another place"
                " with --output-dir"
            ) from None
        self.has_begun = True
        return folder

    def discard(self) -> None:
        """Deletes the folder of a new run that has not begun."""
        if self.folder and not self._is_resumed and not self.has_begun:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def write_record(self, case: Case, record: Record) -> None:
        """Writes one case. DiskError where the disk takes no more, or did not take the last one."""
        assert self.folder is not None  # noqa: S101 - the run has begun
        line = run_folder.write_record(self.folder, self._build_record_path(case), record)
        self.finish_flushing()
        if run_folder.is_kept_from_power_failure(record):
            flush = run_folder.flush_records
            self._flushing = self._flush_executor.submit(flush, self.folder, line)

    def finish_flushing(self) -> None:
        """Returns when the last record is on the disk. DiskError where it does not get there."""
        flushing, self._flushing = self._flushing, None
        if flushing:
            flushing.result()

    def complete_folder(self, cases: Iterable[Case]) -> None:
        """Writes the files of cases that a crash left out, and deletes halves of files."""
        if self.folder is not None:
            places = {case.key: self._build_record_path(case) for case in cases}
            run_folder.complete_folder(self.folder, places)

    def _build_record_path(self, case: Case) -> str:
        """`<model>/<document>.json` for the first prompt, `<model>@<prompt>/...` for others; as
        both were when the run began."""
        assert self.settings is not None  # noqa: S101 - the run has begun
        is_first_prompt = case.prompt_id == self.settings.first_prompts.get(case.model.name)
        prompt_suffix = "" if is_first_prompt else f"@{case.prompt_id}"
        relative_path = f"{case.model.name}{prompt_suffix}/{case.document.id}.json"
        if len(self.settings.suites) < 2:
            return relative_path
        return f"{case.document.suite.name}/{relative_path}"

    def close(self) -> None:
        """Lets other processes go on with the run."""
        self.discard()
        self._flush_executor.shutdown()
        if self._lock:
            self._lock.close()


class SharedRunWriter(RunWriter):
    """The run's folder in one of several processes that write its records: another one made it,
    has its lock, makes it whole at the end, and makes the report."""

    makes_report = False

    def __init__(self, folder: Path, is_resumed: bool) -> None:
        super().__init__(None)
        self.folder = folder
        if is_resumed:
            self.settings = read_settings(folder)

    def begin(
        self,
        output_dir: Path,
        started: datetime,
        describe_settings: Callable[[], RunSettings],
        cases: Iterable[Case],
    ) -> Path:
        """Reads what the run is: it has begun."""
        assert self.folder is not None  # noqa: S101 - it was given
        self.settings = read_settings(self.folder)
        self.has_begun = True
        return self.folder

    def write_record(self, case: Case, record: Record) -> None:
        """As one process does; DiskError also after another one has met a full disk."""
        super().write_record(case, record)
        assert self.folder is not None  # noqa: S101 - it was given
        if not (self.folder / run_folder.RESERVE_FILE).exists():
            raise DiskError(
                f"{self.folder}: has no room left; what was written before is safe, this answer too"
            )

    def discard(self) -> None:
        """It is not this process's to delete."""
