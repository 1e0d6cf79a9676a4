"""pytest tests/backends/test_replay.py: answers that were given before, from each place they can be
in."""

import json
from pathlib import Path

import pytest

from tests.case_records import lines, record
from tests.suites import REFERENCE, write_suite
from vlm_lab.backends.replay import Replay
from vlm_lab.errors import GenerationError, Skip, UserError
from vlm_lab.messages import in_english
from vlm_lab.suite import load_documents, load_suite, make_prompt
from vlm_lab.types import Model, Prompt, Runtime


def replay(path: Path, **settings: object) -> Replay:
    return Replay(
        Model(name="old", model_id=str(path), backend="replay", backend_kwargs=settings),
        Runtime(path),
    )


@pytest.fixture
def prompt(tmp_path: Path) -> Prompt:
    suite = load_suite(
        write_suite(tmp_path / "suite", {"Счёт 1": REFERENCE}, "unwrap: data\nignore: [confidence]")
    )
    (document,) = load_documents(suite)[0]
    return make_prompt(Model(name="old", model_id="x"), "x", "default", document, None)


def test_lines_of_a_file(tmp_path: Path, prompt: Prompt) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(
        '{"id": "other", "pred": "no"}\n'
        '{"document": "schet-1", "raw_response": "{}", "elapsed_seconds": 2.5}\n'
    )
    reply = replay(path).generate(prompt)
    assert (reply.raw_response, reply.elapsed_seconds, reply.cached) == ("{}", 2.5, True)


def test_a_folder_is_read_as_references_are(tmp_path: Path, prompt: Prompt) -> None:
    folder = tmp_path / "json"
    folder.mkdir()
    answer = {"data": {"invoice_number": "7", "confidence": 0.9}, "took": 3}
    (folder / "Счёт 1.json").write_text(json.dumps(answer))
    reply = replay(folder).generate(prompt)
    assert json.loads(reply.raw_response) == {"invoice_number": "7"}
    assert reply.environment["replayed"], "the file's digest says which answer it was"


@pytest.mark.parametrize(
    ("answer", "settings"),
    [
        ({"invoice_number": "7"}, {}),
        ({"status": "ok", "response": {"fields": {"invoice_number": "7"}}}, {}),
        ([{"page": 1, "result": [{"invoice_number": "7", "confidence": 0.9}]}], {}),
        ({"data": {"model": "b", "answer": {"invoice_number": "7", "confidence": 1}}}, {}),
        ({"draft": {"invoice_number": "6"}, "final": {"invoice_number": "7"}}, {"unwrap": "final"}),
    ],
)
def test_another_readers_envelope_is_found_or_named(
    tmp_path: Path, prompt: Prompt, answer: object, settings: dict[str, str]
) -> None:
    folder = tmp_path / "json"
    folder.mkdir()
    (folder / "Счёт 1.json").write_text(json.dumps(answer))
    reply = replay(folder, **settings).generate(prompt)
    assert json.loads(reply.raw_response) == {"invoice_number": "7"}


def test_another_readers_envelope_is_found_under_the_suites_map(tmp_path: Path) -> None:
    """The map's own paths say what is looked for; a suite without `unwrap` has it found, too."""
    suite_yaml = 'map: {invoice_number: "Номер"}'
    suite = load_suite(write_suite(tmp_path / "suite", {"a": {"Номер": "1"}}, suite_yaml))
    (document,) = load_documents(suite)[0]
    prompt = make_prompt(Model(name="old", model_id="x"), "x", "default", document, None)
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "a.json").write_text('{"meta": {"n": 1}, "ответ": {"Номер": "7"}}')
    reply = replay(tmp_path / "json").generate(prompt)
    assert json.loads(reply.raw_response) == {"invoice_number": "7"}


def test_what_has_no_field_in_it_stays_as_it_is(tmp_path: Path, prompt: Prompt) -> None:
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "Счёт 1.json").write_text('{"data": {"error": "unreadable"}}')
    reply = replay(tmp_path / "json").generate(prompt)
    assert json.loads(reply.raw_response) == {"error": "unreadable"}


def test_a_path_of_models_yaml_is_found_from_any_folder(
    tmp_path: Path, prompt: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "answers.jsonl").write_text('{"document": "schet-1", "raw_response": "{}"}')
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path / "docs")
    model = Model(name="old", model_id="answers.jsonl", backend="replay")
    assert Replay(model, Runtime(tmp_path / "cache")).generate(prompt).raw_response == "{}"


def test_a_former_run_and_the_model_in_it(tmp_path: Path, prompt: Prompt) -> None:
    answers = {"a": "A", "old": "B", "gone": None}
    rows = [
        record("schet-1", model=model, raw_response=answer) for model, answer in answers.items()
    ]
    (tmp_path / "records.jsonl").write_bytes(lines(rows) + b'{"torn')
    assert replay(tmp_path).generate(prompt).raw_response == "B"
    assert replay(tmp_path, model="a").generate(prompt).raw_response == "A"
    with pytest.raises(Skip, match="has no answer of 'gone'; set backend_kwargs"):
        replay(tmp_path, model="gone")


def test_what_is_not_there_is_skipped_by_its_folder(tmp_path: Path, prompt: Prompt) -> None:
    """The reason is the same for each document, so that a run says it once and lists them."""
    with pytest.raises(Skip, match="nothing to replay at .*nowhere; correct `model_id`"):
        replay(tmp_path / "nowhere")
    (tmp_path / "answers.jsonl").write_text('{"id": "other", "pred": "no"}\n')
    with pytest.raises(
        Skip, match=r"answers.jsonl has no answer for this document \(prompt 'default'\)$"
    ):
        replay(tmp_path / "answers.jsonl").generate(prompt)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Skip, match="empty has no JSON file for this document$"):
        replay(tmp_path / "empty").generate(prompt)


def test_a_broken_answer_is_an_error_of_its_own_case(tmp_path: Path, prompt: Prompt) -> None:
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "Счёт 1.json").write_text("{broken")
    with pytest.raises(GenerationError, match="is not readable JSON"):
        replay(tmp_path / "json").generate(prompt)


@pytest.mark.parametrize(
    ("line", "said"),
    [("{broken", "answers.jsonl:2: is not JSON"), ("7", "answers.jsonl:2: must be")],
)
def test_a_broken_line_names_its_place(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "answers.jsonl").write_text(f'{{"id": "a", "pred": ""}}\n{line}\n')
    with pytest.raises(UserError, match=said):
        replay(tmp_path / "answers.jsonl")


def test_what_is_odd_beside_a_reply_is_named_and_the_reply_is_used(
    tmp_path: Path, prompt: Prompt
) -> None:
    line = {
        "document": "schet-1",
        "raw_response": "{}",
        "usage": {"output_tokens": 7, "tokens_out": 9, "prompt_tokens": "many"},
        "timing": [1, 2],
        "mean_logprob": "low",
        "page_responses": 5,
        "environment": "cpu",
    }
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(line))
    reply = replay(path).generate(prompt)
    assert (reply.raw_response, reply.usage.output_tokens) == ("{}", 7)
    (note,) = reply.notes
    assert in_english(note) == (
        "keys that are not known or not of their type, not used: "
        "usage.tokens_out, usage.prompt_tokens, timing and 3 more"
    )
