"""Rules that so few documents cannot show are said before the run."""

import re

import pytest

from tests.projects import echo, write_project
from tests.suites import REFERENCE


@pytest.mark.parametrize(
    ("rule", "models", "words"),
    [
        (0.5, 1, None),
        (
            0.98,
            1,
            "field_f1 0.98 cannot be shown with 5 documents; *would take 149 for 1 candidate",
        ),
        (0.98, 4, "*would take 217 for 4 candidates"),
    ],
)
def test_what_so_few_documents_cannot_show_is_said_before_the_run(
    pytester: pytest.Pytester, rule: float, models: int, words: str | None
) -> None:
    names = [f"inv_{number}" for number in range(5)]
    candidates = "".join(echo(f"m{number}") for number in range(models))
    write_project(
        pytester.path,
        f"models:\n{candidates}decide:\n  require: {{field_f1: {rule}}}\n",
        dict.fromkeys(names, REFERENCE),
    )
    result = pytester.runpytest("benchmarks", "--collect-only", "-p", "no:cacheprovider")
    lines = result.stdout.str()
    if words is None:
        assert "cannot be shown" not in lines
    else:
        missing = int(re.findall(r"take (\d+)", words)[0]) - 5
        hours = f"{missing * 3 / 60:.1f}"
        result.stdout.fnmatch_lines(
            [
                f"*{words}",
                f"*: {missing} more documents to label, about {hours} hours at 3 minutes each; *",
            ]
        )


def test_models_that_are_not_here_are_named_and_not_counted(pytester: pytest.Pytester) -> None:
    absent = "  - {name: far, model_id: some/model}\n  - {name: gone, model_id: no/where}\n"
    write_project(
        pytester.path,
        f"models:\n{echo('a')}{echo('b')}{absent}decide:\n  require: {{field_f1: 0.98}}\n",
    )
    result = pytester.runpytest("benchmarks", "--collect-only", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(
        [
            "*it would take 183 for 2 candidates",
            "2 models that are not on this machine are not counted in that: far, gone",
        ]
    )
    (pytester.path / "models.yaml").write_text(
        f"models:\n{absent}decide:\n  require: {{field_f1: 0.98}}\n"
    )
    result = pytester.runpytest("benchmarks", "--collect-only", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["*it would take 183 for 2 candidates"])
    assert "not counted" not in result.stdout.str(), "where none is here all are counted"


def test_a_share_above_one_is_refused_with_its_line(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, f"models:\n{echo()}decide:\n  require: {{field_f1: 95}}\n")
    result = pytester.runpytest("benchmarks", "-p", "no:cacheprovider")
    assert result.ret == 4
    result.stdout.fnmatch_lines("*models.yaml:*field_f1*must be a share from 0 to 1, got 95*")
