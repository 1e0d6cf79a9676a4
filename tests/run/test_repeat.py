"""pytest tests/run/test_repeat.py: which models repeat themselves, and absent probes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.projects import calls_of, echo, records_of, run_folder_of, write_project
from tests.suites import REFERENCE
from vlm_lab.messages import Message, in_english

# Answers otherwise when it is asked about a document again, and knows batches, which it answers in
# a third way.
MOODY = """
from dataclasses import replace
import json
from echo import Echo

class Moody(Echo):
    def generate(self, prompt):
        asked = self.__dict__.setdefault("asked", {})
        asked[prompt.document_id] = times = asked.get(prompt.document_id, 0) + 1
        self.settings["answer"] = self.settings["first" if times == 1 else "again"]
        if times > 1 and prompt.document_id in self.settings.get("dies", ()):
            raise ValueError("of its own")
        return super().generate(prompt)

class Batches(Moody):
    def generate_batch(self, prompts):
        self.note(f"batch of {len(prompts)}")
        replies = [super(Moody, self).generate(prompt) for prompt in prompts]
        text = json.dumps(self.settings["batched"])
        return [replace(reply, raw_response=text) for reply in replies]
"""
ROWS = [{"name": "a", "amount": "1.00"}, {"name": "b", "amount": "2.00"}]


def moody(name: str, kind: str = "Moody", **settings: Any) -> str:
    settings = {"first": REFERENCE, "again": REFERENCE, "batched": REFERENCE, **settings}
    return echo(name, **settings).replace("echo:Echo", f"moody:{kind}")


def run(pytester: pytest.Pytester, models: str, *options: str) -> pytest.RunResult:
    if not (pytester.path / "models.yaml").exists():
        write_project(pytester.path, models)
        (pytester.path / "moody.py").write_text(MOODY)
    return pytester.runpytest("benchmarks", "-p", "no:cacheprovider", *options)


def probes_of(folder: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    report = json.loads((run_folder_of(folder) / "report.json").read_text())
    return {(probe["model"], probe["prompt_id"], probe["how"]): probe for probe in report["probes"]}


def said(why: Any) -> str:
    return in_english(Message(**why)) if isinstance(why, dict) else str(why)


def test_a_model_that_repeats_itself_flips_nothing(pytester: pytest.Pytester) -> None:
    result = run(pytester, "models:\n" + moody("m", "Batches"), "--probe=2")
    result.assert_outcomes(passed=3)
    for how in ("alone", "batch"):
        probe = probes_of(pytester.path)["m", "default", how]
        counts = [
            probe[key] for key in ("repeats", "identical", "values", "flipped", "not_measured")
        ]
        assert counts == [2, 2, 4, 0, ""]
    result.stdout.fnmatch_lines(
        ["asked again: m (default): alone 0 of 4 values flipped, 2 of 2 replies identical; *"]
    )
    assert "2 of 2 replies identical" in (run_folder_of(pytester.path) / "report.md").read_text()


def test_flips_are_counted_and_named(pytester: pytest.Pytester) -> None:
    otherwise = {"invoice_number": "A-71", "totals": {"gross": "119,00"}}
    lost = {"invoice_number": "A-17", "totals": {}}
    result = run(
        pytester, "models:\n" + moody("m", "Batches", again=otherwise, batched=lost), "--probe=3"
    )
    alone, batch = (probes_of(pytester.path)["m", "default", how] for how in ("alone", "batch"))
    assert (alone["repeats"], alone["identical"], alone["values"], alone["flipped"]) == (3, 0, 6, 3)
    assert {
        (flip["document"], flip["path"], flip["first"], flip["again"]) for flip in alone["flips"]
    } == {
        (document, "invoice_number", "A-17", "A-71") for document in ("inv_1", "inv_2", "inv_3")
    }, "119,00 is 119.00"
    assert {(flip["path"], flip["again"]) for flip in batch["flips"]} == {("totals.gross", None)}
    result.stdout.fnmatch_lines(
        ["*alone 3 of 6 values flipped (inv_?: invoice_number, *), 0 of 3 replies identical*"]
    )


def test_a_value_that_only_the_second_reply_has_is_a_flip(pytester: pytest.Pytester) -> None:
    models = (
        "models:\n"
        + moody("m", first={"invoice_number": None})
        + moody("silent", first="I see nothing.")
    )
    run(pytester, models, "--probe=1")
    for model in ("m", "silent"):
        probe = probes_of(pytester.path)[model, "default", "alone"]
        assert (probe["values"], probe["flipped"]) == (2, 2), model


def test_second_replies_touch_neither_cache_nor_scores_nor_seconds(
    pytester: pytest.Pytester,
) -> None:
    models = "models:\n" + moody("m", again={"invoice_number": "A-71"})
    run(pytester, models).assert_outcomes(passed=3)
    plain = records_of(run_folder_of(pytester.path))
    kept_probes = {
        path.name: path.read_bytes()
        for path in (pytester.path / "cache" / "replies").rglob("*.json")
    }
    (pytester.path / "results").rename(pytester.path / "before")
    run(pytester, models, "--probe=3").assert_outcomes(passed=3)
    assert records_of(run_folder_of(pytester.path)) == [{**row, "cached": True} for row in plain]
    assert {
        path.name: path.read_bytes()
        for path in (pytester.path / "cache" / "replies").rglob("*.json")
    } == kept_probes
    probe = probes_of(pytester.path)["m", "default", "alone"]
    assert (probe["cached"], probe["repeats"]) == (3, 3), (
        "all first replies from the cache, the model loaded for it"
    )


def test_each_model_is_asked_the_same_answered_documents_after_its_cases_and_before_it_is_closed(
    pytester: pytest.Pytester,
) -> None:
    models = "models:\n" + moody("a", "Batches") + moody("b") + moody("c", fails=["inv_1", "inv_2"])
    run(pytester, models, "--probe=2")
    probes = probes_of(pytester.path)
    assert (
        probes["a", "default", "alone"]["documents"] == probes["b", "default", "alone"]["documents"]
    )
    assert probes["c", "default", "alone"]["documents"] == ["inv_3"]
    model_calls = [line.split()[1] for line in calls_of(pytester.path) if line.startswith("a:")]
    assert model_calls == [
        "load",
        *["default"] * 3,
        *["default"] * 2,
        "batch",
        *["default"] * 2,
        "close",
    ]
    assert "b: load" in calls_of(pytester.path)[len(model_calls) :]


def test_what_was_not_measured_says_why_and_documents_without_a_second_reply_are_named(
    pytester: pytest.Pytester,
) -> None:
    models = (
        moody("m", dies=["inv_2"])
        + moody("dies", dies=["inv_1", "inv_2", "inv_3"])
        + echo("gone", missing=True)
    )
    replayed = "  - {name: today, backend: replay, model_id: benchmarks/invoices/references}\n"
    result = run(pytester, "models:\n" + models + replayed, "--probe=3")
    result.assert_outcomes(passed=9, skipped=3)
    probes = {key[::2]: probe for key, probe in probes_of(pytester.path).items()}
    assert (probes["m", "alone"]["repeats"], probes["m", "alone"]["values"]) == (2, 4)
    assert probes["m", "alone"]["failed"] == {"inv_2": "ValueError: of its own"}
    result.stdout.fnmatch_lines(["*2 of 2 replies identical, 1 without a second reply*"])
    why = {key: said(probe["not_measured"]) for key, probe in probes.items()}
    assert why["m", "alone"] == ""
    assert why["m", "batch"] == "backend moody:Moody asks one prompt at a time"
    assert why["dies", "alone"] == "ValueError: of its own"
    assert why["gone", "alone"] == why["gone", "batch"] == "no document has a first answer"
    assert why["today", "alone"] == "its answers are replayed"


@pytest.mark.parametrize("option", ["--dry-run", "--replies=only"])
def test_where_no_model_is_called_one_line_says_so(pytester: pytest.Pytester, option: str) -> None:
    result = run(pytester, "models:\n" + moody("m") + moody("n"), "--probe=2", option)
    probe_lines = [line for line in result.outlines if line.startswith("asked again")]
    assert probe_lines == [f"asked again: not measured: {option.replace('=', ' ')} calls no model"]
    assert calls_of(pytester.path) == []


def test_nothing_is_asked_again_unless_it_is_wanted(pytester: pytest.Pytester) -> None:
    result = run(pytester, "models:\n" + moody("m"), "--probe=0")
    assert probes_of(pytester.path) == {}
    assert len(calls_of(pytester.path)) == 5
    result.stdout.no_fnmatch_line("*asked again*")


def test_a_run_that_ends_early_says_so_and_goes_on(pytester: pytest.Pytester) -> None:
    models = "models:\n" + moody("a") + moody("b", fails=["inv_1"])
    run(pytester, models, "--probe=1", "-x")
    early = probes_of(pytester.path)
    assert early["a", "default", "alone"]["repeats"] == 1
    assert said(early["b", "default", "alone"]["not_measured"]).startswith(
        "the run ended before it"
    )
    run(pytester, models, "--probe=1", "--resume=last")
    late = probes_of(pytester.path)
    assert late["a", "default", "alone"] == early["a", "default", "alone"], (
        "kept from the run that it goes on with"
    )
    assert late["b", "default", "alone"]["repeats"] == 1


def test_rows_are_paired_before_they_are_compared(tmp_path: Path) -> None:
    from tests.suites import write_suite
    from vlm_lab.analysis.repeatability import AnsweredCase, _compare_values
    from vlm_lab.suite import load_documents, load_suite
    from vlm_lab.types import Case, Generation, Model

    folder = write_suite(tmp_path, {"d": REFERENCE})
    schema = json.loads((folder / "schema.json").read_text())
    row = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "amount": {"type": "string"}},
    }
    schema["properties"]["rows"] = {"type": "array", "items": row}
    (folder / "schema.json").write_text(json.dumps(schema))
    (document,) = load_documents(load_suite(folder))[0]
    first = AnsweredCase(
        Case(Model(name="m", model_id="x"), "default", "", document),
        Generation(raw_response=json.dumps({**REFERENCE, "rows": ROWS})),
    )
    count, flips = _compare_values(
        first, Generation(raw_response=json.dumps({**REFERENCE, "rows": ROWS[::-1]}))
    )
    assert (count, flips) == (6, [])
    _, flips = _compare_values(
        first, Generation(raw_response=json.dumps({**REFERENCE, "rows": ROWS[1:]}))
    )
    assert [flip.path for flip in flips] == ["rows[0].name", "rows[0].amount"]


@pytest.mark.slow
def test_a_real_checkpoint_repeats_itself_alone_and_in_a_batch(
    pytester: pytest.Pytester, checkpoint: Callable[[str], Path]
) -> None:
    folder = checkpoint("qwen2_vl")
    models = (
        "models:\n"
        f"  - {{name: tiny, model_id: {folder}, generation_kwargs: {{max_new_tokens: 8}}}}\n"
    )
    run(pytester, models, "--probe=2", "--device=cpu").assert_outcomes(passed=3)
    for how in ("alone", "batch"):
        probe = probes_of(pytester.path)["tiny", "default", how]
        assert (probe["not_measured"], probe["repeats"], probe["identical"], probe["flipped"]) == (
            "",
            2,
            2,
            0,
        ), how
