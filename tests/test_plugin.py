"""pytest tests/test_plugin.py: each option, as a user types it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.projects import RUN, calls_of, echo, records_of, run_folder_of, write_project
from tests.suites import REFERENCE, write_suite
from vlm_lab.cli.main import main

WRONG = {"invoice_number": "A-71", "totals": {"gross": "119,00"}}


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest("benchmarks", "-p", "no:cacheprovider", *options)


def test_a_case_is_written_as_it_ends_wrong_values_fail_no_test(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo(answer=WRONG))
    run(pytester).assert_outcomes(passed=3)
    folder = run_folder_of(pytester.path)
    record = json.loads((folder / "m" / "inv_1.json").read_text())
    assert record == records_of(folder)[0]
    assert [field["outcome"] for field in record["fields"]] == ["wrong", "normalized"]
    assert json.loads(record["raw_response"]) == WRONG
    assert record["prompt"].startswith("Answer as {")
    assert (record["page_indices"], record["pages_total"], record["status"]) == ([0], 1, "ok")
    assert record["elapsed_seconds"] > 0
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "m" / "inv_1.json").stat().st_mode & 0o777 == 0o600


def test_ids_are_model_prompt_document_in_the_files_order_and_k_selects(
    pytester: pytest.Pytester,
) -> None:
    prompts = "prompts: {terse: {text: 'JSON: {{ schema }}'}}\n"
    write_project(
        pytester.path, prompts + "models:\n" + echo("b", ", prompts: [default, terse]") + echo("a")
    )
    result = run(pytester, "--collect-only", "-q")
    ids = [line.partition("::")[2] for line in result.outlines if "::" in line]
    assert ids[:3] == [f"test_invoice[b-default-inv_{n}]" for n in (1, 2, 3)]
    assert [line.split("[")[1].split("-inv")[0] for line in ids[::3]] == [
        "b-default",
        "b-terse",
        "a-default",
    ]
    assert run(pytester, "-k", "terse and inv_2").parseoutcomes() == {"passed": 1, "deselected": 8}
    assert calls_of(pytester.path)[1] == "b: terse inv_2 1 pages (32, 32)"


def test_nothing_that_lies_among_documents_or_references_is_executed(
    pytester: pytest.Pytester,
) -> None:
    write_project(pytester.path, "models:\n" + echo("a"))
    for folder in ("documents", "references"):
        for name in ("conftest.py", "test_own.py", "__init__.py"):
            path = pytester.path / "benchmarks" / "invoices" / folder / name
            path.write_text(f"raise SystemExit({folder!r})")
    run(pytester).assert_outcomes(passed=3)


def test_what_a_failed_cases_teardown_printed_is_shown_and_durations_are_of_all(
    pytester: pytest.Pytester,
) -> None:
    write_project(pytester.path, "models:\n" + echo("a"))
    pytester.makeconftest(
        "import pytest\n"
        "@pytest.fixture(autouse=True)\n"
        "def noisy(request):\n"
        "    yield\n"
        "    print('said by', request.node.name)\n"
    )
    test = pytester.path / "benchmarks" / "test_invoices.py"
    test.write_text(test.read_text() + "    assert document.id != 'inv_1'\n")
    result = run(pytester, "--durations=0", "--durations-min=0", "-vv")
    for phase in ("setup", "teardown"):
        assert sum(f"s {phase} " in line for line in result.outlines) == 3
    result = run(pytester)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["said by test_invoice[[]a-default-inv_1]"])


def test_tests_that_passed_are_counted_and_named_where_that_is_asked_for(
    pytester: pytest.Pytester,
) -> None:
    write_project(pytester.path, "models:\n" + echo("a"))
    result = run(pytester, "-rp")
    result.assert_outcomes(passed=3)
    named = [line for line in result.outlines if line.startswith("PASSED ")]
    assert [line[-6:-1] for line in named] == ["inv_1", "inv_2", "inv_3"]
    printing = (
        "\n@pytest.fixture(autouse=True)\ndef noisy(request):\n    print(request.node.name)\n"
    )
    pytester.makeconftest("import pytest\n" + printing)
    result = run(pytester, "-rP")
    said = [line for line in result.outlines if line.startswith("test_invoice[")]
    assert [line[-6:-1] for line in said] == ["inv_1", "inv_2", "inv_3"]


def test_memory_of_a_passed_test_holds_no_report_of_its_own(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo("a"))
    pytester.makeconftest(
        "def pytest_terminal_summary(terminalreporter):\n"
        "    reports = terminalreporter.stats['passed']\n"
        "    print('kept', len(reports), 'of which', len({id(each) for each in reports}))\n"
    )
    # The last is dropped when the next begins.
    run(pytester).stdout.fnmatch_lines(["kept 3 of which 2"])


def test_tests_in_a_folder_of_documents_that_is_no_suites_are_found(
    pytester: pytest.Pytester,
) -> None:
    write_project(pytester.path, "models:\n" + echo("a"))
    folder = pytester.path / "benchmarks" / "documents"
    folder.mkdir()
    (folder / "test_own.py").write_text("def test_own(): pass")
    run(pytester).assert_outcomes(passed=4)


def test_other_prompts_have_folders_of_their_own(pytester: pytest.Pytester) -> None:
    prompts = "prompts: {terse: {text: 'JSON: {{ schema }}'}}\n"
    write_project(pytester.path, prompts + "models:\n" + echo("b", ", prompts: [default, terse]"))
    run(pytester, "--prompt", "terse").assert_outcomes(passed=3)
    assert sorted(path.name for path in run_folder_of(pytester.path).glob("b*")) == ["b@terse"]


def test_a_model_is_loaded_once_and_freed_before_the_next(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo("a") + echo("b"))
    other = pytester.path / "benchmarks" / "test_receipts.py"
    other.write_text((pytester.path / "benchmarks" / "test_invoices.py").read_text())
    write_suite(pytester.path / "benchmarks" / "receipts", {"r_1": REFERENCE})
    run(pytester, "--replies=off").assert_outcomes(passed=8)
    events = [line for line in calls_of(pytester.path) if line.endswith(("load", "close"))]
    assert events == ["a: load", "a: close", "b: load", "b: close"]
    assert (run_folder_of(pytester.path) / "receipts" / "a" / "r_1.json").exists()


def test_the_harness_failing_is_a_failed_test_and_a_record_with_its_reason(
    pytester: pytest.Pytester,
) -> None:
    write_project(pytester.path, "models:\n" + echo(fails=["inv_2"]) + echo("gone", missing=True))
    result = run(pytester)
    result.assert_outcomes(passed=2, failed=1, skipped=3)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["needs 9 GB, has 8 GB"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*echo.py*")
    cells = {
        (row["model"], row["document"]): row for row in records_of(run_folder_of(pytester.path))
    }
    assert len(cells) == 6
    assert cells["m", "inv_2"]["error"] == {
        "type": "OutOfMemory",
        "message": "needs 9 GB, has 8 GB",
        "reason": None,
    }
    assert cells["m", "inv_2"]["status"] == "error"
    assert {row["status"] for (model, _), row in cells.items() if model == "gone"} == {"skipped"}
    assert "vlm-lab weights fetch gone" in cells["gone", "inv_1"]["error"]["message"]
    assert calls_of(pytester.path).count("gone: load") == 1


def test_a_broken_document_costs_its_own_cells_alone(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo())
    (pytester.path / "benchmarks/invoices/documents/broken.pdf").write_bytes(
        b"%PDF-1.4 and nothing that follows"
    )
    result = run(pytester)
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*broken.pdf: is not a readable PDF*"])
    step = "replace broken.pdf and go on with the run, or leave it out and start another:"
    result.stdout.fnmatch_lines([f"*next: {step} 1 document cannot be read: * --resume *"])
    result.stdout.fnmatch_lines([f"{step} 1 document cannot be read: * --resume *"])
    result.stdout.no_fnmatch_line("*go on with:*")


def test_replies_use_refresh_only_off(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo())
    asked = [3, 0, 3, 0, 3]
    for mode, expected in zip(("use", "use", "refresh", "only", "off"), asked, strict=True):
        (pytester.path / "calls.txt").unlink(missing_ok=True)
        result = run(pytester, f"--replies={mode}", "--output-dir", f"out-{mode}-{expected}")
        result.assert_outcomes(passed=3)
        assert sum("inv_" in line for line in calls_of(pytester.path)) == expected, mode
    (cached,) = (pytester.path / "out-use-0").glob("2*")
    (fresh,) = (pytester.path / "out-use-3").glob("2*")
    again, first = records_of(cached)[0], records_of(fresh)[0]
    assert (first["cached"], again["cached"]) == (False, True)
    assert again["elapsed_seconds"] == first["elapsed_seconds"], (
        "a cached reply keeps the seconds it was measured with"
    )
    result = run(pytester, "--replies=only", "--max-pages=1", "--output-dir=out-missing")
    result.assert_outcomes(skipped=3)


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ("rename", 0),
        ("reference", 0),
        ("pixels", 1),
        ("prompt", 3),
        ("temperature", 3),
        ("dpi", 3),
        ("revision", 3),
        ("backend_kwargs", 3),
    ],
)
def test_a_reply_is_found_by_all_that_decided_it_and_nothing_else(
    pytester: pytest.Pytester, change: str, asked: int
) -> None:
    write_project(pytester.path, "models:\n" + echo())
    run(pytester).assert_outcomes(passed=3)
    (pytester.path / "calls.txt").unlink()
    suite = pytester.path / "benchmarks/invoices"
    if change == "rename":
        (suite / "documents/inv_1.png").rename(suite / "documents/other.png")
    elif change == "reference":
        (suite / "references/inv_1.json").write_text('{"invoice_number": "B"}')
    elif change == "pixels":
        from PIL import Image

        Image.new("RGB", (32, 32), "black").save(suite / "documents/inv_1.png")
    elif change == "prompt":
        (suite / "prompt.md").write_text("Please answer as {{ schema }}")
    else:
        extra = {
            "temperature": ", generation_kwargs: {temperature: 0.5}",
            "dpi": ", dpi: 99",
            "revision": ", revision: x",
        }
        text = echo(
            extra=extra.get(change, ""),
            **({"seconds": 0.001} if change == "backend_kwargs" else {}),
        )
        (pytester.path / "models.yaml").write_text("models:\n" + text)
    # The files of a run are hashed once per process, and pytester runs in this one.
    from vlm_lab.suite import pages

    pages.compute_sha256.cache_clear()
    run(pytester).assert_outcomes(passed=3)
    assert sum("inv_" in line or "other" in line for line in calls_of(pytester.path)) == asked


def test_rounds_are_all_kept_and_the_median_counts(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo(), {"inv_1": REFERENCE})
    run(pytester, "--rounds=3", "--benchmark-json=bench.json").assert_outcomes(passed=1)
    (record,) = records_of(run_folder_of(pytester.path))
    assert len(record["rounds"]) == 3
    assert record["elapsed_seconds"] == sorted(record["rounds"])[1]
    (bench,) = json.loads((pytester.path / "bench.json").read_text())["benchmarks"]
    assert bench["stats"]["rounds"] == 3


def test_dry_run_calls_no_model_and_marks_its_cases(pytester: pytest.Pytester) -> None:
    long = {"invoice_number": "A" * 900, "totals": {"gross": "1.00"}}
    models = "defaults: {generation_kwargs: {max_new_tokens: 256}}\nmodels:\n" + echo()
    write_project(pytester.path, models, {"inv_1": REFERENCE, "long": long})
    result = run(pytester, "--dry-run", "-m", "dry_run")
    result.assert_outcomes(passed=2)
    assert calls_of(pytester.path) == []
    first, _ = records_of(run_folder_of(pytester.path))
    assert (first["status"], first["raw_response"], first["prediction"]) == ("dry_run", None, None)
    assert first["dry_run"]["perfect"]["field_f1"] == 1.0
    assert first["dry_run"]["empty"]["missing"] == 2
    result.stdout.fnmatch_lines(["*long needs about * tokens, the limit is 256*"])


def test_dry_run_says_what_a_real_run_would_be(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo(seconds=0.2) + echo("none", no_weights=True))
    run(pytester, "-k", "inv_1 and m-default").assert_outcomes(passed=1, deselected=5)
    result = run(pytester, "--dry-run")
    result.assert_outcomes(passed=6)
    result.stdout.re_match_lines(
        [
            r"dry run: no model was called",
            r"m \(default\): 3 cases, 1 cached, about 1 visual tokens each, "
            r"about [01] s as in former runs",
            r"none \(default\): 3 cases, about 1 visual tokens each",
            r"no weights; vlm-lab weights fetch none",
        ],
        consecutive=False,
    )


def test_paths_models_files_status_sample_and_max_pages(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo("a", ", status: chosen") + echo("b"))
    write_suite(pytester.path / "else", {f"x_{n}": REFERENCE for n in range(6)})
    (pytester.path / "more.yaml").write_text("models:\n" + echo("c"))
    paths = [
        "--documents=else/documents",
        "--references=else/references",
        "--schema=else/schema.json",
    ]
    run(pytester, *paths, "--status=chosen").assert_outcomes(passed=6)
    assert {row["model"] for row in records_of(run_folder_of(pytester.path))} == {"a"}
    run(
        pytester, "--suite=else", "--models-file=more.yaml", "--sample=2", "--output-dir=out"
    ).assert_outcomes(passed=2)
    (folder,) = (pytester.path / "out").glob("2*")
    assert all(row["scores"]["field_f1"] == 1.0 for row in records_of(folder))


def test_resume_asks_only_what_is_missing_or_failed(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo())
    (pytester.path / "fails.txt").write_text("inv_2")
    result = run(pytester, "--replies=off")
    result.stdout.fnmatch_lines(["*--resume*"])
    (pytester.path / "calls.txt").unlink()
    (pytester.path / "fails.txt").unlink()
    run(pytester, "--resume=last", "--replies=off").assert_outcomes(passed=1, deselected=2)
    assert [line for line in calls_of(pytester.path) if "inv" in line] == [
        "m: default inv_2 1 pages (32, 32)"
    ]
    report = json.loads((run_folder_of(pytester.path) / "report.json").read_text())
    assert [row["status"] for row in report["records"]] == ["ok", "ok", "ok"]
    assert [row["document"] for row in report["records"]] == ["inv_1", "inv_2", "inv_3"]


def test_kill_in_the_middle_leaves_every_answer_and_resume_ends_as_if_nothing_had_been(
    pytester: pytest.Pytester,
) -> None:
    references = {f"inv_{n:02}": REFERENCE for n in range(40)}
    write_project(pytester.path, "models:\n" + echo(seconds=0.02), references)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "benchmarks",
        "-p",
        "no:cacheprovider",
        "--replies=off",
    ]
    process = subprocess.Popen(command, cwd=pytester.path, stdout=subprocess.DEVNULL)
    try:
        while len([line for line in calls_of(pytester.path) if "inv" in line]) < 26:
            assert process.poll() is None
            time.sleep(0.005)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    folder = run_folder_of(pytester.path)
    assert len(records_of(folder)) >= 25
    assert all(json.loads(path.read_text())["raw_response"] for path in folder.glob("m/*.json"))
    with (folder / "records.jsonl").open("a") as file:
        file.write('{"case": "torn')
    run(pytester, "--resume=last", "--replies=off")
    run(pytester, "--replies=off", "--output-dir=whole").assert_outcomes(passed=40)
    (whole,) = (pytester.path / "whole").glob("2*")
    resumed, unbroken = (json.loads((path / "report.json").read_text()) for path in (folder, whole))
    strip = ("elapsed_seconds", "rounds", "measured_at")
    for report in (resumed, unbroken):
        for row in report["records"]:
            for key in strip:
                row.pop(key)
    assert resumed["records"] == unbroken["records"]


def test_the_gate_says_which_fields_on_which_documents_and_exits_1(
    pytester: pytest.Pytester,
) -> None:
    references = {f"inv_{n:02}": REFERENCE for n in range(30)}
    write_project(pytester.path, "models:\n" + echo(), references)
    run(pytester).assert_outcomes(passed=30)
    baseline = pytester.path / "results" / "baseline.json"
    assert main(["accept", "last", "--output-dir", str(pytester.path / "results")]) == 0
    assert "A-17" not in baseline.read_text(), "a baseline holds no values"
    assert run(pytester, "--baseline=results/baseline.json").ret == 0
    worse = {f"inv_{n:02}": WRONG for n in range(0, 30, 2)}
    (pytester.path / "models.yaml").write_text("models:\n" + echo(answers=worse))
    result = run(pytester, "--baseline=results/baseline.json", "--junitxml=junit.xml")
    assert result.ret == 1
    result.assert_outcomes(passed=30)
    result.stdout.fnmatch_lines(["baseline *: regressed", "*invoice_number*inv_00*"])
    assert read_counts(result) == "30 passed, 1 regressed"
    assert result.outlines[-1] == "regressed: m"
    newest = max((pytester.path / "results").glob("*/report.json"))
    gate = json.loads(newest.read_text())["gate"]
    assert (gate["status"], gate["baseline"]) == ("regressed", str(baseline))
    assert [line["kind"] for line in gate["lines"]] == [
        "gate_failures",
        "gate_lost",
        "gate_compared",
    ]
    assert read_junit(pytester.path / "junit.xml", "baseline") == {
        "no_worse[invoices-m-default]": "failure"
    }
    (pytester.path / "benchmarks/invoices/prompt.md").write_text("Another prompt {{ schema }}")
    result = run(pytester, "--baseline=results/baseline.json")
    assert result.ret == 6
    result.stdout.fnmatch_lines(["baseline *: not comparable", "*prompt*"])
    assert read_counts(result) == "30 passed, 1 not comparable"
    assert result.outlines[-1] == "not comparable: m"


def read_counts(result: pytest.RunResult) -> str:
    """What pytest counts at the end, without the seconds."""
    counts = [line for line in result.outlines if re.search(r" in \d+\.\d+s", line)]
    return counts[-1].strip("= ").split(" in ")[0]


def read_junit(path: Path, class_name: str) -> dict[str, str]:
    """The test cases of a class, each with what came of it."""
    cases = ElementTree.parse(path).iter("testcase")  # noqa: S314 - our own
    return {
        case.attrib["name"]: "".join(child.tag for child in case)
        for case in cases
        if case.attrib["classname"] == class_name
    }


def test_each_candidate_of_a_baseline_is_a_test_of_its_own(pytester: pytest.Pytester) -> None:
    """And none that `--lf` or `-x` would know."""
    references = {f"inv_{n:02}": REFERENCE for n in range(20)}
    write_project(pytester.path, "models:\n" + echo("a") + echo("b") + echo("c"), references)
    run(pytester).assert_outcomes(passed=60)
    assert main(["accept", "last", "--output-dir", str(pytester.path / "results")]) == 0
    entries = echo("a", answer=WRONG) + echo("b") + echo("c", ", prompts: [other]")
    prompts = "prompts: {other: {text: 'x {{ schema }}'}}\n"
    (pytester.path / "models.yaml").write_text(prompts + "models:\n" + entries)
    options = ("--baseline=results/baseline.json", "--junitxml=junit.xml", "-x")
    result = pytester.runpytest("benchmarks", *options)
    assert result.ret == 1
    assert read_junit(pytester.path / "junit.xml", "baseline") == {
        "no_worse[invoices-a-default]": "failure",
        "no_worse[invoices-b-default]": "",
    }
    assert read_counts(result) == "60 passed, 1 regressed"
    assert result.outlines[-1] == "regressed: a"
    assert "stopping after" not in result.stdout.str()
    assert not (pytester.path / ".pytest_cache" / "v" / "cache" / "lastfailed").exists()


@pytest.mark.parametrize(
    ("entries", "options", "failing", "counts"),
    [
        (echo("here") + echo("gone", missing=1), (), "", "3 passed, 3 skipped"),
        (
            echo("here") + echo("gone", missing=1),
            ("--fail-on-skip",),
            "gone",
            "3 passed, 3 skipped, 1 not measured",
        ),
        (echo("gone", missing=1), ("--fail-on-skip",), "gone", "3 skipped, 1 not measured"),
        (echo("here"), ("--fail-on-skip",), "", "3 passed"),
        (echo("gone", missing=1), ("--fail-on-skip", "--dry-run"), "", "3 passed"),
        (
            echo("partly", ", only: {supplier: [A]}"),
            ("--fail-on-skip",),
            "partly",
            "3 skipped, 1 not measured",
        ),
    ],
)
def test_a_candidate_that_was_skipped_throughout_can_fail_the_run(
    pytester: pytest.Pytester, entries: str, options: tuple[str, ...], failing: str, counts: str
) -> None:
    write_project(pytester.path, "models:\n" + entries)
    result = run(pytester, *options, "--junitxml=junit.xml")
    assert result.ret == bool(failing)
    assert read_counts(result) == counts
    assert (result.outlines[-1] == f"not measured: {failing}") == bool(failing)
    failed = [
        name
        for name, outcome in read_junit(pytester.path / "junit.xml", "skips").items()
        if outcome == "failure"
    ]
    assert len(failed) == bool(failing)


def test_ctrl_c_leaves_a_report_and_the_command_that_goes_on(pytester: pytest.Pytester) -> None:
    write_project(
        pytester.path, "models:\n" + echo(seconds=0.2), {f"inv_{n}": REFERENCE for n in range(30)}
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "benchmarks",
        "-p",
        "no:cacheprovider",
        "-k",
        "m-default",
    ]
    process = subprocess.Popen(command, cwd=pytester.path, stdout=subprocess.PIPE, text=True)
    while len(calls_of(pytester.path)) < 4:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    folder = run_folder_of(pytester.path)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert f"go on with: {RUN} -p no:cacheprovider -k m-default --resume {folder.name}" in output
    (summary,) = json.loads((folder / "report.json").read_text())["summaries"]
    assert summary["statuses"]["ok"] == len(records_of(folder)) < 30
    assert sum(summary["statuses"].values()) == 30, "what was not run is in the report, too"
    assert "not run" in output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--models-file=none.yaml"], "none.yaml: cannot be read"),
        (["--documents=nowhere"], "nowhere: no such folder of documents"),
        (["--references=nowhere"], "nowhere: no such folder of references"),
        (["--prompt=ters"], "no prompt 'ters'"),
        (["--baseline=none.json"], "none.json: cannot be read"),
        (["--rounds=0"], "must be a whole number of 1 or more"),
        (["--resume=2020"], "no run '2020'"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_4(
    pytester: pytest.Pytester, options: list[str], said: str
) -> None:
    write_project(pytester.path, "models:\n" + echo())
    result = run(pytester, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in result.stdout.str() + result.stderr.str()
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_what_lies_beside_the_documents_is_not_obeyed(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo())
    foreign = pytester.path / "pipeline"
    write_suite(foreign, {"x": REFERENCE})
    (foreign / "documents/conftest.py").write_text("raise RuntimeError('executed')")
    (foreign / "documents/pyproject.toml").write_text(
        "[tool.pytest.ini_options]\naddopts = '--nonsense'"
    )
    (foreign / "conftest.py").write_text("raise RuntimeError('executed')")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        "../pytest.ini",
        "--rootdir",
        "..",
        "../benchmarks",
    ]
    command += ["--documents", "documents", "--references", "references", "-p", "no:cacheprovider"]
    before = sorted(path.name for path in foreign.rglob("*"))
    done = subprocess.run(command, cwd=foreign, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(records_of(run_folder_of(pytester.path))) == 1
    assert sorted(path.name for path in foreign.rglob("*") if path.name != "calls.txt") == before


@pytest.mark.parametrize("start", ["its own folder", "the parent's root"])
def test_it_lives_inside_another_project_and_changes_nothing_there(
    pytester: pytest.Pytester, start: str
) -> None:
    parent, project = pytester.path, pytester.path / "vlm"
    (parent / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    (parent / "conftest.py").write_text("raise RuntimeError('executed')")
    (parent / "requirements.txt").write_text("nothing-of-ours==1\n")
    project.mkdir()
    write_project(project, "models:\n" + echo())
    before = sorted(path.as_posix() for path in parent.rglob("*") if project not in path.parents)
    options = ["-c", "vlm/pytest.ini", "--rootdir", "vlm", "vlm/benchmarks"]
    command = ["benchmarks"] if start == "its own folder" else options
    folder = project if start == "its own folder" else parent
    command = [sys.executable, "-m", "pytest", *command]
    environment = {
        **os.environ,
        "HOME": str(project / "home"),
    }  # matplotlib keeps its fonts' list at home
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(records_of(run_folder_of(project))) == 3
    after = sorted(path.as_posix() for path in parent.rglob("*") if project not in path.parents)
    assert [path for path in after if not path.endswith("calls.txt")] == before


def test_nothing_heavy_is_imported_at_collection_or_in_a_dry_run(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo())
    (pytester.path / "conftest.py").write_text(
        "import sys\n"
        "def pytest_unconfigure():\n"
        "    heavy = {'torch', 'transformers', 'onnxruntime', 'matplotlib', 'pandas', 'rapidocr'}\n"
        "    heavy |= {'numpy', 'scipy', 'deepdiff'} if '--collect-only' in sys.argv else set()\n"
        "    print('heavy:', sorted(heavy & set(sys.modules)))\n"
    )
    for option in ("--collect-only", "--dry-run"):
        result = pytester.runpytest_subprocess("benchmarks", option, "-s")
        result.stdout.fnmatch_lines(["heavy: []"])


def test_what_a_report_is_drawn_with_is_imported_while_models_answer(
    pytester: pytest.Pytester,
) -> None:
    """Where there are documents enough for a plot."""
    references = {f"inv_{number}": REFERENCE for number in range(5)}
    write_project(pytester.path, "models:\n" + echo(), references)
    (pytester.path / "conftest.py").write_text(
        "import sys, time\n"
        "import pytest\n"
        "@pytest.hookimpl(tryfirst=True)\n"
        "def pytest_sessionfinish():\n"
        "    deadline = time.monotonic() + 60\n"
        "    while 'matplotlib.figure' not in sys.modules and time.monotonic() < deadline:\n"
        "        time.sleep(0.1)\n"
        "    drawn_with = {'matplotlib.figure', 'scipy.special'} & {*sys.modules}\n"
        "    print('drawn with:', *sorted(drawn_with))\n"
    )
    result = pytester.runpytest_subprocess("benchmarks", "-s")
    result.stdout.fnmatch_lines(["*drawn with: matplotlib.figure scipy.special"])


@pytest.mark.parametrize("options", [[], ["-n", "1", "--dist", "loadgroup"]])
@pytest.mark.parametrize("count", [1, 3])
def test_the_disk_is_full(pytester: pytest.Pytester, count: int, options: list[str]) -> None:
    """It is said of a record while the next case is asked, or at the end."""
    references = {f"inv_{number}": REFERENCE for number in range(count)}
    write_project(pytester.path, "models:\n" + echo(), references)
    (pytester.path / "conftest.py").write_text(
        "import vlm_lab.records.run_folder as r, errno, os\n"
        "def full(fd): raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "r.os = type('os', (), {**vars(os), 'fsync': staticmethod(full)})\n"
    )
    result = pytester.runpytest_subprocess("benchmarks", *options)
    assert result.ret == 1
    said = result.stdout.str() + result.stderr.str()
    assert "cannot be written (No space left on device)" in said
    assert "Traceback" not in said
    assert "INTERNALERROR" not in said


def test_a_warning_of_a_library_ends_nothing(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo())
    warns = "import warnings\nwarnings.warn('this format is old', DeprecationWarning)\n"
    echo_file = pytester.path / "echo.py"
    echo_file.write_text(
        echo_file.read_text().replace("import json, time", f"import json, time\n{warns}", 1)
    )
    hook = (
        "import warnings\n"
        "def pytest_sessionfinish(): warnings.warn('odd picture', RuntimeWarning)\n"
    )
    (pytester.path / "conftest.py").write_text(hook)
    run(pytester).assert_outcomes(passed=3)
    assert (run_folder_of(pytester.path) / "report.html").exists()


def test_a_schema_calls_code_only_where_models_yaml_allows_it(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, "models:\n" + echo())
    own_types = (
        "from pathlib import Path\n"
        "def code(value, conventions):\n"
        "    Path('called').touch()\n"
        "    return str(value)\n"
    )
    (pytester.path / "own_types.py").write_text(own_types)
    schema = pytester.path / "benchmarks" / "invoices" / "schema.json"
    schema.write_text(schema.read_text().replace('"identifier"', '"own_types:code"'))
    refused = run(pytester)
    assert refused.ret == 4
    refused.stdout.fnmatch_lines(
        "*schema.json: invoice_number: field type 'own_types:code' is code of your own*"
    )
    assert not (pytester.path / "called").exists()
    (pytester.path / "models.yaml").write_text(
        "plugins: [own_types]\nmodels:\n" + echo(answer=WRONG)
    )
    run(pytester).assert_outcomes(passed=3)
    assert (pytester.path / "called").exists()


def write_odd_pdf(path: Path, crop_box: tuple[int, int, int, int] | None, baseline: int) -> None:
    """A page that says its amount at a height of `baseline`, perhaps cropped beside it."""
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), pagesize=(300, 400))
    if crop_box:
        canvas.setCropBox(crop_box)
    canvas.drawString(40, baseline, "119.00")
    canvas.save()


def test_what_one_document_raises_costs_its_picture_not_the_report(
    pytester: pytest.Pytester,
) -> None:
    write_project(
        pytester.path, "models:\n  - {name: old, backend: replay, model_id: answers.jsonl}\n"
    )
    documents = pytester.path / "benchmarks" / "invoices" / "documents"
    for name, crop_box, baseline in (
        ("inv_1", (1000, 1000, 1200, 1200), 200),
        ("inv_2", None, -60),
    ):
        (documents / f"{name}.png").unlink()
        write_odd_pdf(documents / f"{name}.pdf", crop_box, baseline)
    lines = [json.dumps({"id": f"inv_{number}", "prediction": WRONG}) for number in (1, 2, 3)]
    (pytester.path / "answers.jsonl").write_text("\n".join(lines))
    run(pytester).assert_outcomes(passed=3)
    folder = run_folder_of(pytester.path)
    assert {path.name for path in folder.glob("report.*")} == {
        "report.json",
        "report.md",
        "report.html",
    }
    drawn = sorted(path.name for path in (folder / "report_files" / "pages").iterdir())
    assert drawn == [f"invoices--inv_{number}-1.jpg" for number in (1, 2, 3)]


def test_a_document_that_cannot_be_shown_is_an_error_of_its_own(
    pytester: pytest.Pytester,
) -> None:
    """One page is shown whole, because its crop box lies beside it; one document is none."""
    write_project(pytester.path, "models:\n" + echo())
    documents = pytester.path / "benchmarks" / "invoices" / "documents"
    (documents / "inv_1.png").unlink()
    write_odd_pdf(documents / "inv_1.pdf", (1000, 1000, 1200, 1200), 200)
    (documents / "inv_2.png").unlink()
    (documents / "inv_2.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog")
    run(pytester).assert_outcomes(passed=2, failed=1)
    rows = {row["document"]: row for row in records_of(run_folder_of(pytester.path))}
    assert "crop_box_ignored" in str(rows["inv_1"]["notes"])
    assert rows["inv_2"]["status"] == "error"
    assert rows["inv_2"]["error"]["message"].startswith("inv_2.pdf: ")


def test_workers_of_xdist_are_refused_with_the_line_that_works(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    write_project(pytester.path, "models:\n" + echo())
    for option in (["-n", "2"], ["-n2"], ["--numprocesses=2", "--dist", "load"]):
        refused = run(pytester, *option, "-k", "inv_1")
        assert refused.ret == 4
        commands = re.findall(f"not for them; type: ({RUN} .*)", refused.stderr.str())
        assert "-p no:cacheprovider -k inv_1" in commands[0]
        assert not re.search(" -n|--dist|numproc", " ".join(commands))
        assert not (pytester.path / "results").exists()
