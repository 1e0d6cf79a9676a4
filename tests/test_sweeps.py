"""pytest tests/test_sweeps.py: `--sweep` through a whole run: report, resume, cache, words."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.projects import calls_of, echo, records_of, run_folder_of, write_project
from tests.suite.rendering.made_pdfs import draw_text, make_pdf
from tests.suites import REFERENCE
from vlm_lab.cli.main import main

# Reads what is printed large at any dpi, and the total from 100 dpi on.
READER = """
from echo import Echo
class Reader(Echo):
    def generate(self, prompt):
        dpi, quality = self.model.dpi or 150, self.settings.get("quality", 9)
        total = "119.00" if dpi >= 100 and quality > 1 else "119.90"
        self.settings["seconds"] = dpi / 5000
        self.settings["answer"] = {"invoice_number": "A-17", "totals": {"gross": total}}
        return super().generate(prompt)
"""
DPI_NAMES = ["reader+dpi-75", "reader+dpi-100", "reader+dpi-200"]


def write_reader(folder: Path, extra: str = "", documents: int = 12) -> None:
    names = [f"inv_{number:02}" for number in range(documents)]
    models = echo("reader", quality=9).replace("echo:Echo", "reader:Reader")
    write_project(folder, "models:\n" + models + extra, dict.fromkeys(names, REFERENCE))
    (folder / "reader.py").write_text(READER)


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest("benchmarks", *options)


def read_report(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((run_folder_of(folder) / "report.json").read_text())
    return report


def test_a_setting_is_swept_from_the_command_line_to_every_form_of_the_report(
    pytester: pytest.Pytester,
) -> None:
    write_reader(pytester.path)
    result = run(pytester, "--sweep", "dpi=200,75,100")
    result.assert_outcomes(passed=36)
    result.stdout.fnmatch_lines(["reader (default): dpi 100 is the best of 3, and each cheaper*"])
    report = read_report(pytester.path)
    (curve,) = report["sweeps"]
    assert [point["value"] for point in curve["points"]] == [75, 100, 200]
    assert [point["model"] for point in curve["points"]] == DPI_NAMES
    assert [point["is_worse"] for point in curve["points"]] == [True, False, False]
    assert [point["score"]["value"] for point in curve["points"]] == [0.5, 1.0, 1.0]
    assert all(point["median_seconds"] for point in curve["points"])
    folder = run_folder_of(pytester.path)
    markdown = (folder / "report.md").read_text()
    assert "### Sweep of dpi: reader (default)" in markdown
    assert re.search(r"\| 75 \| 0\.500 \| .* \| 12/12 \| worse \|", markdown)
    page = (folder / "report.html").read_text()
    assert page.count("Sweep of dpi: reader (default)") > 2, "the heading, the table, the plot"
    assert "64 visual tokens" in page
    assert curve["cheapest"] == 100


def test_k_finds_one_value_and_a_dry_run_plans_all(pytester: pytest.Pytester) -> None:
    write_reader(pytester.path, echo("other"), documents=2)
    sweep = ["--sweep", "dpi=75,100"]
    run(pytester, *sweep, "-k", "reader+dpi-100", "--output-dir=one").assert_outcomes(passed=2)
    dry = run(pytester, *sweep, "--dry-run", "--output-dir=dry")
    dry.assert_outcomes(passed=8)
    dry.stdout.fnmatch_lines(["*reader+dpi-75 (default): 2 cases*", "*other+dpi-100 (default)*"])
    assert not [line for line in calls_of(pytester.path) if "dpi-75" in line]


def test_a_model_to_which_it_means_nothing_is_not_asked_and_said(pytester: pytest.Pytester) -> None:
    write_reader(pytester.path, echo("other"), documents=2)
    for dry in ([], ["--dry-run"]):
        result = run(pytester, "--sweep", "quality=1,2", f"--output-dir=out{len(dry)}", *dry)
        result.assert_outcomes(passed=4, skipped=2)
        reason = "other: --sweep quality: means nothing to backend echo:Echo"
        result.stdout.fnmatch_lines([reason])
        (folder,) = (pytester.path / f"out{len(dry)}").glob("2*")
        (other,) = {
            row["error"]["message"] for row in records_of(folder) if row["model"] == "other"
        }
        assert other == reason
    assert not [line for line in calls_of(pytester.path) if line.startswith("other")]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--sweep", "qualty=1,2"], "no numeric setting|numeric setting 'qualty'; did you mean"),
        (["--sweep", "dpi=1,x"], "argument --sweep: dpi: 'x' is no number"),
        (["--sweep", "dpi=1,2", "--sweep", "top_p=0,1"], "argument --sweep: one at a time"),
        (["--sweep", "max_pages=1,2", "--max-pages=3"], "--max-pages: --sweep says how many"),
    ],
)
def test_what_cannot_be_swept_ends_the_run(
    pytester: pytest.Pytester, typed: list[str], said: str
) -> None:
    write_reader(pytester.path, documents=1)
    result = run(pytester, *typed)
    assert result.ret == 4
    assert re.search(said, result.stdout.str() + result.stderr.str())
    assert not (pytester.path / "results").exists()


@pytest.mark.soak
def test_a_sweep_is_gone_on_with_and_its_replies_are_kept(pytester: pytest.Pytester) -> None:
    write_reader(pytester.path, documents=3)
    run(pytester, "--sweep", "dpi=75,100", "--maxfail=1")
    path = run_folder_of(pytester.path) / "records.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:4]))
    calls = len(calls_of(pytester.path))
    run(pytester, "--resume", "last").assert_outcomes(passed=2)
    assert len(records_of(run_folder_of(pytester.path))) == 6
    assert len(calls_of(pytester.path)) == calls, "the replies come from the cache"
    assert [point["documents"] for point in read_report(pytester.path)["sweeps"][0]["points"]] == [
        3,
        3,
    ]
    refused = run(pytester, "--resume", "last", "--sweep", "dpi=75,200")
    assert refused.ret == 4
    refused.stdout.fnmatch_lines(["*--sweep dpi=75,200: * began with dpi=75,100*"])
    wider = run(pytester, "--sweep", "dpi=75,100,200", "--output-dir=wider")
    wider.assert_outcomes(passed=9)
    (folder,) = (pytester.path / "wider").glob("2*")
    assert [row["cached"] for row in records_of(folder)] == [True] * 6 + [False] * 3


@pytest.mark.soak
def test_two_runs_of_one_setting_make_one_curve(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_reader(pytester.path, documents=6)
    for values in ("75,100", "150,200"):
        run(pytester, "--sweep", f"dpi={values}", f"--output-dir=of{values[:2]}")
    (first,), (second,) = ((pytester.path / name).glob("2*") for name in ("of75", "of15"))
    monkeypatch.chdir(pytester.path)
    assert main(["decide", str(first), str(second)]) in (0, None)
    assert "reader+dpi-200 (default)" in capsys.readouterr().out
    assert main(["report", str(first), "--with", str(second), "--format", "md"]) in (0, None)
    said = "".join(path.read_text() for path in second.glob("joined-*/report.md"))
    assert re.findall(r"^\| (\d+) \| [01]\.", said, re.MULTILINE) == ["75", "100", "150", "200"]


@pytest.mark.soak
def test_limits_of_pages_are_compared_on_the_same_values(pytester: pytest.Pytester) -> None:
    """A value on the second page counts where one page is shown, too."""
    write_reader(pytester.path, documents=1)
    documents = pytester.path / "benchmarks" / "invoices" / "documents"
    (documents / "inv_00.png").unlink()
    texts = [draw_text("Birke Metallbau, invoice A-17"), draw_text("Total 119.00 EUR")]
    make_pdf(documents / "inv_00.pdf", texts)
    alone = run(pytester, "--max-pages=1", "--output-dir=alone")
    alone.stdout.fnmatch_lines(["inv_00.pdf: stands on no page that is shown (1), not judged: *"])
    result = run(pytester, "--sweep", "max_pages=1,2", "--output-dir=both")
    result.assert_outcomes(passed=2)
    assert "not judged:" not in result.stdout.str()
    (folder,) = (pytester.path / "both").glob("2*")
    rows = records_of(folder)
    assert [row["page_indices"] for row in rows] == [[0], [0, 1]]
    outcomes = [[field["outcome"] for field in row["fields"]] for row in rows]
    assert outcomes[0] == outcomes[1]
    assert "unlabelled" not in outcomes[0]
