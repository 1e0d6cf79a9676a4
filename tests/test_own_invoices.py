"""pytest tests/test_own_invoices.py: the user's first fifteen minutes, as docs/own-invoices.md
tells them, in the words that are printed.

An empty folder with thirty documents, a pipeline's JSON with three errors in it, a second reader
that wraps its answers otherwise, and a model behind a server. The journey is walked once, command
by command; the tests read what each step said.
"""

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines import COUNT, WRONG, fields_of, write_json, write_pipeline
from tests.projects import PROJECT, RUN
from tests.servers import Step, completion, serving
from vlm_lab.cli.main import main
from vlm_lab.suite import load_documents, load_suite

MODELS = """
models:
  - {{name: today, backend: replay, model_id: output/json, incumbent: true}}
  - {{name: reader, backend: replay, model_id: output/reader}}
  - {{name: served, backend: openai, model_id: house/served, backend_kwargs: {{base_url: "{url}"}}}}
decide:
  require: {{field_f1: 0.8, max_error_rate: 0.01}}
"""
COMMAND = f"{PROJECT}/scripts/vlm-lab"
TOTAL, DATE, TAX_ID = (
    ("scheta-2024-02-schet-no4", "Итого.Всего", "9 999,00 руб.", "4 800,00 руб."),
    ("scheta-2024-03-schet-no11", "Дата", "31 декабря 2023 г.", "12 марта 2024 г."),
    ("scheta-2024-03-schet-no23", "Поставщик.ИНН", "7707083890", "7702070139"),
)
NUMBER = ("scheta-2024-02-schet-no7", "Номер", "СФ-0007")  # right, and looked at all the same
CHANGED = "the document, its reference, a correction or a rule of suite.yaml changed"
OWN = "its answers are the files that the references are"


@dataclass
class Journey:
    """A project, and what each step of the way printed and ended with."""

    folder: Path
    said: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    runs: dict[str, Path] = field(default_factory=dict)

    @property
    def corrections(self) -> Path:
        return self.folder / "benchmarks/schet/corrections.json"

    def type(self, step: str, *arguments: str) -> None:
        """`vlm-lab ...`, in this process."""
        output = io.StringIO()
        with redirect_stdout(output), redirect_stderr(output):
            self.statuses[step] = main([*arguments])
        self.said[step] = output.getvalue()

    def run(self, step: str, *options: str) -> None:
        """`vlm-lab run --suite schet`, in a process of its own."""
        command = [sys.executable, "-m", "vlm_lab", "run", "--suite", "schet", *options]
        done = subprocess.run(
            command, cwd=self.folder, env=make_environment(), capture_output=True, text=True
        )
        self.said[step], self.statuses[step] = done.stdout + done.stderr, done.returncode
        runs = (self.folder / "results").glob("2*")
        self.runs[step] = max(runs, key=lambda path: (len(path.name), path.name))

    def list_lines(self, step: str, part: str = "") -> list[str]:
        """What a step said, or those lines of it that have a text in them."""
        return [line for line in self.said[step].splitlines() if part in line]

    def read_reasons(self, step: str, beginning: str) -> list[str]:
        """What speaks against a candidate in the block that begins so."""
        lines = iter(self.list_lines(step))
        next(line for line in lines if line.startswith(beginning))
        block = takewhile(lambda line: line.startswith(" "), lines)
        return [line.partition("against: ")[2] for line in block if "against: " in line]


def make_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT), "COLUMNS": "400"}


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    """The whole way, from `init` to `clean`."""
    walked = Journey(tmp_path_factory.mktemp("stranger"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(walked.folder)
        write_pipeline(walked.folder)
        begin(walked)
        with serving(*list_replies(walked.folder)) as server:
            (walked.folder / "models.yaml").write_text(MODELS.format(url=server.url))
            walked.run("first run")
        correct(walked)
        walked.run("corrected run")
        hold_against_the_accepted_run(walked)
        tell_others(walked)
        yield walked


def begin(walked: Journey) -> None:
    """The suite, and a reader's answers in another envelope."""
    walked.type("init", "init", "benchmarks/schet", "--documents=docs", "--references=output/json")
    walked.type("check", "init", "--check", "benchmarks/schet")
    walked.type("plan with groups", "plan")
    suite_yaml = walked.folder / "benchmarks/schet/suite.yaml"
    suite_yaml.write_text(suite_yaml.read_text("utf-8").replace("cluster: supplier", ""), "utf-8")
    write_reader(walked.folder)


def write_reader(folder: Path, extra: str = "") -> None:
    """What a second reader says: all right, but for digits before each total."""
    for number in range(1, COUNT + 1):
        fields = fields_of(number)
        fields["Итого"]["Всего"] = extra + fields["Итого"]["Всего"]
        write_json(folder / "output/reader", number, fields)
    for path in (folder / "output/reader").iterdir():
        fields = json.loads(path.read_text("utf-8"))["result"]["data"]
        path.write_text(json.dumps({"answer": {"fields": fields}}, ensure_ascii=False), "utf-8")


def list_replies(folder: Path) -> list[Step]:
    """What the served model says of each document, in the order in which it is asked."""
    documents, _ = load_documents(load_suite(folder / "benchmarks/schet"))
    numbers = [int(document.name.partition("№")[2].removesuffix(".png")) for document in documents]
    return [
        Step(completion(json.dumps(fields_of(number), ensure_ascii=False))) for number in numbers
    ]


def correct(walked: Journey) -> None:
    """Two doubts and a value that nobody doubts on the page, the third doubt in the file."""
    walked.type("corrections", "corrections", "last")
    with serve_page(walked) as address:
        entries = fetch(f"{address}corrections")
        walked.said["page's document"] = json.dumps(
            fetch(f"{address}documents/{TOTAL[0]}"), ensure_ascii=False
        )
        version = entries["version"]
        for document, path, _, right in (TOTAL, DATE):
            version = decide(address, version, document, path, "reference_wrong", right)
        decide(address, version, NUMBER[0], NUMBER[1], "model_wrong", "")
    entries = json.loads(walked.corrections.read_text("utf-8"))
    for entry in entries:
        if entry["document"] == TAX_ID[0]:
            entry |= {"verdict": "reference_wrong", "right": TAX_ID[3]}
    walked.corrections.write_text(json.dumps(entries, ensure_ascii=False), "utf-8")
    walked.type("corrections again", "corrections", "last")
    documents, _ = load_documents(load_suite(walked.folder / "benchmarks/schet"))
    names = "\n".join(document.name for document in documents)
    (walked.folder / "benchmarks/schet/verified.txt").write_text(names, "utf-8")


@contextmanager
def serve_page(walked: Journey) -> Iterator[str]:
    """The address of `vlm-lab corrections last --serve`, until Ctrl-C."""
    command = [sys.executable, "-m", "vlm_lab", "corrections", "last", "--serve"]
    with subprocess.Popen(
        command, cwd=walked.folder, env=make_environment(), stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            walked.said["page"] = server.stdout.readline() + server.stdout.readline()
            yield walked.said["page"].split()[-1]
        finally:
            server.send_signal(signal.SIGINT)
            try:
                walked.said["page"] += server.communicate(timeout=60)[0]
            finally:
                server.kill()  # where whoever started pytest has Ctrl-C ignored


def fetch(address: str, body: Mapping[str, Any] | None = None) -> Any:
    """What the page asks its server for, as the page asks for it."""
    request = urllib.request.Request(address)  # noqa: S310 - our own
    if body is not None:
        origin = address[: address.index("/", len("http://"))]
        headers = {"Content-Type": "application/json", "Origin": origin}
        request = urllib.request.Request(address, json.dumps(body).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own
        return json.loads(answer.read())


def decide(address: str, version: str, document: str, path: str, verdict: str, right: str) -> str:
    """Saves one decision; the version that the file has then."""
    decision = {"document": document, "path": path, "verdict": verdict, "right": right}
    saved = fetch(f"{address}corrections", {**decision, "decided_by": "anna", "version": version})
    return str(saved["version"])


def hold_against_the_accepted_run(walked: Journey) -> None:
    """A correction that changes after the run was accepted, then a reader that got worse."""
    walked.type("accept", "accept")
    content = walked.corrections.read_text("utf-8")
    walked.corrections.write_text(content.replace(TOTAL[3], "4 801,00 руб."), "utf-8")
    walked.run("changed correction", "--baseline=results/baseline.json")
    walked.corrections.write_text(content, "utf-8")
    write_reader(walked.folder, extra="7")
    walked.run("worse reader", "--baseline=results/baseline.json")


def tell_others(walked: Journey) -> None:
    """What is made of a run: words, reports, a folder to carry away, room."""
    run = walked.runs["corrected run"].name
    walked.type("decide", "decide", run)
    walked.type("plan", "plan")
    for form in ("html", "md", "csv"):
        output = str(walked.folder / f"report-{form}" / f"report.{form}")
        walked.type(form, "report", run, "--format", form, "--lang", "ru", "--output", output)
    printed = walked.list_lines("corrected run", " export ")[0]
    program, *arguments = shlex.split(printed.rpartition(": ")[2])
    assert program == COMMAND
    walked.type("export", *arguments)
    walked.type("clean", "clean", walked.runs["worse reader"].name, "--yes")


def test_init_says_what_it_guessed_and_what_comes_next(journey: Journey) -> None:
    suite = "benchmarks/schet"
    written = ("suite.yaml", "schema.json", "prompt.md", ".gitignore", "fields.md")
    assert journey.list_lines("init") == [
        f"wrote {', '.join(f'{suite}/{name}' for name in written)}, benchmarks/test_schet.py,"
        " pytest.ini, models.yaml, .gitignore",
        "matched 30 of 30 documents by {stem}.json",
        "envelope: result.data; ignored: confidence, bbox",
        "15 \"\", 15 null: taken for 'not found', which is no proof that the page shows nothing; if"
        " it is, write absent",
        "check fields.md: 11 fields, 2 with a doubt: Договор, Поставщик.ИНН; correct types in"
        " schema.json, words in prompt.md",
        f"next: {COMMAND} init --check {suite}; then {RUN} --suite schet --dry-run",
    ]
    assert journey.list_lines("check")[-2:] == [
        "0 of 30 references are verified by a person",
        f"{suite}: 30 of 30 documents have a reference, and each scores 1.0 against itself",
    ]


def test_plan_says_what_the_rule_takes(journey: Journey) -> None:
    assert "cannot be shown with 4 groups of supplier" in journey.said["plan with groups"]
    assert journey.list_lines("plan")[:5] == [
        "schet: 30 documents, 30 with a reference",
        "  candidates that can run here: today (default), reader (default), served",
        "    (default)",
        "  schet: field_f1: 0.8 can be shown with 30: 14 without an error at the least,",
        "    19 with 3 candidates",
    ]


def test_the_pipeline_is_not_judged_by_its_own_files(journey: Journey) -> None:
    step = "first run"
    assert journey.statuses[step] == 0
    assert f"today: all 30 left out: {OWN}" in journey.said[step]
    assert journey.list_lines(step, "today  ") == [], "no row of figures"
    words = [line.split(":")[0] for line in journey.list_lines(step, "; max_error_rate 0")]
    assert words == ["served (default)", "reader (default)"]
    assert journey.list_lines(step)[-4].startswith("Chosen: served (default), reader (default).")
    folder = journey.runs[step]
    markdown = (folder / "report.md").read_text("utf-8")
    assert f"### Not judged\n\n- today (default): {OWN}" in markdown
    assert "Not run" not in markdown
    assert (folder / "report.html").read_text("utf-8").count('"own_reference":true') == COUNT


def test_references_that_are_wrong_are_named_where_they_are_and_with_why(journey: Journey) -> None:
    total, date, tax_id = (f"  {row[0]} {row[1]} = {row[2]!r}: " for row in (TOTAL, DATE, TAX_ID))
    lines = journey.list_lines("first run")
    (first,) = (index for index, line in enumerate(lines) if "are doubtful" in line)
    assert lines[first : first + 6] == [
        f"3 values of the references are doubtful; {COMMAND} corrections last lists them:",
        f"{total}2 families say {TOTAL[3]!r}; net 4 000,00 and tax 800,00 do not make {TOTAL[2]}",
        f"{tax_id}2 families say {TAX_ID[3]!r}; no ИНН (the number's checksum or check digit is"
        " invalid)",
        f"{date}2 families say {DATE[3]!r}",
        "  without them: reader (default) F1 1.000",
        "  without them: served (default) F1 1.000",
    ]
    assert lines[-4].endswith("off in all; next: check 3 doubtful references.")


def test_corrections_of_the_page_and_of_the_file_are_one_file(journey: Journey) -> None:
    run = journey.runs["first run"].name
    lines = journey.list_lines("corrections")
    assert [line.split(" ")[0] for line in lines[:3]] == [TOTAL[0], TAX_ID[0], DATE[0]]
    assert lines[3:] == [
        f"{journey.corrections}: 3 added, 3 in all, 3 to decide; fill in `verdict` and `right`,"
        " then run the benchmark again: its replies come from the cache",
        f"to look at them and decide: {COMMAND} corrections {run} --serve",
    ]
    page = journey.list_lines("page")
    assert page[0] == f"3 doubtful values; decisions are saved into {journey.corrections}"
    assert page[1].startswith("open http://127.0.0.1:")
    assert page[-1] == (
        f"{journey.corrections}: 3 decided; run the benchmark again: its replies come from the"
        " cache"
    )
    assert journey.list_lines("corrections again") == [
        "3 of 3 doubtful values are decided",
        f"{journey.corrections}: 0 added, 4 in all, 0 to decide; run the benchmark again: its"
        " replies come from the cache",
        f"to look at them and decide: {COMMAND} corrections {run} --serve",
    ]
    entries = {entry["document"]: entry for entry in json.loads(journey.corrections.read_text())}
    assert [entries[row[0]]["right"] for row in (TOTAL, DATE, TAX_ID)] == [
        TOTAL[3], DATE[3], TAX_ID[3],
    ]  # fmt: skip
    decided_by = {document: entry.get("decided_by") for document, entry in entries.items()}
    assert decided_by == {
        TOTAL[0]: "anna", DATE[0]: "anna", NUMBER[0]: "anna", TAX_ID[0]: None,
    }  # fmt: skip


def test_the_next_run_scores_by_the_corrections_and_doubts_none_of_them(journey: Journey) -> None:
    step = "corrected run"
    for document, path, before, after in (TOTAL, DATE, TAX_ID):
        line = f"corrections.json: {document} {path}: corrected from {before!r} to {after!r}"
        assert line in journey.list_lines(step)
    assert "doubtful" not in journey.said[step]
    rows = {line.split()[0]: line.split() for line in journey.list_lines(step, "  default  ")}
    right = {model: (row[2], row[4]) for model, row in rows.items()}
    assert right == {
        "today": ("0.986", "27/30"), "reader": ("1.000", "30/30"), "served": ("1.000", "30/30"),
    }  # fmt: skip


def test_a_pipeline_is_judged_once_a_person_has_verified_the_references(journey: Journey) -> None:
    step = "corrected run"
    assert "30 of 30 references are verified by a person" in journey.list_lines(step)
    assert OWN not in journey.said[step]
    assert "nobody has checked" not in journey.said[step]
    (word,) = journey.list_lines(step, "today (default), chosen: ")
    assert word.endswith("27 of 30 documents fully right; 3 fields read wrong; 1 total is wrong,"
                         " 5 199.00 RUB off in all; this is today's pipeline")  # fmt: skip
    assert f"{len(WRONG)} fields read wrong" in word


def test_decide_says_what_the_run_said(journey: Journey) -> None:
    for model in ("served", "reader", "today"):
        said = journey.read_reasons("corrected run", f"{model} (default): chosen; field_f1")
        assert said == journey.read_reasons("decide", f"{model}: chosen")
        assert said, "they cannot be told apart"


def test_a_changed_correction_blames_no_candidate(journey: Journey) -> None:
    step = "changed correction"
    assert journey.list_lines("accept") == [
        f"results/baseline.json: 3 candidates, 90 answers of {journey.runs['corrected run'].name}"
    ]
    assert journey.statuses[step] == 0
    left_out = f"left out (not comparable: {CHANGED}): {TOTAL[0]}"
    for model in ("today", "reader", "served"):
        assert f"{model} (default): {left_out}" in journey.list_lines(step)
        assert journey.list_lines(step, f"{model} (default): 29 documents compared with the")
    assert "regressed" not in journey.said[step]
    assert "90 passed in" in journey.list_lines(step)[-1]


def test_a_candidate_that_got_worse_is_named_and_the_run_fails(journey: Journey) -> None:
    step = "worse reader"
    assert journey.statuses[step] == 1
    assert [line.split(" fell")[0] for line in journey.list_lines(step, "regressed: ")] == [
        "reader (default): regressed: field_f1",
        "regressed: reader",  # pytest's last line, which says no more
    ]
    (lost,) = journey.list_lines(step, ": lost ")
    assert lost.startswith("reader (default): lost Итого.Всего on ")
    assert lost.endswith(" and 22 more")
    assert "90 passed, 1 regressed in" in journey.list_lines(step)[-2]
    assert journey.list_lines(step)[-1] == "regressed: reader"
    (word,) = journey.list_lines(step, "reader (default), needs more data: 0 of 30 documents")
    assert word.endswith("worse than today's pipeline")


def test_the_report_is_in_russian_in_each_form(journey: Journey) -> None:
    run = journey.runs["corrected run"].name
    for form in ("html", "md", "csv"):
        assert journey.list_lines(form) == [f"{journey.folder}/report-{form}/report.{form}"]
    markdown = (journey.folder / "report-md/report.md").read_text("utf-8")
    assert markdown.startswith(f"# Прогон {run}\n")
    assert "полностью верно 30 из 30 документов" in markdown
    assert "| reader | default | 1,000 |" in markdown
    page = (journey.folder / "report-html/report.html").read_text("utf-8")
    assert '<html lang="ru"' in page
    assert "полностью верно 30 из 30 документов" in page


def test_what_is_carried_away_starts_without_the_suite(journey: Journey) -> None:
    lines = journey.list_lines("export")
    assert lines[0].startswith("handover/served: served with prompt default; try it: ")
    assert lines[1] == "handover/served/README.md says how to start it elsewhere"
    hint = lines[0].partition("try it: ")[2].removesuffix(" FILE")
    python, script = shlex.split(hint)
    done = subprocess.run(
        [python, "-I", script, "--help"], cwd=journey.folder, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "INVOICE" in done.stdout


def test_clean_leaves_nothing_of_a_run(journey: Journey) -> None:
    run = journey.runs["worse reader"]
    (line,) = journey.list_lines("clean")
    assert line.startswith(f"deleted results/{run.name} (")
    assert line.endswith(" checks of references")
    assert not run.exists()
    assert list((journey.folder / "cache/replies").rglob("*.json")) == []
    assert list((journey.folder / "cache/checks").iterdir()) == []
    assert journey.corrections.exists()
