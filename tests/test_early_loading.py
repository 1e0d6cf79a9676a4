"""pytest tests/test_early_loading.py: which case's model loads while pytest still gets ready."""

from collections.abc import Sequence

import pytest

from tests.projects import echo, write_project

# Notes for which case the plugin would have a model load.
CONFTEST = """
from pathlib import Path
from vlm_lab.run.inference import InferenceRunner

def begin_loading(self, case):
    with Path("begun.txt").open("a") as file:
        file.write(f"{case.model.name} {case.document.id}\\n")

InferenceRunner.begin_loading = begin_loading
"""
OTHER_TEST = "def test_own(): pass\n"
BROKEN_TEST = "import nowhere\n"


@pytest.mark.parametrize(
    ("options", "files", "expected"),
    [
        ([], {}, "one inv_1\n"),
        (["-k", "two and inv_2"], {}, "two inv_2\n"),
        (["--collect-only"], {}, ""),
        (["--setup-plan"], {}, ""),
        ([], {"test_own.py": OTHER_TEST}, ""),
        ([], {"test_broken.py": BROKEN_TEST}, ""),
        (["-n", "2", "--dist", "loadgroup"], {}, ""),
    ],
    ids=["all", "selected", "collected", "planned", "other first", "broken", "distributed"],
)
def test_the_model_of_the_case_that_runs_first_is_begun(
    pytester: pytest.Pytester, options: Sequence[str], files: dict[str, str], expected: str
) -> None:
    if "-n" in options:
        pytest.importorskip("xdist")
    write_project(pytester.path, "models:\n" + echo("one") + echo("two"))
    pytester.makeconftest(CONFTEST)
    for name, text in files.items():
        (pytester.path / "benchmarks" / name).write_text(text)
    pytester.runpytest("benchmarks", "-p", "no:cacheprovider", *options)
    begun = pytester.path / "begun.txt"
    assert (begun.read_text() if begun.exists() else "") == expected
