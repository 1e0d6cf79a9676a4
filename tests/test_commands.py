"""Every command that a message, a help text or a page of the docs shows can be typed."""

import argparse
import ast
import importlib
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import echo, write_project
from vlm_lab import commands
from vlm_lab.cli.main import COMMANDS, main
from vlm_lab.commands import (
    format_command,
    format_install_command,
    format_run_command,
    locate_in_project,
)
from vlm_lab.run.cluster.options import make_parser

PROJECT = Path(__file__).parents[1]
MAKERS = ("format_command", "format_run_command")
# What nobody writes out in a message: it would be wrong from some folder or in some environment.
NAMES = "|".join(COMMANDS)
WRITTEN_OUT = re.compile(rf"vlm-lab (?:{NAMES})\b|scripts/\w|pip install .*vlm-lab|pytest bench")
PAGES = [*sorted((PROJECT / "docs").glob("*.md")), PROJECT / "README.md", PROJECT / "models.yaml"]
SHOWN = re.compile(rf"(?:scripts/|\.venv/bin/)?vlm-lab (?:{NAMES})\b.*|scripts/bench .*")


def list_modules() -> list[Path]:
    templates = PROJECT / "vlm_lab" / "export" / "templates"
    paths = sorted((PROJECT / "vlm_lab").rglob("*.py"))
    return [path for path in paths if not path.is_relative_to(templates)]


def find_docstrings(tree: ast.AST) -> set[int]:
    """The ids of the constants that are docstrings."""
    found = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            found.add(id(body[0].value))
    return found


def list_texts(path: Path) -> Iterator[str]:
    """The strings of a module that are no docstrings."""
    tree = ast.parse(path.read_text())
    docstrings = find_docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield str(node.value)


def test_no_message_writes_a_command_out() -> None:
    written_out = {
        path.relative_to(PROJECT).as_posix(): text
        for path in list_modules()
        for text in list_texts(path)
        if WRITTEN_OUT.search(text)
    }
    assert written_out == {}


def list_made_commands() -> Iterator[tuple[str, list[str]]]:
    """The arguments that messages put into commands; what is known only when one is made is X."""
    for path in list_modules():
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(getattr(node, "func", None), "id", "")
            if isinstance(node, ast.Call) and name in MAKERS and path.name != "commands.py":
                if any(isinstance(argument, ast.Starred) for argument in node.args):
                    continue
                yield name, [getattr(argument, "value", None) for argument in node.args]


def parse_command(name: str, arguments: list[str], config: pytest.Config) -> None:
    """Holds arguments against the options of the command: SystemExit where they are not taken."""
    if name == "run" and "--engine" in arguments:
        make_parser().parse_args(arguments)
        return
    if name == "run":
        _, unknown = config._parser.parse_known_and_unknown_args(arguments)
        assert [argument for argument in unknown if argument != "--help-options"] == []
        return
    module = importlib.import_module(f"vlm_lab.cli.{name}")
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    parser.parse_args(arguments)


def test_commands_in_messages_are_taken(pytestconfig: pytest.Config) -> None:
    parsed = 0
    for maker, arguments in list_made_commands():
        words = [argument if isinstance(argument, str) else "X" for argument in arguments]
        if maker == "format_run_command":
            parse_command("run", words, pytestconfig)
            parsed += 1
        elif words and words[0] in COMMANDS:
            parse_command(words[0], words[1:], pytestconfig)
            parsed += 1
    assert parsed > 15


def list_shown_commands(text: str) -> list[list[str]]:
    """What stands as a line of its own, or between backquotes, without what is said about it."""
    spans = re.findall(r"`([^`\n]+)`", text)
    lines = [re.split(r"\s{2,}|\s#", line.strip())[0] for line in text.splitlines()]
    shown = [line for line in (*lines, *spans) if SHOWN.fullmatch(line)]
    return [shlex.split(line, comments=True) for line in shown]


def write_values_in(argument: str) -> str:
    """Numbers for placeholders where an option wants one."""
    return {"N": "2", "X": "0.1", "...]": "X", "[NAME": "X"}.get(argument, argument)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_commands_in_the_docs_are_taken(page: Path, pytestconfig: pytest.Config) -> None:
    for program, *words in list_shown_commands(page.read_text()):
        name, *arguments = words if program.endswith("vlm-lab") else ["run", *words]
        if arguments:  # else it is a command's name
            assert program.startswith("scripts/"), f"{page.name}: {program} {' '.join(words)}"
            parse_command(name, [*map(write_values_in, arguments)], pytestconfig)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_of_help_are_taken(name: str, pytestconfig: pytest.Config) -> None:
    module = importlib.import_module(f"vlm_lab.cli.{name}")
    shown = list_shown_commands(module.__doc__ or "")
    assert shown, f"vlm-lab {name} --help shows no example"
    for _, shown_name, *arguments in shown:
        parse_command(shown_name, [*map(write_values_in, arguments)], pytestconfig)


def test_help_shows_what_is_typed_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(PROJECT / "docs")
    with pytest.raises(SystemExit):
        main(["decide", "--help"])
    output = capsys.readouterr().out
    assert output.startswith("usage: ../scripts/vlm-lab decide ")
    assert "\n../scripts/vlm-lab decide RUN --write  put `status`" in output


def test_in_a_checkout_the_scripts_are_named_from_where_one_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(PROJECT)
    assert format_command("weights", "fetch", "a b") == "scripts/vlm-lab weights fetch 'a b'"
    assert format_run_command("-k", "m") == "scripts/bench -k m"
    assert format_install_command("heif").endswith(" -m pip install -e '.[heif]'")
    monkeypatch.chdir(PROJECT / "benchmarks" / "invoices")
    assert format_command("accept") == "../../scripts/vlm-lab accept"
    assert locate_in_project("models.yaml") == Path("../../models.yaml")
    monkeypatch.chdir(tmp_path)
    assert format_command("accept") == f"{PROJECT}/scripts/vlm-lab accept"
    assert format_run_command() == f"{PROJECT}/scripts/bench"
    assert locate_in_project("models.yaml") == PROJECT / "models.yaml"
    write_project(tmp_path, f"models:\n{echo()}")
    assert format_run_command() == f"{PROJECT}/scripts/vlm-lab run"
    assert locate_in_project("models.yaml") == Path("models.yaml")
    monkeypatch.chdir(PROJECT)
    elsewhere = format_run_command("-k", "m", project=tmp_path)
    assert elsewhere == f"cd {tmp_path} && {PROJECT}/scripts/vlm-lab run -k m"


def test_where_the_package_is_installed_it_is_the_program_beside_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    monkeypatch.setattr(commands, "PACKAGE_PARENT", tmp_path / "environment" / "site-packages")
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.chdir(PROJECT / "docs")
    assert format_command("accept") == f"{python} -m vlm_lab accept"
    assert format_install_command("heif") == f"{python} -m pip install 'vlm-lab[heif]'"
    python.with_name("vlm-lab").touch(0o755)
    assert format_command("accept") == f"{python.with_name('vlm-lab')} accept"
    monkeypatch.setenv("PATH", str(python.parent))
    assert format_command("accept") == "vlm-lab accept"
    assert format_run_command("-k", "m") == "vlm-lab run -k m"
