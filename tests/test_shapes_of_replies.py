"""A run of candidates whose answers have other shapes and other keys: what is scored and said."""

import json

import pytest

from tests.projects import echo, records_of, run_folder_of, write_project
from tests.suites import REFERENCE

SENTENCE = "3 of 3 replies have none of the schema's keys; its score does not say how well it reads"


def test_an_envelope_is_read_and_other_keys_are_told_beside_the_score(
    pytester: pytest.Pytester,
) -> None:
    envelope = {"result": json.dumps(REFERENCE)}
    other_keys = {"Rechnung": "17", "Betrag": "9"}
    models = "models:\n" + echo("wrapped", answer=envelope) + echo("foreign", answer=other_keys)
    write_project(pytester.path, models)
    result = pytester.runpytest("benchmarks")
    run = run_folder_of(pytester.path)
    by_model = {record["model"]: record for record in records_of(run)}
    wrapped, foreign = by_model["wrapped"], by_model["foreign"]
    assert (wrapped["reshaped"], wrapped["prediction"]) == (True, REFERENCE)
    assert {field["outcome"] for field in wrapped["fields"]} == {"normalized"}
    assert foreign["reshaped"] is False
    assert {(field["outcome"], field["kind"]) for field in foreign["fields"]} == {
        ("missing", "other_keys")
    }
    said = f"foreign (default): {SENTENCE}"
    result.stdout.fnmatch_lines([f"{said}*"])
    assert said in (run / "report.md").read_text()
    assert said.replace("'", "&#39;") in (run / "report.html").read_text()
    summaries = json.loads((run / "report.json").read_text())["summaries"]
    assert [summary["unmatched"] for summary in summaries] == [{}, {"other_keys": 3}]
