"""pytest as people use it: its own options, plugins that are here, and what is missing here."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.projects import (
    PROJECT,
    RUN,
    calls_of,
    echo,
    read_figures,
    records_of,
    run_folder_of,
    write_project,
)

WRONG = {"invoice_number": "A-71", "totals": {"gross": "119,00"}}


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest(*options)


def read_output(result: pytest.RunResult) -> str:
    """What a run printed, without the option that pytester adds to each."""
    return re.sub(r" --basetemp=\S+", "", result.stdout.str() + result.stderr.str())


@pytest.mark.parametrize(
    ("options", "environment", "added", "command"),
    [
        (["benchmarks", "-n", "2"], "", "", RUN),
        (["-nauto", "benchmarks", "-k", "inv_1"], "", "", f"{RUN} -k inv_1"),
        (
            ["-n=2", "benchmarks/test_invoices.py::test_invoice"],
            "",
            "",
            f"{sys.executable} -m pytest benchmarks/test_invoices.py::test_invoice",
        ),
        (["benchmarks", "--numprocesses", "logical", "--dist=loadfile"], "", "", RUN),
        (["benchmarks", "--dist", "each", "--tx", "2*popen", "-q"], "", "", f"{RUN} -q"),
        (["-d", "--tx=2*popen", "."], "", "", f"{RUN} -d ."),
        (["benchmarks", "-k", "inv_2"], "-n 2", "", f"{RUN} -k inv_2 -n 0"),
        (["benchmarks"], "", " -n 2", f"{RUN} -n 0"),
        ([], "-n 2", " benchmarks", f"{RUN} -n 0"),
    ],
)
def test_workers_of_xdist_are_refused_before_they_start(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    options: Sequence[str],
    environment: str,
    added: str,
    command: str,
) -> None:
    pytest.importorskip("xdist")
    write_project(pytester.path, "models:\n" + echo())
    ini = pytester.path / "pytest.ini"
    ini.write_text(ini.read_text().replace("-p no:anyio", "-p no:anyio" + added))
    monkeypatch.setenv("PYTEST_ADDOPTS", environment)
    refused = run(pytester, *options)
    assert refused.ret == 4
    said = re.findall("not for them; type: (.*)", read_output(refused))
    assert said == [command]
    assert "created:" not in refused.stdout.str(), "no worker was started"
    assert not (pytester.path / "results").exists()
    accepted = subprocess.run(shlex.split(command), cwd=pytester.path, capture_output=True)
    assert accepted.returncode == 0, accepted.stdout


def test_xdist_may_run_what_is_no_benchmark_and_collect_what_is(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    write_project(pytester.path, "models:\n" + echo())
    (pytester.path / "tests").mkdir()
    helpers = "def build(model, prompt, document): ...\n"
    (pytester.path / "tests" / "test_own.py").write_text(helpers + "def test_one(): ...\n")
    run(pytester, "tests", "-n", "2").assert_outcomes(passed=1)
    assert run(pytester, "benchmarks", "-n", "2", "--collect-only").ret == 0
    assert run(pytester, "benchmarks", "-n", "0").ret == 0


def test_a_benchmark_that_no_file_shows_is_refused_by_the_workers(
    pytester: pytest.Pytester,
) -> None:
    pytest.importorskip("xdist")
    write_project(pytester.path, "models:\n" + echo())
    test = pytester.path / "benchmarks" / "test_invoices.py"
    test.write_text(
        "import pytest\n"
        "@pytest.fixture\n"
        "def trio(model, prompt, document): return model, prompt, document\n"
        "def test_invoice(trio): ...\n"
    )
    refused = run(pytester, "benchmarks", "-n", "2")
    assert refused.ret == 4
    assert f"not for them; type: {RUN}" in refused.stdout.str()


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        (["-k", "inv_1"], {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, "-k inv_1 -p benchmark"),
        (["--disable-plugin-autoload"], {}, "--disable-plugin-autoload -p benchmark"),
    ],
)
def test_a_plugin_that_was_not_loaded_is_one_line(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    options: Sequence[str],
    environment: Mapping[str, str],
    said: str,
) -> None:
    write_project(pytester.path, "models:\n" + echo())
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    refused = run(pytester, "benchmarks", *options)
    assert refused.ret == 4
    output = read_output(refused)
    assert re.search(f"which is not loaded: .*; type: {RUN} {said}$", output, re.MULTILINE)
    assert "Traceback" not in output
    assert run(pytester, "benchmarks", *options, "-p", "benchmark").ret == 0


@pytest.mark.parametrize(
    ("options", "outcomes", "rounds"),
    [
        (["-p", "no:benchmark"], {"passed": 3}, 2),
        (["--benchmark-disable"], {"passed": 3}, 1),
        (["--benchmark-only"], {"passed": 3}, 2),
        (["--benchmark-skip"], {"skipped": 3}, 0),
    ],
)
def test_options_of_pytest_benchmark_keep_their_meaning(
    pytester: pytest.Pytester, options: Sequence[str], outcomes: dict[str, int], rounds: int
) -> None:
    write_project(pytester.path, "models:\n" + echo())
    result = run(pytester, "benchmarks", "--rounds", "2", *options)
    result.assert_outcomes(**outcomes)
    rows = records_of(run_folder_of(pytester.path))
    assert [len(row["rounds"]) for row in rows] == [rounds] * 3


def test_a_case_that_comes_twice_is_one_document_in_every_figure(
    pytester: pytest.Pytester,
) -> None:
    write_project(pytester.path, "models:\n" + echo(answer=WRONG, fails=["inv_2"]))
    run(pytester, "benchmarks", "--output-dir=once", "--replies=off")
    twice = ["benchmarks", "benchmarks", "--keep-duplicates", "--output-dir=twice"]
    result = run(pytester, *twice, "--replies=refresh")
    result.assert_outcomes(passed=4, failed=2)
    result.stdout.fnmatch_lines(["3 cases came more than once *: each counts once, *"])
    (once,), (folder,) = ((pytester.path / name).glob("2*") for name in ("once", "twice"))
    assert read_figures(once) == read_figures(folder)
    assert [row["document"] for row in records_of(folder)] == ["inv_1", "inv_2", "inv_3"]


def test_two_tests_over_one_suite_are_one_case_each(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo())
    test = pytester.path / "benchmarks" / "test_invoices.py"
    again = test.read_text().replace("def test_invoice", "def test_again")
    test.write_text(test.read_text() + again.partition("import parse, score")[2])
    run(pytester, "benchmarks").assert_outcomes(passed=6)
    assert len(records_of(run_folder_of(pytester.path))) == 3


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_a_run_that_stops_early_has_what_was_not_run_in_its_report(
    pytester: pytest.Pytester, option: str
) -> None:
    write_project(pytester.path, "models:\n" + echo(fails=["inv_2"]))
    result = run(pytester, "benchmarks", option)
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret in (1, 2)
    report = json.loads((run_folder_of(pytester.path) / "report.json").read_text())
    assert report["summaries"][0]["statuses"] == {"ok": 1, "error": 1, "not_run": 1}


def read_order(pytester: pytest.Pytester) -> list[str]:
    """`model document` of what the models were asked since the last look."""
    lines = [line.split() for line in calls_of(pytester.path) if " pages " in line]
    (pytester.path / "calls.txt").unlink()
    return [f"{words[0]} {words[2]}" for words in lines]


@pytest.mark.parametrize(
    ("option", "asked"),
    [
        ("--lf", ["b: inv_2"]),
        ("--ff", ["b: inv_2", "a: inv_1", "a: inv_2", "a: inv_3", "b: inv_1", "b: inv_3"]),
        ("--sw", ["b: inv_2", "b: inv_3"]),
    ],
)
def test_what_failed_last_time_comes_first_or_alone(
    pytester: pytest.Pytester, option: str, asked: Sequence[str]
) -> None:
    prefix = ["benchmarks", "--replies=off"]
    write_project(pytester.path, "models:\n" + echo("a") + echo("b", fails=["inv_2"]))
    run(pytester, *prefix, *(["--sw"] if option == "--sw" else []), "--output-dir=first")
    read_order(pytester)
    (pytester.path / "models.yaml").write_text("models:\n" + echo("a") + echo("b"))
    assert run(pytester, *prefix, option).ret == 0
    assert read_order(pytester) == asked
    report = json.loads((run_folder_of(pytester.path) / "report.json").read_text())
    counts = {row["model"]: row["statuses"] for row in report["summaries"]}
    expected = {model: sum(line.startswith(model) for line in asked) for model in "ab"}
    assert counts == {model: {"ok": count} for model, count in expected.items() if count}
    assert report["run"]["partial"] == (["invoices"] if len(asked) < 3 else [])


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with pytest and none of our requirements."""
    folder = tmp_path_factory.mktemp("bare")
    command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(command, check=True)
    packages = Path(pytest.__file__).parents[1]
    (site,) = folder.glob("lib/python3*/site-packages")
    for name in ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py.py"):
        (site / name).symlink_to(packages / name)
    return folder / "bin" / "python"


@pytest.mark.parametrize(
    "arguments", [["pytest", "benchmarks"], ["vlm_lab", "models"], ["vlm_lab", "score"]]
)
def test_without_the_requirements_one_line_says_what_to_type(
    bare_python: Path, tmp_path: Path, arguments: Sequence[str]
) -> None:
    for folder in ("vlm_lab", "scripts"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    write_project(tmp_path, "models:\n" + echo())
    ini = tmp_path / "pytest.ini"
    ini.write_text(ini.read_text().replace(f"pythonpath = {PROJECT} .", "pythonpath = ."))
    done = subprocess.run(
        [bare_python, "-m", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    lines = [line for line in done.stderr.splitlines() if line]
    assert done.returncode == (4 if arguments[0] == "pytest" else 2)
    assert len(lines) == 1, done.stderr + done.stdout
    assert re.search(r"no module '\w+' in .*python: type scripts/bench .*pip install -e ", lines[0])
