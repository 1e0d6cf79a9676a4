"""The decision that README opens with: a run of three made-up candidates over made-up invoices.

The invoices are drawn as values alone (their pages are blank), the candidates replay the references
with seeded mistakes and seconds. Everything after that is a real run: scores, intervals, decisions.

python tools/make_example_run.py            prints it, in about ten seconds
python tools/make_example_run.py --write    puts it into README.md and README.ru.md
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from training.synthetic.reference import reference  # noqa: E402
from training.synthetic.replies import make_reply, seeded  # noqa: E402
from training.synthetic.values import paper  # noqa: E402

PAGES = ("README.md", "README.ru.md")  # the same lines in both
DOCUMENTS = 160
# Share of values that are misread, seconds a document. The first stands for today's pipeline.
CANDIDATES = {
    "today": (0.06, 0.7),
    "small": (0.022, 1.9),
    "large": (0.006, 4.1),
}
RULES = {"require": {"field_f1": 0.95, "p95_seconds": 8}}
FIRST_LINE = re.compile(r"invoices: \d+ documents")
RUN_ID, EXAMPLE_RUN_ID = re.compile(r"\d{8}T\d{6}Z(_\d+)?"), "20260102T030405Z"
WIDTH = 116


def main(arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder))
        lines = select_lines(run_project(Path(folder)))
    if arguments == ["--write"]:
        for name in PAGES:
            page = PROJECT / name
            if page.exists():
                page.write_text(replace_example(page.read_text("utf-8"), lines), "utf-8")
    else:
        print("\n".join(lines))


def write_project(folder: Path) -> None:
    """A suite in the shipped schema with DOCUMENTS documents, and a models.yaml of the replays."""
    suite = folder / "benchmarks" / "invoices"
    for part in ("documents", "references"):
        (suite / part).mkdir(parents=True)
    shipped_suite = PROJECT / "benchmarks" / "invoices"
    for name in ("schema.json", "prompt.md"):
        shutil.copyfile(shipped_suite / name, suite / name)
    (suite / "suite.yaml").write_text("verified: true\nlanguages: [en, de, fr]\n")
    shutil.copyfile(
        PROJECT / "benchmarks" / "test_invoices.py", folder / "benchmarks" / "test_invoices.py"
    )
    ini = (PROJECT / "pytest.ini").read_text()
    (folder / "pytest.ini").write_text(ini.replace("pythonpath = .", f"pythonpath = {PROJECT}"))
    references = draw_references()
    for number, (name, values) in enumerate(references.items()):
        Image.new("RGB", (32, 32), (number, 255, 255)).save(suite / "documents" / f"{name}.png")
        (suite / "references" / f"{name}.json").write_text(json.dumps(values, ensure_ascii=False))
    models = []
    for candidate in CANDIDATES:
        path = folder / f"{candidate}.jsonl"
        path.write_text("\n".join(draw_replies(candidate, references)))
        model: dict[str, Any] = {"name": candidate, "model_id": str(path), "backend": "replay"}
        models.append(model | ({} if len(models) else {"incumbent": True}))
    (folder / "models.yaml").write_text(yaml.safe_dump({"decide": RULES, "models": models}))


def draw_references() -> dict[str, Any]:
    """What would be printed on each document, by its name."""
    languages = ("en", "de", "fr")
    references = {}
    for number in range(DOCUMENTS):
        name = f"example-{number:03}"
        language = languages[number % len(languages)]
        references[name] = reference(paper(seeded("example", name), language))
    return references


def draw_replies(candidate: str, references: dict[str, Any]) -> list[str]:
    """The lines of its replay."""
    rate, seconds = CANDIDATES[candidate]
    replies = (
        make_reply(name, "default", values, rate, seconds, seeded(candidate, name))
        for name, values in references.items()
    )
    return [json.dumps(reply, ensure_ascii=False) for reply in replies]


def run_project(folder: Path) -> str:
    """What the run prints."""
    command = [sys.executable, "-m", "pytest", "-c", "pytest.ini", "--rootdir", ".", "benchmarks"]
    done = subprocess.run(
        [*command, "-q", "-p", "no:cacheprovider"], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return done.stdout


def select_lines(output: str) -> list[str]:
    """The table and the decisions, without what differs from machine to machine, no line longer
    than README's."""
    printed = output.splitlines()
    first = next(i for i, line in enumerate(printed) if FIRST_LINE.fullmatch(line))
    last = next(i for i, line in enumerate(printed) if line.startswith("report: "))
    lines: list[str] = []
    for printed_line in printed[first:last]:
        line = RUN_ID.sub(EXAMPLE_RUN_ID, printed_line.replace(f"{PROJECT}/", ""))
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        lines += textwrap.wrap(line, WIDTH, subsequent_indent=indent, drop_whitespace=True) or [""]
    while not lines[-1]:
        lines.pop()
    return lines


def replace_example(text: str, lines: list[str]) -> str:
    """A page with these lines in place of its own, which begin like them and end where a line is
    not indented."""
    page = text.splitlines()
    first = next(i for i, line in enumerate(page) if FIRST_LINE.fullmatch(line.strip()))
    end = next(i for i in range(first, len(page)) if page[i] and not page[i].startswith("    "))
    shown = [f"    {line}".rstrip() for line in lines]
    return "\n".join([*page[:first], *shown, "", *page[end:]]) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
