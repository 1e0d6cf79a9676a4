"""Which cases a run has: suites, documents, candidates and prompts, and the order in which they are
asked."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from vlm_lab.config.models_file import Candidates, check_prompts, load_candidates
from vlm_lab.errors import UserError
from vlm_lab.messages import Message, in_english
from vlm_lab.records.run_folder import CaseKey, make_case_key, read_records
from vlm_lab.registry import allow_plugins
from vlm_lab.run.options import Options
from vlm_lab.run.preflight import check_suite
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.suite.sampling import sample_documents
from vlm_lab.types import Case, Document, Model, Suite

MAX_NOTES = 10


class Plan:
    """The cells that a run must account for. `notes` are what a user should know about documents
    and references."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.candidates: Candidates = load_candidates(options.models_files)
        allow_plugins(self.candidates.plugins)
        self.suites: dict[Path, tuple[Suite, tuple[Document, ...]]] = {}
        self.notes: list[Message | str] = []
        self.cases: list[Case] = []
        self._document_counts: dict[Suite, int] = {}
        self._ranks: dict[CaseKey, tuple[int, int]] = {}
        self._next_cases: dict[CaseKey, Case] = {}

    def build_cases(self, folder: Path) -> list[Case]:
        """Every model x prompt x document of the suite in `folder` (`--suite` overrules it), in the
        plan's order."""
        suite, documents = self._load_suite(self.options.suite or folder)
        templates = {**self.candidates.prompts, **suite.prompts}
        check_prompts(self.candidates, templates, self.options.prompts)
        cases = []
        for model in self.models:
            for prompt_id in model.prompts:
                if not self.options.prompts or prompt_id in self.options.prompts:
                    cases += [
                        Case(model, prompt_id, templates[prompt_id], document)
                        for document in documents
                    ]
        for case in cases:
            self._ranks[case.key] = self.models.index(case.model), len(self._ranks)
        return cases

    @property
    def models(self) -> tuple[Model, ...]:
        """The candidates of this run, in the order of models.yaml."""
        wanted = self.options.status
        return tuple(
            model for model in self.candidates.models if not wanted or model.status in wanted
        )

    def _load_suite(self, folder: Path) -> tuple[Suite, tuple[Document, ...]]:
        if folder not in self.suites:
            options = self.options
            suite = load_suite(folder, options.documents, options.references, options.schema)
            documents, notes = load_documents(suite)
            wrong, doubts = check_suite(suite, documents, options.cache)
            if wrong:
                raise UserError("\n".join(wrong))
            self.notes += [*notes, *doubts]
            self._document_counts[suite] = len(documents)
            self.suites[folder] = suite, sample_documents(documents, options.sample, options.seed)
        return self.suites[folder]

    def rank_case(self, case: Case) -> tuple[int, int]:
        """Where a case stands in the plan: by model, so that each is loaded once, then as the files
        say."""
        return self._ranks[case.key]

    def schedule_cases(self, cases: Sequence[Case]) -> None:
        """What was selected, in the order in which it will be asked."""
        self.cases = list(cases)
        self._next_cases = {case.key: following for case, following in pairwise(cases)}

    def find_next_case(self, case: Case) -> Case | None:
        """The case that the same model is asked next."""
        following = self._next_cases.get(case.key)
        return following if following and following.model == case.model else None

    def read_answered_keys(self) -> set[CaseKey]:
        """The cases that the run to be resumed has an answer for; what failed or was skipped is
        tried again."""
        if self.options.resume is None:
            return set()
        rows = read_records(self.options.resume)
        return {make_case_key(row) for row in rows if row["status"] not in ("error", "skipped")}

    def find_partial_suites(self) -> list[str]:
        """The suites of which some documents were left out by -k or --sample: nothing is decided on
        those."""
        asked: dict[str, set[str]] = {}
        for case in self.cases:
            asked.setdefault(case.document.suite.name, set()).add(case.document.id)
        return [
            suite.name
            for suite, found in self._document_counts.items()
            if len(asked.get(suite.name, ())) < found
        ]

    def format_header_lines(self, device: str) -> list[str]:
        """What will be run, on what, and what a user should know before it."""
        models = dict.fromkeys(case.model.name for case in self.cases)
        documents = {(case.document.suite.name, case.document.id) for case in self.cases}
        dry = "dry run of " if self.options.dry_run else ""
        on = f"{len(documents)} document{'s' if len(documents) != 1 else ''}"
        more = len(self.notes) - MAX_NOTES
        return [
            f"{dry}{len(self.cases)} cases: {', '.join(models)} on {on}",
            f"device: {device}",
            *map(in_english, self.notes[:MAX_NOTES]),
            *([f"and {more} more, in report.md"] if more > 0 else []),
        ]
