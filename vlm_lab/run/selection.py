"""What `--suite`, `--documents` and `-k` mean -> one suite's folder, a `-k` that knows suites by
their names, and what there is where nothing was selected."""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest

from vlm_lab.commands import locate_in_project, rebuild_command
from vlm_lab.config.strict_yaml import format_suggestion
from vlm_lab.errors import UserError
from vlm_lab.messages import in_english, list_first_names
from vlm_lab.run.distribution import find_test_files, has_benchmark
from vlm_lab.run.options import Options
from vlm_lab.types import Case

SUITE_OPTIONS = ("documents", "references", "schema")  # each is for one suite
KEYWORD = re.compile(r"[\w:+\-.\[\]\\/]+")  # a name in an expression of `-k`
OPERATORS = ("and", "or", "not", "True", "False", "None")
SIMILARITY = 0.6  # of a word and what was meant by it, as difflib counts it
MIN_PART = 3  # letters of a part of a name that is worth suggesting


@dataclass(frozen=True, slots=True)
class ChosenSuite:
    """The one suite that `--suite` names, and the test file that asks about it."""

    folder: Path
    test_file: Path | None


def find_suites(config: pytest.Config) -> dict[Path, Path]:
    """Test file -> the suite beside it, of the files that would be collected and ask models."""
    paths = dict.fromkeys(path.resolve() for path in find_test_files(config))
    return {path: get_suite_folder(path) for path in paths if has_benchmark(path)}


def get_suite_folder(test_file: Path) -> Path:
    """`benchmarks/test_schet.py` asks about `benchmarks/schet`."""
    return test_file.with_name(test_file.stem.removeprefix("test_"))


def choose_suite(text: str, suites: Mapping[Path, Path], start_folder: Path) -> ChosenSuite:
    """The suite of that name or in that folder. A folder without a test file of its own is asked
    about by the first there is: they are alike. UserError where there is no such suite."""
    path = (start_folder / Path(text).expanduser()).resolve()
    of_this_name = {file: folder for file, folder in suites.items() if folder.name == text}
    of_this_path = {file: folder for file, folder in suites.items() if folder == path}
    chosen = of_this_name or of_this_path
    if len(chosen) > 1:
        folders = ", ".join(map(str, chosen.values()))
        raise UserError(f"--suite: {len(chosen)} suites are named {text!r}; give a path: {folders}")
    for test_file, folder in chosen.items():
        return ChosenSuite(folder, test_file)
    beside_test_files = locate_in_project("benchmarks") / text
    for folder in (beside_test_files, path):
        if folder.is_dir():
            return ChosenSuite(folder, next(iter(suites), None))
    suggestion = format_suggestion(text, sorted({folder.name for folder in suites.values()}))
    raise UserError(f"--suite: no suite {text!r} and no folder {path}{suggestion}")


def check_suite_options(options: Options, suites: Mapping[Path, Path], keyword: str) -> None:
    """UserError where an option that is for one suite comes with several."""
    given = [name for name in SUITE_OPTIONS if getattr(options, name)]
    names = sorted({folder.name for folder in suites.values()})
    if not given or options.suite or len(names) < 2:
        return
    name = next((word for word in KEYWORD.findall(keyword) if word in names), names[0])
    command = rebuild_command(options.command, options.project, ["--suite"], "--suite", name)
    raise UserError(
        f"--{given[0]} is for one suite, and there are {len(names)}: {', '.join(names)}; "
        f"name one with --suite: {command}"
    )


@lru_cache(maxsize=64)  # one text for all cases of a suite
def build_suite_keyword(suite: str) -> str:
    """What every case of a suite has among its keywords and no document's name can be part of."""
    return f"suite:{suite}/"


def select_suites(expression: str, suites: Collection[str], others: Collection[str]) -> str:
    """An expression of `-k` in which a suite's whole name means that suite, and no document or
    longer name that has it as a part; `others` are names that keep their own meaning."""

    def replace_word(match: re.Match[str]) -> str:
        word = match[0]
        is_suite = word in suites and word not in others and word not in OPERATORS
        return build_suite_keyword(word) if is_suite else word

    return KEYWORD.sub(replace_word, expression)


def explain_empty_selection(expression: str, cases: Sequence[Case]) -> list[str]:
    """Why `-k` selects no case: the word that is in none, what may have been meant, and what there
    is."""
    names = {
        "models": dict.fromkeys(case.model.name for case in cases),
        "prompts": dict.fromkeys(case.prompt_id for case in cases),
        "suites": dict.fromkeys(case.document.suite.name for case in cases),
        "documents": dict.fromkeys(case.document.id for case in cases),
    }
    lines = [f"-k {expression!r} selects no case{_suggest_words(expression, names.values())}"]
    for kind, known_names in names.items():
        lines.append(f"  {kind}: {in_english(list_first_names([*known_names], 20))}")
    return lines


def _suggest_words(expression: str, names: Iterable[Collection[str]]) -> str:
    known_names = [name.casefold() for group in names for name in group]
    words = [word for word in KEYWORD.findall(expression) if word not in OPERATORS]
    unknown_words = [
        word for word in words if not any(word.casefold() in name for name in known_names)
    ]
    if not unknown_words:
        return ": each word is in some name, and no case has them as this asks"
    parts = list(dict.fromkeys([*known_names, *_split_names(known_names)]))
    suggestions = []
    for word in unknown_words:
        suggestions += difflib.get_close_matches(word.casefold(), parts, 1, SIMILARITY)
    meant = f"; did you mean {' or '.join(suggestions)}?" if suggestions else ""
    return f": no name has {' or '.join(map(repr, unknown_words))} in it{meant}"


def _split_names(names: Iterable[str]) -> Iterator[str]:
    """`qwen2`, `nano` of `qwen2-vl-nano`: `-k` takes parts."""
    for name in names:
        for part in re.split(r"[-._]", name):
            if len(part) >= MIN_PART:
                yield part
