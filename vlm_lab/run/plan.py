"""Which cases a run has, and in which order: suites, documents, candidates and prompts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path

from vlm_lab.backends.candidate import Candidate
from vlm_lab.commands import format_run_command
from vlm_lab.config.models_file import Candidates, check_prompts, load_candidates
from vlm_lab.config.text_keys import check_shown_text
from vlm_lab.errors import UserError
from vlm_lab.messages import Message, in_english, list_first_names
from vlm_lab.records.run_settings import RunSettings
from vlm_lab.registry import allow_plugins
from vlm_lab.run.case_builder import CaseBuilder
from vlm_lab.run.left_out import LeftOutPages
from vlm_lab.run.options import Options
from vlm_lab.run.preflight import check_suite
from vlm_lab.run.resume import FormerAnswers, check_selection, find_former_answers
from vlm_lab.run.rule_forecast import find_unprovable_rules
from vlm_lab.run.rule_names import check_rules
from vlm_lab.run.selection import select_suites
from vlm_lab.run.sweep import sweep_candidates
from vlm_lab.run.unsound_references import leave_unscored
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.suite.holdout import split_holdout
from vlm_lab.suite.prompts import shows_page_text
from vlm_lab.suite.sampling import sample_documents
from vlm_lab.types import Case, CaseKey, Document, Model, Runtime, Suite

MAX_NOTES = 10


class Plan:
    """The cases that a run must account for, and `notes` on documents and references. Of a run that
    is resumed, `begun` says which these are."""

    def __init__(self, options: Options, begun: RunSettings | None = None) -> None:
        self.options, self.begun = options, begun
        self._begun_keys = frozenset(begun.cases) if begun else None
        written = load_candidates(options.models_files)
        allow_plugins(written.plugins)
        if options.max_pages and options.sweep and options.sweep.setting == "max_pages":
            raise UserError("--max-pages: --sweep says how many; leave --max-pages away")
        self._written_models = written.models  # a sweep's values have other names
        self.sweep = sweep_candidates(written, options.sweep, options.cache)
        self.candidates: Candidates = self.sweep.candidates
        self.suites: dict[Path, tuple[Suite, tuple[Document, ...]]] = {}
        self.notes: list[Message | str] = []
        self.cases: list[Case] = []
        self._document_counts: dict[Suite, int] = {}
        self._suite_notes: dict[Suite, Sequence[Message]] = {}
        self._ranks: dict[CaseKey, tuple[int, int]] = {}
        self._asked_cases: list[Case] = []
        self._next_cases: dict[CaseKey, Case] = {}
        self.former_answers = FormerAnswers()
        self.records_end: int | None = None  # of those that a resumed run had; all, where None
        self.left_out = LeftOutPages(options.max_pages, self.sweep.page_limit)

    def build_cases(self, folder: Path) -> list[Case]:
        """Every model x prompt x document of `folder`, in order; `--suite` may
        name another folder."""
        suite, documents = self._load_suite(self.options.suite or folder)
        cases: list[Case] = []
        for builder in self.list_case_builders(suite):
            model_rank = self.models.index(builder.model)
            for document in documents:
                case = builder.build_case(document)
                self._ranks[case.key] = model_rank, len(self._ranks)
                cases.append(case)
        return cases

    def list_case_builders(self, suite: Suite) -> list[CaseBuilder]:
        """One for every model x prompt of this run, in order. UserError where a prompt is not
        there."""
        templates = {**self.candidates.prompts, **suite.prompts}
        check_prompts(self.candidates, templates, self.options.prompts)
        locations = self.candidates.locations
        check_shown_text(self.candidates.models, templates, locations, shows_page_text)
        return [
            CaseBuilder(model, prompt_id, self._written_models, templates)
            for model in self.models
            for prompt_id in model.prompts
            if not self.options.prompts or prompt_id in self.options.prompts
        ]

    @property
    def models(self) -> tuple[Model, ...]:
        """The candidates of this run, in the order of models.yaml."""
        wanted_statuses = self.options.status
        if not wanted_statuses:
            return self.candidates.models
        return tuple(model for model in self.candidates.models if model.status in wanted_statuses)

    def select_suites(self, expression: str) -> str:
        """An expression of `-k` in which a suite's name means that suite alone."""
        suite_names = {suite.name for suite, _ in self.suites.values()}
        other_names = {model.name for model in self.models}
        other_names |= {prompt_id for model in self.models for prompt_id in model.prompts}
        return select_suites(expression, suite_names, other_names)

    def _load_suite(self, folder: Path) -> tuple[Suite, tuple[Document, ...]]:
        if folder not in self.suites:
            options = self.options
            suite = load_suite(folder, options.documents, options.references, options.schema)
            documents, notes = load_documents(suite)
            errors, check_notes = check_suite(suite, documents, options.cache)
            if errors:
                documents, unsound_notes = leave_unscored(documents)
                notes = (*notes, *unsound_notes)
                errors, check_notes = check_suite(suite, documents, options.cache)
            if errors:
                raise UserError("\n".join(errors))
            self._suite_notes[suite] = (*notes, *check_notes)
            part = self._select_part(suite, documents)
            self._document_counts[suite] = len(part)
            # Which documents a sample has depends on all that are there: drawn once a run.
            sample = None if self.begun else options.sample
            sampled = sample_documents(part, sample, options.seed)
            self.left_out.count_ahead(suite, sampled)
            self.suites[folder] = suite, sampled
        return self.suites[folder]

    def _select_part(self, suite: Suite, documents: tuple[Document, ...]) -> tuple[Document, ...]:
        """The documents that prompts are tuned on, or with --holdout those that are kept apart."""
        if not suite.holdout:
            if self.options.holdout:
                raise UserError(
                    f"--holdout: suite {suite.name!r} keeps no documents apart; write holdout: 0.5"
                    f" into {suite.folder / 'suite.yaml'}, or leave the option out"
                )
            return documents
        tuned_on, held_out = split_holdout(documents, suite.holdout, suite.cluster)
        return held_out if self.options.holdout else tuned_on

    def rank_case(self, case: Case) -> tuple[int, int]:
        """Where a case stands: by model, so that each is loaded once, then as the files say."""
        return self._ranks[case.key]

    def schedule_cases(self, cases: Sequence[Case]) -> None:
        """What was selected, in the order in which it will be asked. A case may come several
        times."""
        check_rules(self.candidates.rules, [suite for suite, _ in self.suites.values()])
        counts = Counter(case.key for case in cases)
        unique_cases = list({case.key: case for case in cases}.values())
        self.cases = sorted(unique_cases, key=self.rank_case)
        self._asked_cases = unique_cases
        self._next_cases = {case.key: next_case for case, next_case in pairwise(unique_cases)}
        suites = dict.fromkeys(case.document.suite for case in self.cases)
        suite_notes = chain.from_iterable(self._suite_notes[suite] for suite in suites)
        # First: the header has few lines.
        self.notes = [
            *self._describe_scenario(),
            *self._find_tuning_notes(),
            *self._find_unprovable_rules(),
            *self.left_out.inspect(self.cases),
            *self.notes,
            *suite_notes,
        ]
        repeated_count = sum(count > 1 for count in counts.values())
        if repeated_count:
            self.notes.append(Message("repeated", {"n": repeated_count}))
        models = list_models(self.cases)
        self.notes += [
            self.sweep.reasons[model.name] for model in models if model.name in self.sweep.reasons
        ]
        not_isolated = [
            model.name for model in models if model.has_own_backend and not model.is_isolated
        ]
        if not_isolated:
            self.notes.append(Message("not_isolated", {"models": list_first_names(not_isolated)}))

    def find_absent_models(self, cases: Sequence[Case]) -> list[str]:
        """The models that cannot run here, as far as that is known without reading or starting
        anything."""
        options = self.options
        runtime = Runtime(options.cache, options.device, options.online, options.seed)
        models = list_models(cases)
        return [model.name for model in models if not Candidate(model, runtime).is_here()]

    def find_next_case(self, case: Case) -> Case | None:
        """The case that the same model is asked next."""
        next_case = self._next_cases.get(case.key)
        return next_case if next_case and next_case.model == case.model else None

    def find_asked_cases(self, model: Model) -> list[Case]:
        """What a model is asked in this run, in that order: without what the run that is resumed
        has answered."""
        answered = self.former_answers.keys
        return [
            case for case in self._asked_cases if case.model == model and case.key not in answered
        ]

    def is_selected(self, case: Case) -> bool:
        """Whether a collected case is of the run that is resumed; always, where none is."""
        return self._begun_keys is None or case.key in self._begun_keys

    def find_former_answers(self, cases: Sequence[Case]) -> FormerAnswers:
        """What of the selected cases the run to be resumed has answered. UserError where the
        selection is not that of the run."""
        if self.options.resume is None or self.begun is None:
            return self.former_answers
        selected_keys = {case.key for case in cases}
        notes = check_selection(self.options.resume, self.begun, {*self._ranks}, selected_keys)
        self.former_answers = find_former_answers(self.options.resume, cases, self.records_end)
        self.notes = [*self.former_answers.notes, *notes, *self.notes]
        return self.former_answers

    def find_partial_suites(self) -> list[str]:
        """The suites of which -k or --sample left out some documents: nothing is decided on
        those. A resumed run is as partial as it was when it began, and where cases of it are no
        more."""
        if self.begun:
            planned_keys = {case.key for case in self.cases}
            missing_keys = (key for key in self.begun.cases if key not in planned_keys)
            return list(dict.fromkeys([*self.begun.partial, *(key[0] for key in missing_keys)]))
        document_ids_by_suite: dict[str, set[str]] = {}
        for case in self.cases:
            document_ids_by_suite.setdefault(case.document.suite.name, set()).add(case.document.id)
        return [
            suite.name
            for suite, document_count in self._document_counts.items()
            if 0 < len(document_ids_by_suite.get(suite.name, ())) < document_count
        ]

    def _describe_scenario(self) -> list[Message]:
        return [Message("offline")] if self.options.scenario == "offline" else []

    def _find_tuning_notes(self) -> Iterator[Message]:
        for suite, _ in self.suites.values():
            if suite.holdout and not self.options.holdout:
                count = self._document_counts[suite]
                command = format_run_command("--holdout")
                figures = {"suite": suite.name, "n": count, "command": command}
                yield Message("tuned_on", figures)

    def _find_unprovable_rules(self) -> list[Message]:
        if self.find_partial_suites():
            return []
        asked = [case for case in self.cases if case.model.name not in self.sweep.reasons]
        absent_models = self.find_absent_models(asked)
        return find_unprovable_rules(asked, self.candidates.rules, absent_models)

    def find_whole_suites(self) -> dict[str, list[str]]:
        """The ids of the documents of each suite that no option left any out of."""
        partial_suites = self.find_partial_suites()
        document_ids: dict[str, dict[str, None]] = {}
        for case in self.cases:
            document_ids.setdefault(case.document.suite.name, {})[case.document.id] = None
        return {name: list(ids) for name, ids in document_ids.items() if name not in partial_suites}

    def _format_decimal_marks(self) -> Iterator[str]:
        """What each suite says of its amounts, since a thousandfold error hangs on it."""
        for suite, _ in self.suites.values():
            if mark := suite.conventions.decimal_mark:
                thousand = "1.234" if mark == "," else "1,234"
                yield f"decimal mark of {suite.name}: {mark} ({thousand} is more than a thousand)"

    def format_header_lines(self, device: str) -> list[str]:
        """What will be run, on what, and what a user should know before it."""
        if not self.cases:
            return []
        model_names = dict.fromkeys(case.model.name for case in self.cases)
        documents = {(case.document.suite.name, case.document.id) for case in self.cases}
        dry_run_prefix = "dry run of " if self.options.dry_run else ""
        document_text = f"{len(documents)} document{'s' if len(documents) != 1 else ''}"
        hidden_note_count = len(self.notes) - MAX_NOTES
        lines = [
            f"{dry_run_prefix}{len(self.cases)} cases: {', '.join(model_names)} on {document_text}",
            f"device: {device}",
            *self._format_decimal_marks(),
            *map(in_english, self.notes[:MAX_NOTES]),
        ]
        if hidden_note_count > 0:
            lines.append(f"and {hidden_note_count} more, in report.md")
        return lines


def list_models(cases: Iterable[Case]) -> list[Model]:
    """The models of some cases, each once. By their names: to hash a model takes all of its
    settings."""
    return list({case.model.name: case.model for case in cases}.values())
