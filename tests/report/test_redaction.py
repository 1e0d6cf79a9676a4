"""pytest tests/report/test_redaction.py: what is shown to strangers has no value and no name."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.report.made import DOCUMENTS, write_run
from tests.test_messages import filled
from vlm_lab.cli.main import main
from vlm_lab.messages import MESSAGES
from vlm_lab.records.report_json import encode_json, read_report, read_report_records
from vlm_lab.report.formats import FORMATS, write_format
from vlm_lab.report.redaction import HIDDEN, REDACTED_FOLDER, write_redacted_report

MARK = "Zaunkoenig"


def write_secret_run(folder: Path) -> Path:
    """A run in which each text that anybody wrote has a word of its own in it."""
    run = write_run(folder)
    report = json.loads((run / "report.json").read_text())
    report["run"]["command"] = [MARK]
    report["run"]["options"][MARK] = MARK
    report["environment"][MARK] = MARK
    report["notes"] = [MARK, *_fill_messages()]
    for model in report["models"]:
        model |= {"model_id": MARK, "notes": MARK, "backend_kwargs": {"url": MARK}}
    for prompt in report["prompts"]:
        prompt["template"] = MARK
    for document in report["documents"]:
        document |= {"id": f"{MARK}-{document['id']}", "name": MARK, "path": f"/{MARK}.pdf"}
        document["tags"] = {"supplier": MARK, MARK: "1"}
    for record in report["records"]:
        record |= {"document": f"{MARK}-{record['document']}", "document_name": MARK}
        record |= {"raw_response": MARK, "prompt": MARK, "tags": {"supplier": MARK}}
        record |= {"reason": MARK, "case": MARK, "model_id": MARK, "revision": MARK}
        record |= {"prediction": {"a": MARK}, "diff": {MARK: MARK}}
        reading = {"reader": "eyes", "seconds": 1.5, "reply_key": MARK}
        record["page_text"] = {"text": MARK, "readings": [reading], "notes": _fill_messages()}
        if record["error"]:
            record["error"]["message"] = MARK
        for result in record["fields"]:
            result |= {"expected": MARK, "actual": result["actual"] and MARK}
    report["gate"] = {"status": "ok", "baseline": MARK, "run": "before", "lines": [MARK]}
    for summary in report["summaries"]:
        _hide_in_summary(summary)
    for decision in report["decisions"]:
        decision["reasons"] = {"evidence": _fill_messages(), "against": _fill_messages()}
    for comparison in report["comparisons"]:
        comparison["left_out"] = [f"{MARK}-one"]
    for suspect in report["suspects"]:
        suspect |= {"document": f"{MARK}-two", "reference": MARK, "reasons": _fill_messages()}
        suspect["said"] = {"sharp (default)": MARK}
    _write_report(run, report)
    return run


def _fill_messages() -> list[dict[str, Any]]:
    """Each sentence that there is, its names the secret word."""
    messages = json.loads(encode_json([filled(kind, 5) for kind in MESSAGES]))
    for message in messages:
        for name, figure in message["figures"].items():
            message["figures"][name] = MARK if figure == "7" else figure
    return list(messages)


def _hide_in_summary(summary: dict[str, Any]) -> None:
    summary["unanswered"] = {f"{MARK}-four": ["error", MARK]}
    summary["tags"] = {f"supplier={MARK}": summary["scores"]}
    example = {"document": f"{MARK}-one", "path": "a", "expected": MARK, "actual": MARK}
    summary["examples"] = {"misread": [example]}
    error = {"wrong": "47110815.00", "total": "47110815.00", "count": 1}
    summary["amount_error"] = {"totals.gross": {"EUR": error}}


def _write_report(run: Path, report: dict[str, Any]) -> None:
    lines = [
        f"{json.dumps(key)}: {json.dumps(value)}"
        for key, value in report.items()
        if key != "records"
    ]
    rows = ",\n".join(map(json.dumps, report["records"]))
    text = "{" + ",\n".join(lines) + f',\n"records": [\n{rows}\n]}}'
    (run / "report.json").write_text(text)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_secret_run(tmp_path_factory.mktemp("run") / "20260102T030405Z")


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("form", FORMATS)
def test_no_form_has_a_value_or_a_name(run: Path, form: str, language: str) -> None:
    write_format(form, run, language)
    folder = write_redacted_report(run)
    write_format(form, folder, language)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 1
    for path in files:
        content = path.read_bytes()
        for secret in (MARK, "47110815", "47 110 815", *(f"-{name}" for name in DOCUMENTS)):
            assert secret.encode() not in content, path
            assert secret not in str(path.relative_to(folder))


def test_figures_and_outcomes_stay(run: Path) -> None:
    folder = write_redacted_report(run)
    whole, redacted = read_report(run), read_report(folder)
    assert [each.scores for each in redacted.summaries] == [each.scores for each in whole.summaries]
    assert [each.verdict for each in redacted.decisions] == ["chosen", "rejected"]
    assert [each["name"] for each in redacted.documents] == ["1", "2", "3", "4"]
    pairs = zip(read_report_records(run), read_report_records(folder), strict=True)
    for before, after in pairs:
        assert (before.candidate, before.status) == (after.candidate, after.status)
        for result, hidden in zip(before.fields, after.fields, strict=True):
            assert (result.path, result.outcome) == (hidden.path, hidden.outcome)
            assert hidden.actual == (None if result.actual is None else HIDDEN)


def test_the_command_writes_it_into_a_folder_of_its_own(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "records.jsonl").write_text("{}\n")
    options = ["--no-values", "--output-dir", str(run.parent)]
    assert main(["report", run.name, *options]) == 0
    output = capsys.readouterr().out
    assert MARK not in output
    assert output.rstrip().endswith(f"{REDACTED_FOLDER}/report.html")
    assert main(["report", run.name, "--format", "md", *options]) == 0
    assert capsys.readouterr().out.rstrip().endswith(f"{REDACTED_FOLDER}/report.md")
    assert main(["report", run.name, run.name, *options]) == 2
    assert "--no-values takes one run" in capsys.readouterr().err
