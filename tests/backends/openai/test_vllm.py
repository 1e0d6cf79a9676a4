"""A real vLLM on loopback: what the suite asks of it, it answers, and as we answer ourselves."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.processes import has_ended
from tests.projects import records_of, run_folder_of, write_project
from tests.vllm_server import VERSION, copy_nano, make_environment, serve, widen_heads
from training.nano import FOLDER, batches, test_set
from training.nano.rendering import FIELDS
from vlm_lab.backends.openai.backend import OpenAI
from vlm_lab.backends.transformers.backend import Transformers
from vlm_lab.errors import GenerationError
from vlm_lab.fields.schema import build_grammar_schema
from vlm_lab.parsing import parse
from vlm_lab.suite.pages import Pages
from vlm_lab.types import Generation, Model, Prompt, Runtime

pytestmark = pytest.mark.engines

DOCUMENTS = 10
OFFLINE = Runtime(cache=Path("cache"), device="cpu")
KWARGS = {"max_new_tokens": 256, "do_sample": False}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "invoice_number": {"type": "string"},
        "issue_date": {"type": "string", "format": "date"},
        "currency": {"type": "string", "enum": ["EUR", "GBP"]},
        "totals": {
            "type": "object",
            "properties": {"gross": {"type": "string", "format": "decimal"}},
            "required": ["gross"],
        },
    },
    "required": ["invoice_number", "issue_date", "currency", "totals"],
}


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> list[Prompt]:
    """One page each, asked in the short form in which the nano was trained."""
    folder = tmp_path_factory.mktemp("documents")
    test_set.write(folder, DOCUMENTS, seed=31)
    text = json.dumps(batches.nested(dict.fromkeys(FIELDS, "string")))
    return [
        Prompt(
            id="short",
            text=text,
            pages=Pages(path, 1, 150),
            document_id=path.stem,
            document_name=path.name,
            schema=SCHEMA,
        )
        for path in sorted((folder / "documents").iterdir())
    ]


@pytest.fixture(scope="module")
def nano_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("vllm")
    with serve(copy_nano(FOLDER, folder / "nano"), "nano", folder / "log.txt") as url:
        yield url


@pytest.fixture
def server(nano_url: str) -> Iterator[Callable[..., OpenAI]]:
    """Makes a backend of the served nano with more settings."""
    made = []

    def make(model_id: str = "nano", **settings: Any) -> OpenAI:
        model = Model(
            name="m",
            model_id=model_id,
            backend="openai",
            generation_kwargs=KWARGS,
            backend_kwargs={"base_url": nano_url, "timeout": 300, **settings},
        )
        made.append(OpenAI(model, OFFLINE))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.fixture(scope="module")
def own_answers(
    prompts: list[Prompt], tmp_path_factory: pytest.TempPathFactory
) -> list[Generation]:
    """What the same weights answer here."""
    model = Model(name="m", model_id=str(FOLDER), generation_kwargs=KWARGS, dtype="float32")
    backend = Transformers(model, Runtime(tmp_path_factory.mktemp("cache"), device="cpu"))
    try:
        return [backend.generate(prompt) for prompt in prompts]
    finally:
        backend.close()


def test_it_answers_as_the_same_weights_do_here(
    server: Callable[..., OpenAI], prompts: list[Prompt], own_answers: list[Generation]
) -> None:
    backend = server(logprobs=True)
    answers = [backend.generate(prompt) for prompt in prompts]
    assert [answer.usage.prompt_tokens for answer in answers] == [
        answer.usage.prompt_tokens for answer in own_answers
    ]
    assert [answer.raw_response for answer in answers] == [
        answer.raw_response for answer in own_answers
    ]
    for answer, own in zip(answers, own_answers, strict=True):
        assert answer.mean_logprob == pytest.approx(own.mean_logprob, abs=1e-3)
        assert "".join(text for text, _ in answer.tokens) == answer.raw_response


def test_sixteen_at_once_are_answered_as_one_after_another(
    server: Callable[..., OpenAI], prompts: list[Prompt], own_answers: list[Generation]
) -> None:
    backend, many = server(), (prompts * 2)[:16]
    start_time = time.perf_counter()
    one_by_one = [backend.generate(prompt).raw_response for prompt in many]
    single_seconds = time.perf_counter() - start_time
    start_time = time.perf_counter()
    at_once = [answer.raw_response for answer in backend.generate_batch(many)]
    batch_seconds = time.perf_counter() - start_time
    print(f"documents/s: {16 / single_seconds:.2f} at 1, {16 / batch_seconds:.2f} at 16 at once")
    same = sum(a == b for a, b in zip(one_by_one, at_once, strict=True))
    print(f"answers equal: {same} of 16")
    assert same >= 15  # float32, but sums are made in another order


def test_a_stream_has_times_and_the_same_text(
    server: Callable[..., OpenAI], prompts: list[Prompt], own_answers: list[Generation]
) -> None:
    answer = server(stream=True, logprobs=True).generate(prompts[0])
    assert answer.raw_response == own_answers[0].raw_response
    assert answer.timing.first_token is not None
    assert answer.timing.decode is not None
    assert answer.usage.output_tokens == own_answers[0].usage.output_tokens
    assert len(answer.tokens) > 5


def test_a_reply_keeps_to_the_schema(server: Callable[..., OpenAI], prompts: list[Prompt]) -> None:
    """The formats of our own are not sent: with them vLLM answers 400 to every request."""
    answer = server(response_format="json_schema").generate(prompts[0])
    value = parse(answer).value
    assert isinstance(value, dict)
    assert "invoice_number" in value
    assert list(value) == list(SCHEMA["properties"])[: len(value)]  # blanks may take all tokens
    assert value.get("currency", "EUR") in ("EUR", "GBP")
    json_schema = {"name": "with a format of ours", "schema": SCHEMA}
    body = {"response_format": {"type": "json_schema", "json_schema": json_schema}}
    with pytest.raises(GenerationError, match="Unknown format: decimal"):
        server(extra_body=body).generate(prompts[0])


def test_refusals_have_their_kinds(server: Callable[..., OpenAI], prompts: list[Prompt]) -> None:
    with pytest.raises(GenerationError, match="it serves nano: correct model_id") as caught:
        server("another").generate(prompts[0])
    assert caught.value.kind == "Refused"
    with pytest.raises(GenerationError) as caught:
        server(extra_body={"max_tokens": 100_000}).generate(prompts[0])
    assert caught.value.kind == "ContextOverflow"


def test_a_run_from_the_command_line(
    pytester: pytest.Pytester, nano_url: str, prompts: list[Prompt]
) -> None:
    """The whole way: a suite, models.yaml, a served model that keeps to the schema."""
    names = [prompt.document_id for prompt in prompts[:3]]
    settings = f"{{base_url: '{nano_url.removesuffix('/v1')}', response_format: json_schema}}"
    write_project(
        pytester.path,
        "models:\n  - {name: served, model_id: nano, backend: openai, "
        f"generation_kwargs: {{max_new_tokens: 256}}, backend_kwargs: {settings}}}\n",
        {name: {"invoice_number": "1", "totals": {"gross": "1.00"}} for name in names},
    )
    result = pytester.runpytest_subprocess("benchmarks", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=3)
    rows = records_of(run_folder_of(pytester.path))
    assert {row["status"] for row in rows} == {"ok"}
    assert all(row["usage"]["prompt_tokens"] > 20 for row in rows)


@pytest.mark.parametrize("library", ["llguidance", "xgrammar"])
def test_grammars_that_are_sent_compile(library: str, tmp_path: Path) -> None:
    """Both of vLLM's compilers take the schemas of the samples and of every field type."""
    project = Path(__file__).parents[3]
    schemas = [json.loads(path.read_text()) for path in project.glob("benchmarks/*/schema.json")]
    sent = tmp_path / "schemas.json"
    sent.write_text(json.dumps([build_grammar_schema(schema) for schema in [SCHEMA, *schemas]]))
    compile_one = {
        "llguidance": "from llguidance import LLMatcher as M\n"
        "def check(s): assert not M.validate_grammar(M.grammar_from_json_schema(s)), s",
        "xgrammar": "from xgrammar import Grammar\ndef check(s): Grammar.from_json_schema(s)",
    }[library]
    script = f"""{compile_one}
import json, sys
for schema in json.load(open(sys.argv[1])):
    check(json.dumps(schema))"""
    command = [str(make_environment()), "-c", script, str(sent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1000:]


def test_an_ordinary_random_checkpoint_is_served(
    checkpoint: Callable[..., Path], prompts: list[Prompt], tmp_path: Path
) -> None:
    """Nothing of the nano's own is needed: a random Qwen2-VL with an ordinary rope answers too."""
    folder = tmp_path / "tiny"
    shutil.copytree(checkpoint("qwen2_vl"), folder)
    with serve(widen_heads(folder), "tiny", tmp_path / "log.txt") as url:
        model = Model(
            name="m",
            model_id="tiny",
            backend="openai",
            generation_kwargs={"max_new_tokens": 8, "do_sample": False},
            backend_kwargs={"base_url": url, "timeout": 300},
        )
        backend = OpenAI(model, OFFLINE)
        answer = backend.generate(prompts[0])
        backend.close()
    assert answer.usage.output_tokens
    assert 0 < answer.usage.output_tokens <= 8


def test_one_that_a_run_starts_answers_as_the_same_weights_do_here(
    prompts: list[Prompt],
    own_answers: list[Generation],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only what models.yaml says of it: dtype, interpreter, weights."""
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    nano = copy_nano(FOLDER, tmp_path / "nano")
    model = Model(
        name="m",
        model_id=str(nano),
        backend="openai",
        serve="vllm",
        serve_args=("--enforce-eager", "--max-num-seqs", "16"),
        python=str(make_environment()),
        dtype="float32",
        pages="each",
        generation_kwargs={"max_new_tokens": 256},
    )
    backend = OpenAI(model, Runtime(tmp_path / "cache", device="cpu"))
    try:
        assert backend.engine is not None
        program = backend.engine._restarts.worker
        assert program is not None
        processes = [psutil.Process(program.pid), *psutil.Process(program.pid).children(True)]
        assert len(processes) > 1
        commands = [" ".join(process.cmdline()) for process in processes]
        assert not [command for command in commands if backend.engine.key in command]
        answers = [backend.generate(prompt) for prompt in prompts]
        assert [answer.raw_response for answer in answers] == [
            answer.raw_response for answer in own_answers
        ]
        served = answers[0].environment["served"]
        assert (served["engine"], served["engine_version"]) == ("vllm", f"{VERSION}+cpu")
        asked = httpx2.get(f"{backend.engine.base_url}/models", trust_env=False)
        assert asked.status_code == 401  # without its key
    finally:
        backend.close()
    assert all(has_ended(process.pid) for process in processes)


def test_why_it_does_not_come_up_is_in_the_sentence(tmp_path: Path) -> None:
    model = Model(
        name="m",
        model_id=str(copy_nano(FOLDER, tmp_path / "nano")),
        backend="openai",
        serve="vllm",
        serve_args=("--max-model-len", "9000000"),
        python=str(make_environment()),
    )
    with pytest.raises(GenerationError, match="m: while starting: vllm exited.*9000000") as caught:
        OpenAI(model, Runtime(tmp_path / "cache", device="cpu"))
    print(caught.value)
