"""pytest tests/test_readme.py: what README says is so. Its tree and sample are compared with the
repository itself, and what is typed or printed in README.ru.md with README.

python tools/make_example_run.py --write    writes the example anew into both
"""

import difflib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vlm_lab.cli.main import COMMANDS
from vlm_lab.run.options import add_options

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text()
README_RU = (PROJECT / "README.ru.md").read_text()
PAGES = pytest.mark.parametrize("page", [README, README_RU], ids=["README.md", "README.ru.md"])


class Group:
    """Stands for pytest's option group: notes the names."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def addoption(self, name: str, **settings: object) -> None:
        self.names.append(name)


def section(title: str, page: str = README) -> str:
    """The section of this English title, or the one that stands in its place in another page."""
    titles = re.findall(r"^## (.+)$", README, re.MULTILINE)
    return page.split("\n## ")[1 + titles.index(title)].partition("\n")[2]


def tracked() -> set[str]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a checkout: git does not know the files")
    files = set(done.stdout.strip("\0").split("\0"))
    return files | {parent.as_posix() for name in files for parent in Path(name).parents}


@PAGES
def test_it_opens_with_the_two_commands(page: str) -> None:
    commands = [
        line.split("#")[0].strip() for line in page.splitlines() if line.startswith("    scripts/")
    ]
    assert commands[:2] == ["scripts/bench", "scripts/test"]
    for command in commands[:2]:
        assert (PROJECT / command).stat().st_mode & 0o111


@PAGES
def test_the_tree_is_the_repositorys(page: str) -> None:
    known = tracked()
    folder, named = "", set()
    for line in section("What is where", page).splitlines():
        indent, text = len(line) - len(line.lstrip()), line.strip()
        if indent < 4:
            continue
        names = re.split(r"\s{2,}", text)[0].split()
        folder = "" if indent == 4 else folder
        paths = {f"{folder}{name.rstrip('/')}" for name in names}
        folder = names[0] if indent == 4 and names[0].endswith("/") else folder
        assert paths <= known, f"README names {paths - known}, which the repository has not"
        named |= paths
    top = {name for name in known if "/" not in name and not name.startswith(".")}
    assert top <= named, f"README's tree lacks {top - named}"
    modules = {name for name in known if re.fullmatch(r"vlm_lab/[a-z][a-z_]*(\.py)?", name)}
    assert modules <= named, f"README's tree lacks {sorted(modules - named)}"


@PAGES
def test_every_option_is_listed_and_no_other(page: str) -> None:
    group = Group()
    add_options(group)
    listed = set(re.findall(r"`(--[a-z-]+)", section("Run it", page)))
    assert set(group.names) == listed


@PAGES
def test_every_command_is_listed(page: str) -> None:
    listed = dict(re.findall(r"\| `vlm-lab ([a-z]+)` \| (.+) \|", page))
    assert list(listed) == list(COMMANDS)
    if page is README:
        assert listed == COMMANDS


@PAGES
def test_links_lead_somewhere(page: str) -> None:
    for text, target in re.findall(r"\[([^\]]+)\]\(([^)#]+)\)", page):
        assert (PROJECT / target).exists(), f"{text}: {target}"


@PAGES
def test_the_users_file_is_shown_as_it_is(page: str) -> None:
    shown = page.split("```python\n", 1)[1].split("```", 1)[0]
    assert shown.strip() in (PROJECT / "benchmarks/test_invoices.py").read_text()


def test_the_russian_page_shows_what_the_english_one_shows() -> None:
    """Each line that is typed or printed, each name in a table's first column, each link."""
    english, russian = (list(extract_shown_lines(page)) for page in (README, README_RU))
    differences = difflib.unified_diff(english, russian, "README.md", "README.ru.md", "", "", 1)
    assert not (text := "\n".join(differences)), text


def extract_shown_lines(page: str) -> Iterator[str]:
    """What must be the same in each language, without what is said beside it."""
    is_fenced = False
    for number, part in enumerate(page.split("\n## ")):
        for line in part.splitlines():
            is_fence = line.startswith("```")
            is_fenced ^= is_fence
            if is_fence or is_fenced:
                yield line
            elif line.startswith("    "):
                # What comes out is the same to its end; behind a name of a file stands what it is.
                yield re.split(r"\s+# |\s{3,}(?=\S)" if number else r"\s+# ", line.strip())[0]
            elif match := re.match(r"\| (`[^|]+`) \|", line):
                yield match.group(1)
        yield from sorted(set(re.findall(r"\]\(([^)]+)\)", part)) - {"README.md", "README.ru.md"})
        yield "---"


@pytest.mark.slow
def test_the_example_is_what_comes_out() -> None:
    """`tools/make_example_run.py --write` puts it there anew. All that it says is seeded."""
    command = [sys.executable, "tools/make_example_run.py"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    printed = [f"    {line}".rstrip() for line in done.stdout.splitlines()]
    assert read_indented_block("invoices: 160 documents") == printed


def read_indented_block(first_line: str) -> list[str]:
    """The lines of README from this one to the next that is not indented, without the blank ones
    before that."""
    lines = README.splitlines()
    block = lines[lines.index(f"    {first_line}") :]
    end = next(i for i, line in enumerate(block) if line and not line.startswith("    "))
    return "\n".join(block[:end]).rstrip().splitlines()


@pytest.mark.soak  # the OCR of 26 documents
def test_the_sample_is_what_comes_out(tmp_path: Path) -> None:
    """On a machine without weights and without Tesseract, which PATH hides. Seconds differ from
    machine to machine; the rest must be the same, F1 to within 0.02."""
    command = [sys.executable, "-m", "pytest", "-c", "pytest.ini", "--rootdir", ".", "benchmarks"]
    command += ["-k", "ocr or nano or phi"]
    environment = {**os.environ, "PATH": str(tmp_path), "HF_HOME": str(tmp_path), "COLUMNS": "100"}
    done = subprocess.run(
        [*command, "--output-dir", str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    row = r" *(model|ocr|qwen2-vl-nano) +(prompt|default|terse) "
    shown, printed = (
        [line.split() for line in text.splitlines() if re.match(row, line)]
        for text in ("\n".join(read_indented_block("invoices: 26 documents")), done.stdout)
    )
    assert printed[0] == shown[0], "the table's heads"
    assert [line[:2] for line in printed] == [line[:2] for line in shown]
    for told, found, tolerance in zip(shown[1:], printed[1:], (0.02, 0.05, 0.05), strict=True):
        assert abs(float(told[2]) - float(found[2])) <= tolerance, (
            "F1; a CPU without bfloat16 reads a digit otherwise"
        )
        assert told[8] == found[8], "answered"
    shown_skip = "phi-3-vision: all 26 skipped: no weights of microsoft/Phi-3-vision-128k-instruct"
    assert f"    {shown_skip}" in README
    for start in ("ocr: 4 (default: ", "qwen2-vl-nano: 28 (default: ", shown_skip):
        assert f"\n{start}" in done.stdout
