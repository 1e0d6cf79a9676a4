"""The cases of one run -> its folder: made before the first is asked, locked, and made whole again
where the run is resumed or ends.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from vlm_lab.errors import UserError
from vlm_lab.records import run_folder
from vlm_lab.records.run_settings import RunSettings, read_settings, write_settings
from vlm_lab.records.runs import create_folder, lock_run
from vlm_lab.types import Case, Record


class RunWriter:
    """One run's folder while this process writes it. `folder` and `settings` are None before the
    run has begun."""

    def __init__(self, resumed_run: Path | None) -> None:
        self.folder = resumed_run
        self.settings: RunSettings | None = None
        self._lock: BinaryIO | None = None
        self.has_begun = False
        if resumed_run:
            self._lock = lock_run(resumed_run)
            self.settings = read_settings(resumed_run)

    def begin(
        self,
        output_dir: Path,
        started: datetime,
        describe_settings: Callable[[], RunSettings],
        cases: Iterable[Case],
    ) -> Path:
        """Before the first case: makes the folder of a new run, or makes whole what a crash left
        of a resumed one. UserError where it cannot be written."""
        folder = self.folder or create_folder(output_dir, started)
        try:
            if self.folder is None:
                self._lock = lock_run(folder)
                self.settings = describe_settings()
                write_settings(folder, self.settings)
            else:
                self.complete_folder(cases)
            run_folder.make_reserve(folder)
        except OSError as error:
            if self.folder is None:
                shutil.rmtree(folder, ignore_errors=True)
            raise UserError(
                f"{folder}: cannot be written ({error.strerror}); make room, or give another place"
                " with --output-dir"
            ) from None
        self.folder = folder
        self.has_begun = True
        return folder

    def write_record(self, case: Case, record: Record) -> None:
        """Writes one case. DiskError where the disk takes no more."""
        assert self.folder is not None  # noqa: S101 - the run has begun
        run_folder.write_record(self.folder, self._build_record_path(case), record)

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
        if self._lock:
            self._lock.close()
