"""Odd input is a sentence: one line with file and key, in bounded time, and the rest goes on."""

import argparse
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runs import describe_run, describe_suite
from tests.suites import REFERENCE, write_suite
from tools.fuzz_inputs import KINDS, MAX_SENTENCE, Fuzzer, build_record
from vlm_lab.backends.replay import Replay
from vlm_lab.config.models_file import load_candidates
from vlm_lab.decision.baseline import load_baseline
from vlm_lab.errors import UserError
from vlm_lab.files import MAX_SETTINGS_BYTES, read_bounded_bytes
from vlm_lab.metrics.pairs import read_pairs
from vlm_lab.records.record_lines import encode_record
from vlm_lab.records.report_json import read_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.records.run_settings import read_settings
from vlm_lab.run.preflight import check_suite
from vlm_lab.run.sweep import parse_sweep
from vlm_lab.suite import load_documents, load_suite, make_prompt
from vlm_lab.suite.corrections import read_corrections
from vlm_lab.types import Generation, Model, Runtime

MAX_SECONDS = 5.0  # the work is milliseconds; other tests may keep the machine busy
BOMB = "".join(
    f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 8) if level else 'x'}]\n"
    for level in range(9)
)
TREE = {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}}
SUITE_TEXTS = {
    "alias-bomb": (BOMB, "unfold to more than"),
    "alias-in-itself": ("map: &m {a: *m}", ":1: an alias"),
    "open-brackets": ("pages: " + "[" * 50_000, "nested too deeply"),
    "blocks": ("\n".join(" " * level + "a:" for level in range(600)), "nested too deeply"),
    "no-date": ("verified: 2024-31-12", "line 1, column 11"),
    "no-number": ("pages: {max: !!int many}", "line 1, column 14"),
    "long-number": ("pages: {max: " + "8" * 5000 + "}", "line 1, column 14"),
    "wide-match": ('match: "{stem:>2000000000}"', "match: must be a file name"),
    "match-of-attributes": ('match: "{stem.__class__}"', "match: must be a file name"),
    "long-path": (f"documents: {'d' * 5000}", "documents: is too long"),
    "nul-in-a-path": ('tags: {file: "a\\0b"}', "tags.file: holds a character"),
    "prompt-outside": ("prompts: {../../up: prompt.md}", "prompts.../../up: a prompt's id"),
    "prompt-too-long": (f"prompts: {{{'щ' * 31}: prompt.md}}", "a prompt's id becomes a folder's"),
    "control-characters": ('"\\e[31m": 1', "unknown key"),
    "large": ("#" * 300_000, "has more than 262,144 bytes"),
}
SCHEMA_TEXTS = {
    "leads-to-itself-twice": (json.dumps(TREE), "unfolds to more than"),
    "deep": ('{"a":' * 50_000, "nested more than 100 levels"),
    "deep-but-whole": ('{"a":' * 300 + "1" + "}" * 300, "nested more than 100 levels"),
    "latin-1": ('{"title": "Überweisung"}'.encode("latin-1"), "is not UTF-8 text (byte 11)"),
    "function": ('{"properties": {"a": {"x-vlm-lab": "shutil:rmtree"}}}', "plugins: [shutil]"),
}
PROMPTS = {
    "division": "{{ 1 / 0 }}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "loop": "{% for a in range(90000) %}{% for b in range(90000) %}x{% endfor %}{% endfor %}",
    "wide": "{{ 'x' * 9000000000 }}",
    "filter": "{{ schema | center(2000000000) }}",
    "doubling": "{% set a = schema %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
    "call": "{{ schema.format() }}",
    "macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "schema-without-end": "{{ schema }}" * 9000,
    "brackets": "{{ " + "(" * 20_000,
    "cut": "Answer {% if schema",
}
JSON_READERS: dict[str, Callable[[Path], object]] = {
    "corrections": read_corrections,
    "baseline": load_baseline,
    "pairs": read_pairs,
}


def say(read: Callable[[], object]) -> str:
    """The sentence with which something was refused, in bounded time."""
    started = time.perf_counter()
    with pytest.raises(UserError) as refusal:
        read()
    assert time.perf_counter() - started < MAX_SECONDS
    sentence = str(refusal.value)
    assert "\n" not in sentence
    assert sentence.isprintable()
    assert len(sentence) < 1000
    return sentence


@pytest.mark.parametrize("name", SUITE_TEXTS)
def test_suite_yaml(tmp_path: Path, name: str) -> None:
    text, said = SUITE_TEXTS[name]
    sentence = say(lambda: load_suite(write_suite(tmp_path, {"a": REFERENCE}, text)))
    assert said in sentence
    assert "suite.yaml" in sentence


@pytest.mark.parametrize("name", SCHEMA_TEXTS)
def test_schema_json(tmp_path: Path, name: str) -> None:
    content, said = SCHEMA_TEXTS[name]
    folder = write_suite(tmp_path, {"a": REFERENCE})
    data = content if isinstance(content, bytes) else content.encode()
    (folder / "schema.json").write_bytes(data)
    sentence = say(lambda: load_suite(folder))
    assert said in sentence
    assert "schema.json" in sentence


@pytest.mark.parametrize("name", PROMPTS)
def test_prompts(tmp_path: Path, name: str) -> None:
    folder = write_suite(tmp_path, {"a": REFERENCE})
    (folder / "prompt.md").write_text(PROMPTS[name])
    sentence = say(lambda: ask(folder))
    assert "prompt.md" in sentence


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prompts: [terse]", "prompts: input should be a valid dictionary"),
        ("prompts: {../up: {text: x}}", "prompts.../up: a prompt's id must match"),
        (f"models: [{{name: a, model_id: {'m' * 9000}}}]", "models[0].model_id: is too long"),
        ('models: [{name: a, model_id: "m\\0"}]', "models[0].model_id: holds a character"),
        ("models: [{name: ../a, model_id: m}]", "models[0].name: must match"),
        (f"models: [{{name: a, {'k' * 900}: m}}]", "models[0].kkk"),
        (f"plugins: ['{'p.' * 5000}']", "plugins[0]: must be a module's name"),
    ],
)
def test_models_yaml(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "models.yaml").write_text(text)
    assert said in say(lambda: load_candidates([tmp_path / "models.yaml"]))


@pytest.mark.parametrize("reader", JSON_READERS)
@pytest.mark.parametrize("text", ["[" * 90_000, '[{"a": ' + "7" * 5000 + "}]", "\x00", "[[[]]]"])
def test_files_of_json(tmp_path: Path, reader: str, text: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    assert "odd.json" in say(lambda: JSON_READERS[reader](path))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"[" * 90_000, "nested too deeply"),
        (b'{"document": "\xfcber"}', "is not UTF-8 text (byte 14)"),
        (b"[1]", "must be an object"),
    ],
)
def test_replayed_lines(tmp_path: Path, line: bytes, said: str) -> None:
    (tmp_path / "odd.replies").write_bytes(line)
    model = Model(name="m", model_id=str(tmp_path / "odd.replies"), backend="replay")
    assert said in say(lambda: Replay(model, Runtime(tmp_path)))


def test_a_replayed_line_is_used_as_far_as_it_can_be(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {
            "document": "a",
            "raw_response": json.dumps(REFERENCE) + " \u2028",
            "prompt_id": ["default"],
            "usage": {"prompt_tokens": 10**300, "output_tokens": 3},
            "elapsed_seconds": float("nan"),
        }
    ]
    path = tmp_path / "odd.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    folder = write_suite(tmp_path / "suite", {"a": REFERENCE})
    document = load_documents(load_suite(folder))[0][0]
    model = Model(name="m", model_id=str(path), backend="replay")
    prompt = make_prompt(model, "", "default", document, None)
    reply = Replay(model, Runtime(tmp_path)).generate(prompt)
    assert reply.raw_response == rows[0]["raw_response"]
    assert (reply.usage.output_tokens, reply.usage.prompt_tokens) == (3, None)
    assert reply.elapsed_seconds is None
    assert "usage.prompt_tokens" in str(reply.notes)


@pytest.mark.parametrize("name", ["a pipe", "a device", "a folder", "a large file"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    path = tmp_path / "odd"
    if name == "a pipe":
        os.mkfifo(path)
    elif name == "a device":
        path.symlink_to("/dev/zero")
    elif name == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"x" * (MAX_SETTINGS_BYTES + 1))
    with pytest.raises(OSError, match=r"pipe or a device|directory|more than 1,048,576 bytes"):
        read_bounded_bytes(path)
    readers: list[Callable[[Path], object]] = [
        lambda path: load_candidates([path]),
        lambda path: load_suite(write_suite(tmp_path / "suite", {}), schema=path),
        *([read_corrections, load_baseline, read_pairs] if name != "a large file" else []),
    ]
    for read in readers:
        assert "odd: cannot be read" in say(lambda read=read: read(path))  # type: ignore[misc]


@pytest.mark.parametrize("name", ["suite.yaml", "prompt.md", "tags.csv", "verified.txt"])
def test_a_pipe_in_a_suite_is_not_waited_for(tmp_path: Path, name: str) -> None:
    folder = write_suite(tmp_path, {"a": REFERENCE}, "tags: {file: tags.csv}")
    (folder / "tags.csv").write_text("document\n")
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    assert name in say(lambda: load_documents(load_suite(folder)))


ODD_REFERENCES = {
    "deep.json": '{"a":' * 5000,
    "surrogate.json": json.dumps({**REFERENCE, "invoice_number": "A\ud800"}),
    "bytes.json": "\x00\x01\x02",
    "long-number.json": '{"invoice_number": ' + "6" * 5000 + "}",
    "list.json": "[[[[]]]]",
}


def test_one_reference_never_stops_the_others(tmp_path: Path) -> None:
    folder = write_suite(tmp_path, {"sound": REFERENCE})
    for name, text in ODD_REFERENCES.items():
        (folder / "references" / name).write_text(text, errors="surrogatepass")
        picture = (folder / "documents" / "sound.png").read_bytes()
        (folder / "documents" / name).with_suffix(".png").write_bytes(picture)
    suite = load_suite(folder)
    documents, notes = load_documents(suite)
    errors, _ = check_suite(suite, documents)
    assert errors == ()
    scored = {document.id for document in documents if document.reference}
    assert scored == {"sound", "surrogate"}
    told = str(notes)
    assert all(name in told for name in ODD_REFERENCES if name.partition(".")[0] not in scored)


@pytest.mark.parametrize("key", ["suite", "model", "prompt_id", "document"])
def test_names_in_runs_of_others_lead_nowhere_else(tmp_path: Path, key: str) -> None:
    document = load_documents(load_suite(write_suite(tmp_path / "suite", {"a": REFERENCE})))[0][0]
    record = json.loads(encode_record(build_record(document, Generation(raw_response="{}"))))
    for name in ("../../up", "/tmp", "..", "", "a\0b", "n" * 300):  # noqa: S108
        (tmp_path / "records.jsonl").write_text(json.dumps({**record, key: name}))
        assert "records.jsonl:1: " in say(lambda: list(read_records(tmp_path)))
    (tmp_path / "records.jsonl").write_text(json.dumps({**record, key: "Счета 2024: Mai"}))
    assert len(list(read_records(tmp_path))) == 1


@pytest.mark.parametrize(
    "part",
    [
        {"documents": [{"suite": "s", "id": "../../up", "name": "a", "tags": {}}]},
        {"documents": [{"suite": "../s", "id": "a", "name": "a", "tags": {}}]},
        {"suites": [describe_suite("../..")]},
        {"models": [{"name": "a/../..", "model_id": "m"}]},
    ],
)
def test_names_in_a_report_of_others_lead_nowhere_else(
    tmp_path: Path, part: dict[str, Any]
) -> None:
    report = {
        "run": describe_run("r"),
        "suites": [describe_suite("s")],
        "models": [],
        "prompts": [],
        "summaries": [],
    }
    (tmp_path / "report.json").write_text(json.dumps({**report, **part}))
    assert "cannot be the name of a file" in say(lambda: read_report(tmp_path))


def test_what_was_read_is_quoted_in_part(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"first_prompts": {"9" * 5000: 1}}))
    assert "run.json" in say(lambda: read_settings(tmp_path))
    (tmp_path / "baseline.json").write_text(json.dumps({"schema_version": "9" * 5000}))
    assert "schema_version 2 is wanted" in say(lambda: load_baseline(tmp_path / "baseline.json"))
    with pytest.raises(argparse.ArgumentTypeError) as refusal:
        parse_sweep(f"dpi={'x' * 5000}")
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"document"}))  # tools/fuzz_documents.py
def test_what_the_fuzzer_makes_of_a_kind_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    fuzzer = Fuzzer(tmp_path)
    for number in range(15):
        outcome, _ = fuzzer.try_input(kind, random.Random(f"test-{number}"))
        assert not outcome.startswith("!"), (number, outcome)
        assert len(outcome) < MAX_SENTENCE + 100


def test_the_fuzzer_finds_a_traceback_and_a_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(*_: object) -> None:
        time.sleep(30)

    fuzzer = Fuzzer(tmp_path)
    monkeypatch.setattr("tools.fuzz_inputs.LIMIT_SECONDS", 0.2)
    monkeypatch.setattr("tools.fuzz_inputs.load_suite", wait)
    assert fuzzer.try_input("tags", random.Random(1))[0] == "! hang"
    monkeypatch.setattr("tools.fuzz_inputs.load_suite", lambda path: 1 / 0)
    assert fuzzer.try_input("tags", random.Random(1))[0].startswith("! ZeroDivisionError")


def ask(folder: Path) -> object:
    """A prompt of the suite in a folder."""
    document = load_documents(load_suite(folder))[0][0]
    template = document.suite.prompts["default"]
    return make_prompt(Model(name="m", model_id="m"), template, "default", document, None)


def test_the_shared_hostile_files(shared: Path, tmp_path: Path) -> None:
    """Each as what its suffix says, in the place of a sound one."""
    answered = []
    for source in sorted((shared / "cases" / "hostile").iterdir()):
        folder = write_suite(tmp_path / source.name, {"inv_000": REFERENCE})
        kind = source.name.rpartition("_")[2].rpartition(".")[2]
        if source.name.endswith("suite.yaml"):
            (folder / "suite.yaml").write_bytes(source.read_bytes())
            answered.append(say(lambda folder=folder: load_suite(folder)))  # type: ignore[misc]
        elif source.name.endswith("models.yaml"):
            answered.append(say(lambda source=source: load_candidates([source])))  # type: ignore[misc]
        elif kind == "json":
            (folder / "schema.json").write_bytes(source.read_bytes())
            answered.append(say(lambda folder=folder: load_suite(folder)))  # type: ignore[misc]
        elif kind == "csv":
            (folder / "suite.yaml").write_text("tags: {file: tags.csv}")
            (folder / "tags.csv").write_bytes(source.read_bytes())
            sentence = say(lambda folder=folder: load_documents(load_suite(folder)))  # type: ignore[misc]
            assert "column `document`" in sentence
            answered.append(sentence)
        elif kind == "md":
            (folder / "prompt.md").write_bytes(source.read_bytes())
            answered.append(say(lambda folder=folder: ask(folder)))  # type: ignore[misc]
        elif kind == "jsonl":
            model = Model(name="m", model_id=str(source), backend="replay")
            document = load_documents(load_suite(folder))[0][0]
            prompt = make_prompt(model, "", "default", document, None)
            reply = Replay(model, Runtime(tmp_path)).generate(prompt)
            assert "usage.#rompt_tokens" in str(reply.notes)
            answered.append(reply.raw_response)
        else:
            pytest.fail(f"{source.name}: of no kind that is known here")
    assert len(answered) >= 7
