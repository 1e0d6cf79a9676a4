"""pytest tests/test_docs.py: links lead somewhere, what docs/fields.md says of a type is so, and
docs/ci.md has files that a linter takes and commands that can be typed."""

import dataclasses
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import yaml

from tests.test_readme import Group
from vlm_lab.backends.transformers.process import TORCH_VARIABLES
from vlm_lab.decision.baseline import Baseline, encode_baseline
from vlm_lab.exit_status import EXIT_STATUS_MEANINGS, ExitStatus
from vlm_lab.fields.comparison import FIELD_TYPES, compare_values
from vlm_lab.report.translation import load_catalogue
from vlm_lab.run.options import add_options
from vlm_lab.types import Conventions, Field, Outcome, Record, Status
from vlm_lab.workers.process import OFFLINE_VARIABLES

DOCS = Path(__file__).parents[1] / "docs"
CONVENTIONS = Conventions("dmy", ("en", "de"))
ROWS = re.findall(r"^\| `(\w+)` \| .+ \| (.+) \|$", (DOCS / "fields.md").read_text(), re.MULTILINE)


def read_examples(cell: str) -> list[object]:
    """The two ways of writing one value; a list and a boolean are JSON."""
    texts = re.findall(r"`([^`]+)`", cell)
    return [json.loads(text) if text.startswith("[") else text for text in texts]


def test_every_field_type_is_listed_and_no_other() -> None:
    assert [name for name, _ in ROWS] != []
    assert {name for name, _ in ROWS} == set(FIELD_TYPES)


@pytest.mark.parametrize(("type_name", "cell"), [row for row in ROWS if row[0] != "iban"])
def test_a_types_example_is_one_value_written_in_two_ways(type_name: str, cell: str) -> None:
    expected, actual = read_examples(cell)
    outcome, _ = compare_values(Field("x", type_name), expected, actual, CONVENTIONS)
    assert outcome == "normalized"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_is_in_the_index() -> None:
    pages = {path.name for path in DOCS.glob("*.md")} - {"README.md"}
    listed = set(re.findall(r"\]\((\w[\w-]*\.md)\)", (DOCS / "README.md").read_text()))
    assert listed == pages


CI_PAGE = (DOCS / "ci.md").read_text()
CI_FILES = re.findall(r"```yaml\n(.+?)```", CI_PAGE, re.DOTALL)
CI_COMMANDS = dict.fromkeys(re.findall(r"scripts/bench .*-.*", CI_PAGE))


def test_every_exit_status_is_listed_and_no_other() -> None:
    listed = re.findall(r"^\| (\d) \| (.*) \| (.*) \|$", CI_PAGE, re.MULTILINE)
    expected = [(str(status.value), *meanings) for status, meanings in EXIT_STATUS_MEANINGS.items()]
    assert listed == expected


@pytest.mark.parametrize(("number", "schema"), [(0, "github-workflows"), (1, "gitlab-ci")])
def test_ci_files_are_valid(number: int, schema: str, tmp_path: Path) -> None:
    pytest.importorskip("check_jsonschema", reason="no linter: pip install check-jsonschema")
    file = tmp_path / "ci.yml"
    file.write_text(CI_FILES[number])
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    checked = subprocess.run([*command, str(file)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_both_ci_files_run_the_same_commands() -> None:
    github, gitlab = (yaml.safe_load(text) for text in CI_FILES)
    for job in ("samples", "invoices"):
        steps = [step["run"] for step in github["jobs"][job]["steps"] if "run" in step]
        assert steps == gitlab[job]["script"]


@pytest.mark.slow
@pytest.mark.parametrize("command", CI_COMMANDS)
def test_a_ci_command_is_one_that_pytest_takes(command: str, tmp_path: Path) -> None:
    """Its options and paths; of a suite that is not here nothing is selected."""
    shutil.copytree(
        DOCS.parent,
        tmp_path / "project",
        ignore=shutil.ignore_patterns(".*", "cache", "results", "tests", "docs", "node_modules"),
    )
    for name in ("ci/samples.json", "results/baseline.json"):
        path = tmp_path / "project" / name
        path.parent.mkdir()
        path.write_bytes(encode_baseline(Baseline(2, "run", "today", [])))
    arguments = shlex.split(command)[1:]
    pytest_command = [sys.executable, "-m", "pytest", "benchmarks", "--collect-only", *arguments]
    done = subprocess.run(pytest_command, cwd=tmp_path / "project", capture_output=True, text=True)
    wanted = ExitStatus.NOTHING_SELECTED if "-k test_schet" in command else ExitStatus.OK
    assert done.returncode == wanted, done.stdout + done.stderr


POC_PAGE = (DOCS / "from-run-poc.md").read_text()


def test_keys_and_variables_of_the_former_script_are_those_of_today() -> None:
    written = POC_PAGE.split("## What is written", 1)[1]
    cells = re.findall(r"^\| (`.+?) \| ", written, re.MULTILINE)
    names = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert len(names) > 25
    assert names <= {field.name for field in dataclasses.fields(Record)}
    variables = set(re.findall(r"^\| `([A-Z_]+)` \|", POC_PAGE, re.MULTILINE))
    assert variables == {*OFFLINE_VARIABLES, *TORCH_VARIABLES}


def test_options_that_docs_name_are_there() -> None:
    group = Group()
    add_options(group)
    known = {*group.names, "--ignore", "--collect-only", "--junitxml", "--local-dir"}
    for text in (CI_PAGE, POC_PAGE):
        named = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", text))
        assert named - known <= {"--max-warnings", "--check"}


GLOSSARY_ROWS = re.findall(
    r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \| [^|]+ \|$",
    (DOCS / "glossary.md").read_text(),
    re.MULTILINE,
)


def test_the_glossary_has_the_reports_own_terms() -> None:
    catalogue = load_catalogue("ru")
    translated = {
        term: catalogue.gettext(term)
        for term, _ in GLOSSARY_ROWS
        if catalogue.gettext(term) != term
    }
    assert len(translated) > 25
    listed = dict(GLOSSARY_ROWS)
    assert {term: listed[term] for term in translated} == translated
    shown_words = {*get_args(Status), *get_args(Outcome)} - {"dry_run", "normalized", "unlabelled"}
    assert shown_words <= set(listed)
