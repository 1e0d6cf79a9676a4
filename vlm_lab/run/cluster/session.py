"""What was typed -> one run over many machines: planned, asked a candidate at a time, written as
the rows come, gone on with after a crash, and reported as a plain run is."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from vlm_lab.commands import format_resume_command
from vlm_lab.errors import DiskError, UserError
from vlm_lab.messages import Message
from vlm_lab.records.looks import Look, add_look, count_looks, hash_documents
from vlm_lab.records.parquet_records import import_pyarrow, write_table
from vlm_lab.records.run_settings import RunSettings
from vlm_lab.run.case_builder import CaseBuilder
from vlm_lab.run.cluster.answered import collect_answered
from vlm_lab.run.cluster.documents import (
    PLAN_FILE,
    PlannedDocument,
    list_sources,
    plan_documents,
    point_suite_at,
    read_plan,
    write_plan,
)
from vlm_lab.run.cluster.items import Job
from vlm_lab.run.cluster.pipeline import ClusterOptions, connect, import_ray, stream_records
from vlm_lab.run.cluster.report import write_cluster_report
from vlm_lab.run.environment import collect_environment, describe_device
from vlm_lab.run.options import Options
from vlm_lab.run.plan import Plan
from vlm_lab.run.preflight import check_suite
from vlm_lab.run.resume import describe_options, restore_options
from vlm_lab.run.run_writer import RunWriter
from vlm_lab.run.unsound_references import leave_unscored
from vlm_lab.suite import load_suite
from vlm_lab.suite.documents import DocumentReader
from vlm_lab.types import Document, Report, Runtime

ROWS_A_FILE = 256
SECONDS_A_FILE = 5.0  # a crash of this process costs the rows of so long
CHECKED_DOCUMENTS = 1000  # whose references are looked at before the run


class ClusterSession:
    """One run: `plan` names the candidates, documents.parquet in `folder` the documents."""

    def __init__(self, typed: Options, selects: Any, cluster: ClusterOptions) -> None:
        import_ray()
        self.writer = RunWriter(typed.resume)
        self.options = restore_options(typed, self.writer.settings)
        folder = self.options.suite
        if self.options.engine != "ray" or folder is None:
            raise UserError(f"{typed.resume}: began without --engine ray; go on with it so")
        self.cluster = cluster
        self.plan = Plan(self.options)
        options = self.options
        suite = load_suite(folder, options.documents, options.references, options.schema)
        self.suite = point_suite_at(suite, options.source)
        self._check_holdout()
        self.builders = self._select_builders(selects)
        self.started = datetime.now(UTC)
        self.notes: list[Message | str] = []
        self.documents = 0

    def _check_holdout(self) -> None:
        if self.suite.holdout:
            raise UserError(
                f"--engine ray: suite {self.suite.name!r} keeps documents apart (holdout:"
                f" {self.suite.holdout}), which a run over many machines does not; leave holdout"
                " out, or run it without --engine ray"
            )

    def _select_builders(self, selects: Any) -> list[CaseBuilder]:
        builders = [
            builder
            for builder in self.plan.list_case_builders(self.suite)
            if selects(self.suite.name, builder.model.name, builder.prompt_id)
        ]
        if not builders:
            names = ", ".join(model.name for model in self.plan.models)
            raise UserError(f"-k selects none of the candidates: {names}")
        return builders

    def run(self) -> tuple[Path, Report]:
        """The run's folder, and its report."""
        try:
            folder = self._begin()
            with connect(self.cluster) as ray:
                self._ask_all(ray, folder)
            return folder, self._finish(folder)
        finally:
            self.writer.close()

    def _begin(self) -> Path:
        sources = list_sources(self.suite, self.options.source)
        reader = DocumentReader(self.suite, [source.name for source in sources])
        former_ids = self._read_former_ids()
        folder = self.writer.begin(
            self.options.output_dir, self.started, self._describe_settings, ()
        )
        documents = self._check_first(reader.read_documents())
        planned = plan_documents(documents, sources)
        write_plan(folder, self._keep_former(planned, former_ids))
        self.notes += reader.collect_notes()
        return folder

    def _read_former_ids(self) -> set[str] | None:
        """The documents of the run that is gone on with: what came later is not of it."""
        former = self.options.resume and self.options.resume / PLAN_FILE
        if not former or not former.exists():
            return None
        return {document.id for document in read_plan(former)}

    def _keep_former(
        self, documents: Iterator[PlannedDocument], former_ids: set[str] | None
    ) -> Iterator[PlannedDocument]:
        for document in documents:
            if former_ids is None or document.id in former_ids:
                self.documents += 1
                yield document

    def _check_first(self, documents: Iterator[Document]) -> Iterator[Document]:
        """The documents, when the references of the first of them have been looked at. UserError
        where they do not fit the suite."""
        first = tuple(islice(documents, CHECKED_DOCUMENTS))
        errors, notes = check_suite(self.suite, first, self.options.cache)
        if errors:
            checked, _ = leave_unscored(first)
            errors, notes = check_suite(self.suite, checked, self.options.cache)
        if errors:
            raise UserError("\n".join(errors))
        self.notes += notes
        yield from first
        yield from documents

    def _describe_settings(self) -> RunSettings:
        return RunSettings(
            started=self.started.isoformat(timespec="seconds"),
            command=self.options.command,
            options=describe_options(self.options),
            suites=(self.suite.name,),
            partial=(),
            first_prompts={model.name: model.prompts[0] for model in self.plan.models},
            cases=(),
        )

    def _ask_all(self, ray: Any, folder: Path) -> None:
        answered = collect_answered(folder)
        reference = ray.put(answered) if len(answered) else None
        for builder in self.builders:
            job = self._make_job(folder, builder, reference)
            tables = stream_records(ray, job, folder / PLAN_FILE, self.cluster)
            self._write_tables(folder, tables, builder)

    def _make_job(self, folder: Path, builder: CaseBuilder, answered: Any) -> Job:
        options = self.options
        runtime = Runtime(options.cache, options.device, options.online, options.seed)
        return Job(
            id=f"{folder.name}/{builder.model.name}/{builder.prompt_id}/{time.time_ns()}",
            builder=builder,
            suite=self.suite,
            runtime=runtime,
            max_pages=options.max_pages,
            start_folder=Path.cwd(),
            project=options.project,
            plugins=tuple(self.plan.candidates.plugins),
            answered=answered,
        )

    def _write_tables(self, folder: Path, tables: Iterator[Any], builder: CaseBuilder) -> None:
        """Writes rows as they come, some hundred a file."""
        arrow, waiting = import_pyarrow(), list[Any]()
        last_write, row_count = time.monotonic(), 0
        name = f"{builder.model.name} ({builder.prompt_id})"
        try:
            for table in tables:
                waiting.append(table)
                is_full = sum(map(len, waiting)) >= ROWS_A_FILE
                if is_full or time.monotonic() - last_write > SECONDS_A_FILE:
                    row_count += self._write_file(folder, arrow.concat_tables(waiting))
                    waiting, last_write = [], time.monotonic()
                    print(f"{name}: {row_count} of {self.documents} documents", flush=True)
        finally:  # also after Ctrl-C: what has come is not asked again
            if waiting:
                row_count += self._write_file(folder, arrow.concat_tables(waiting))
        print(f"{name}: {row_count} documents asked", flush=True)

    def _write_file(self, folder: Path, table: Any) -> int:
        if len(table) == 0:
            return 0
        try:
            write_table(folder, table)
        except OSError as error:
            raise DiskError(
                f"{folder}: cannot be written ({error.strerror}); what was written before is safe;"
                f" go on with: {self.build_resume_command(folder)}"
            ) from None
        return len(table)

    def build_resume_command(self, folder: Path) -> str:
        """What to type where the run broke off."""
        return format_resume_command(self.options.command, self.options.project, folder)

    def _finish(self, folder: Path) -> Report:
        options = self.options
        self.writer.complete_folder(())
        device = describe_device(Runtime(options.cache, options.device))
        settings = self.writer.settings or self._describe_settings()
        run = {
            "id": folder.name,
            "started": settings.started,
            "command": list(settings.command),
            "options": describe_options(options),
            "dry_run": False,
            "partial": [],
            "sweeps": [],
            "looks": self._note_look(folder, settings),
            "holdout": {},
        }
        environment = collect_environment(options.project, options.seed, device)
        return write_cluster_report(
            folder,
            run,
            environment,
            self.suite,
            self.builders,
            self.plan.candidates.rules,
            self.notes,
        )

    def _note_look(self, folder: Path, settings: RunSettings) -> dict[str, int]:
        """How often these documents were looked at, this time included."""
        ids = [document.id for document in read_plan(folder / PLAN_FILE)]
        look = Look(
            suite=self.suite.name,
            run=folder.name,
            date=settings.started.partition("T")[0],
            documents=len(ids),
            documents_sha256=hash_documents(ids),
        )
        results = self.options.output_dir
        return {self.suite.name: count_looks(results, add_look(results, look), look, ids)}
