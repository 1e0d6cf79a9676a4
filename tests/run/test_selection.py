"""What `--suite`, `--documents` and `-k` select in a project of three suites."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.projects import RUN, echo, records_of, run_folder_of, write_project
from tests.suites import REFERENCE, write_suite
from vlm_lab.run.selection import select_suites

# What one suite is called is part of another's documents, and of another suite's name.
DOCUMENTS = {"invoices": "inv_1", "schet": "a", "schet-2024": "schet-7"}


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    models = f"models:\n{echo('qwen2-vl-2b')}{echo('ocr')}"
    write_project(pytester.path, models, {DOCUMENTS["invoices"]: REFERENCE})
    benchmarks = pytester.path / "benchmarks"
    for name in ("schet", "schet-2024"):
        write_suite(benchmarks / name, {DOCUMENTS[name]: REFERENCE})
        shutil.copy(benchmarks / "test_invoices.py", benchmarks / f"test_{name}.py")
    write_suite(pytester.path / "elsewhere" / "till", {"receipt": REFERENCE})
    return pytester.path


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest("benchmarks", "-p", "no:cacheprovider", *options)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        (["--suite", "schet"], ["schet a"]),
        (["--suite=benchmarks/schet-2024/"], ["schet-2024 schet-7"]),
        (["--suite", "elsewhere/till"], ["till receipt"]),
        (["-k", "schet"], ["schet a"]),
        (["-k", "(schet or invoices) and not qwen"], ["invoices inv_1", "schet a"]),
        (["-k", "schet-7"], ["schet-2024 schet-7"]),
        (["-k", "sche"], ["schet a", "schet-2024 schet-7"]),
        (["--suite=schet", "--documents=elsewhere/till/documents"], ["schet receipt"]),
    ],
)
def test_a_suite_that_is_named_is_asked_about_alone(
    pytester: pytest.Pytester, project: Path, options: Sequence[str], asked: Sequence[str]
) -> None:
    result = run(pytester, *options)
    assert result.ret == 0
    records = records_of(run_folder_of(project))
    assert sorted({f"{row['suite']} {row['document']}" for row in records}) == asked
    models = {"ocr"} if "not qwen" in options[-1] else {"ocr", "qwen2-vl-2b"}
    assert {row["model"] for row in records} == models
    noted_suites = [] if "--documents" in options[-1] else asked  # those have no references
    assert result.stdout.str().count("are verified by a person") == len(noted_suites)


def test_a_suite_without_a_test_file_is_asked_about_by_another(
    pytester: pytest.Pytester, project: Path
) -> None:
    shutil.move(project / "elsewhere" / "till", project / "benchmarks" / "till")
    assert run(pytester, "--suite", "till").ret == 0
    records = records_of(run_folder_of(project))
    assert [row["suite"] for row in records] == ["till", "till"]


def test_a_suite_that_is_not_there_is_one_line(pytester: pytest.Pytester, project: Path) -> None:
    result = run(pytester, "--suite", "shcet")
    assert result.ret == 4
    said = re.findall("^--suite: .*", result.stdout.str(), re.MULTILINE)
    assert said == [
        f"--suite: no suite 'shcet' and no folder {project}/shcet; did you mean 'schet'?"
    ]


@pytest.mark.parametrize(
    ("options", "suite"),
    [
        (["--documents=elsewhere/till/documents"], "invoices"),
        (["--documents=elsewhere/till/documents", "-k", "ocr and schet"], "schet"),
        (["--references=elsewhere/till/references"], "invoices"),
    ],
)
def test_documents_for_several_suites_are_refused_with_the_command_for_one(
    pytester: pytest.Pytester, project: Path, options: Sequence[str], suite: str
) -> None:
    result = run(pytester, *options)
    assert result.ret == 4
    option = options[0].partition("=")[0]
    (said,) = re.findall("^--.* is for one suite.*", result.stdout.str(), re.MULTILINE)
    said = re.sub(r" --basetemp=\S+", "", said)
    command = shlex.join([*RUN.split(), "-p", "no:cacheprovider", *options, "--suite", suite])
    assert said == (
        f"{option} is for one suite, and there are 3: invoices, schet, schet-2024; "
        f"name one with --suite: {command}"
    )
    done = subprocess.run(shlex.split(command), cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("qwne", "no name has 'qwne' in it; did you mean qwen2?"),
        ("ocr and shcet", "no name has 'shcet' in it; did you mean schet?"),
        ("xyzzy", "no name has 'xyzzy' in it"),
        ("ocr and qwen", "each word is in some name, and no case has them as this asks"),
    ],
)
def test_a_selection_of_nothing_names_what_there_is(
    pytester: pytest.Pytester, project: Path, expression: str, reason: str
) -> None:
    result = run(pytester, "-k", expression)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(
        [
            f"-k '{expression}' selects no case: {reason}",
            "  models: qwen2-vl-2b, ocr",
            "  prompts: default",
            "  suites: invoices, schet-2024, schet",
            "  documents: inv_1, schet-7, a",
        ]
    )
    assert "0 cases" not in result.stdout.str()


@pytest.mark.parametrize(
    ("expression", "rewritten"),
    [
        ("schet", "suite:schet/"),
        ("not (schet) and ocr", "not (suite:schet/) and ocr"),
        ("schet-7 or Schet", "schet-7 or Schet"),
        ("ocr", "ocr"),
    ],
)
def test_only_a_suites_whole_name_is_rewritten(expression: str, rewritten: str) -> None:
    assert select_suites(expression, {"schet", "ocr"}, {"ocr"}) == rewritten
