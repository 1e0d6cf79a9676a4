"""Servers on loopback, broken in every way there is, and one real one: what is sent, and what
becomes of the answer."""

import base64
import importlib.util
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.projects import records_of, run_folder_of, write_project
from tests.servers import Server, Step, chunk, completion, serving
from tests.suites import REFERENCE
from vlm_lab.backends.candidate import Candidate
from vlm_lab.backends.openai import answers, client
from vlm_lab.backends.openai.backend import OpenAI, build_request
from vlm_lab.backends.openai.chat_stream import parse_reply
from vlm_lab.backends.openai.settings import check_host, load_server_settings
from vlm_lab.backends.openai.token_counts import (
    compute_mean_logprob,
    parse_token_logprobs,
    parse_usage,
)
from vlm_lab.config.setting_names import BACKENDS
from vlm_lab.errors import GenerationError, Skip, UserError
from vlm_lab.registry import resolve_name
from vlm_lab.types import Generation, Model, Page, Prompt, Runtime

KEY = "sk-secret-4711"
OFFLINE = Runtime(cache=Path("cache"))
SCHEMA = {"$schema": "x", "properties": {"total": {"type": "string", "x-vlm-lab": "amount"}}}


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_WAIT", 0.01)


def prompt(*sizes: tuple[int, int]) -> Prompt:
    pages = [
        Page.from_image(i, Image.new("RGB", size, (10 * i, 200, 30)))
        for i, size in enumerate(sizes or ((8, 9),))
    ]
    return Prompt(
        id="default",
        text="Read. Счёт №",
        pages=pages,
        document_id="d",
        document_name="d.pdf",
        schema=SCHEMA,
    )


def model(url: str, **settings: Any) -> Model:
    kwargs = {"max_new_tokens": 64, "temperature": 0.0}
    return Model(
        name="m",
        model_id="served",
        backend="openai",
        generation_kwargs=kwargs,
        backend_kwargs={"base_url": url, **settings},
    )


def test_text_alone_is_sent_as_text_and_no_list_of_parts() -> None:
    blind = replace(model("http://127.0.0.1:1/v1"), image=False)
    asked = replace(prompt(), pages=())
    body = build_request(blind, OFFLINE, load_server_settings(blind), asked)
    assert body["messages"] == [{"role": "user", "content": "Read. Счёт №"}]


def ask(server: Server, **settings: Any) -> Generation:
    backend = OpenAI(model(server.url, **settings), OFFLINE)
    try:
        return backend.generate(prompt())
    finally:
        backend.close()


def test_the_table_of_backends_has_it() -> None:
    assert resolve_name("openai", BACKENDS, "backend") is OpenAI


# ---------------------------------------------------------------------- what is sent


def test_a_request_has_the_pages_in_order_before_the_words() -> None:
    with serving(Step(completion("{}"))) as server:
        backend = OpenAI(model(server.url), OFFLINE)
        reply = backend.generate(prompt((8, 9), (20, 10)))
        backend.close()
    body = server.asked[0]
    *images, text = body["messages"][0]["content"]
    assert text == {"type": "text", "text": "Read. Счёт №"}
    for number, (image, size) in enumerate(zip(images, [(8, 9), (20, 10)], strict=True)):
        head, _, data = image["image_url"]["url"].partition(",")
        assert head == "data:image/png;base64"
        opened = Image.open(io.BytesIO(base64.b64decode(data)))
        assert (opened.size, opened.getpixel((0, 0))) == (size, (10 * number, 200, 30))
    assert (body["model"], body["max_tokens"], body["temperature"], body["seed"]) == (
        "served",
        64,
        0.0,
        0,
    )
    assert not {"max_new_tokens", "logprobs", "response_format", "stream"} & set(body)
    assert reply.image_sizes == ((8, 9), (20, 10))


def test_settings_become_keys_of_the_request() -> None:
    with serving(Step(completion("{}"))) as server:
        extra = {"max_tokens": None, "max_completion_tokens": 5, "seed": None}
        ask(server, image="jpeg", logprobs=True, response_format="json_schema", extra_body=extra)
    body = server.asked[0]
    assert body["messages"][0]["content"][0]["image_url"]["url"].startswith(
        "data:image/jpeg;base64,/9j/"
    )
    assert body["logprobs"] is True
    schema = {"properties": {"total": {"type": "string"}}}
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "document", "schema": schema},
    }
    assert body["max_completion_tokens"] == 5
    assert not {"max_tokens", "seed"} & set(body)


def test_what_the_chat_template_is_told_is_sent_where_there_is_any() -> None:
    settings = load_server_settings(model("http://127.0.0.1:9/v1"))
    told = replace(model("x"), chat_template_kwargs={"enable_thinking": False})
    assert build_request(told, OFFLINE, settings, prompt())["chat_template_kwargs"] == {
        "enable_thinking": False
    }
    assert "chat_template_kwargs" not in build_request(model("x"), OFFLINE, settings, prompt())


def test_a_prompt_is_sent_as_the_variable_that_asks_for_it() -> None:
    settings = load_server_settings(model("http://127.0.0.1:9/v1"))
    told = replace(model("x"), chat_template_kwargs={"template": "{{ prompt }}", "mode": "x"})
    body = build_request(told, OFFLINE, settings, prompt())
    assert body["chat_template_kwargs"] == {"template": prompt().text, "mode": "x"}
    assert [part["type"] for part in body["messages"][0]["content"]] == ["image_url"]


def test_greedy_by_transformers_words_is_a_temperature_of_nothing() -> None:
    from vlm_lab.backends.openai.backend import build_sampling_parameters

    assert build_sampling_parameters({"do_sample": False, "top_k": 3}) == {
        "top_k": 3,
        "temperature": 0.0,
    }
    assert build_sampling_parameters({"do_sample": True, "temperature": 0.4}) == {
        "temperature": 0.4
    }


def test_the_key_is_sent_and_stands_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with serving(Step(f"you sent Bearer {KEY}".encode(), 400)) as server:
        candidate = model(server.url, api_key_env="MY_KEY")
        backend = OpenAI(candidate, OFFLINE)
        with pytest.raises(
            GenerationError, match=r"answered 400: you sent Bearer \*\*\*"
        ) as caught:
            backend.generate(prompt())
        backend.close()
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    identity = OpenAI.identity(candidate, OFFLINE)
    assert KEY not in f"{caught.value} {identity} {candidate} {backend.settings}"


def test_a_connection_is_kept_between_cases() -> None:
    with serving(Step(completion("{}"))) as server:
        backend = OpenAI(model(server.url), OFFLINE)
        for _ in range(3):
            backend.generate(prompt())
        backend.close()
    assert (len(server.asked), len(server.clients)) == (3, 1)


def test_a_batch_is_sent_at_the_same_time() -> None:
    with serving(Step(completion("{}"), delay=0.5)) as server:
        backend = OpenAI(model(server.url), OFFLINE)
        replies = backend.generate_batch([prompt(), prompt(), prompt()])
        backend.close()
    assert [reply.raw_response for reply in replies] == ["{}"] * 3
    assert max(server.times) - min(server.times) < 0.5, "no one waits for another's answer"


# ---------------------------------------------------------------------- what comes back


@pytest.mark.parametrize(
    ("finish", "ours"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("eos", "stop")],
)
def test_a_reply_is_verbatim_with_its_counts(finish: str, ours: str) -> None:
    with serving(Step(completion(' {"total": "7 €"}\n', finish))) as server:
        reply = ask(server)
    assert (reply.raw_response, reply.finish_reason) == (' {"total": "7 €"}\n', ours)
    assert (reply.usage.prompt_tokens, reply.usage.visual_tokens, reply.usage.output_tokens) == (
        300,
        256,
        7,
    )
    assert reply.environment["served"] == {"model": "served"}
    assert (reply.mean_logprob, reply.tokens, reply.timing.first_token) == (None, (), None)
    assert "attempts" not in reply.environment


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (completion(None), ""),  # all went into thinking
        (completion("x", message={"content": None, "refusal": "I cannot"}), "I cannot"),
        (
            completion("x", message={"content": [{"type": "text", "text": "a"}, {"text": "b"}]}),
            "ab",
        ),
        (
            completion("x", message={"content": "\ud800"}),
            "?",
        ),  # half a letter, that no file could hold
    ],
)
def test_words_in_other_places(body: bytes, text: str) -> None:
    with serving(Step(body)) as server:
        assert ask(server).raw_response == text


def test_log_probabilities_are_those_of_the_text() -> None:
    parts = [b"7 ", "€".encode()[:2], "€".encode()[2:], b"<|im_end|>"]
    content = [
        {"token": repr(part), "bytes": list(part), "logprob": -0.5 * i}
        for i, part in enumerate(parts)
    ]
    with serving(Step(completion("7 €", logprobs={"content": content}))) as server:
        reply = ask(server, logprobs=True)
    assert reply.tokens == (("7 ", 0.0), ("", -0.5), ("€", -1.0))
    assert reply.mean_logprob == pytest.approx(-0.75)


def test_log_probabilities_of_another_text_are_not_kept_as_its_tokens() -> None:
    content = [{"token": "8", "logprob": -0.1}, {"token": " €", "logprob": -0.3}]
    with serving(Step(completion("7 €", logprobs={"content": content}))) as server:
        reply = ask(server, logprobs=True)
    assert reply.tokens == ()
    assert reply.mean_logprob == pytest.approx(-0.2)


def test_a_stream_says_when_the_first_token_came() -> None:
    last = b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}\n\n'
    last += b"data: [DONE]\n\n"
    logprobs = {"content": [{"token": "7 €", "logprob": -0.25}]}
    euro = chunk(" €", logprobs=logprobs)
    cut = euro.index("€".encode()) + 1  # a piece may end within a letter
    pieces = [
        b": ping\r\n\r\n",
        chunk(),
        chunk("7"),
        euro[:cut],
        euro[cut:],
        chunk(finish="length"),
        last,
    ]
    with serving(Step(pieces=pieces, gap=0.05)) as server:
        reply = ask(server, stream=True)
    assert server.asked[0]["stream_options"] == {"include_usage": True}
    assert (reply.raw_response, reply.finish_reason) == ("7 €", "length")
    assert (reply.usage.prompt_tokens, reply.usage.output_tokens) == (9, 3)
    assert reply.tokens == (("7 €", -0.25),)
    assert reply.timing.first_token == pytest.approx(0.15, abs=0.04)
    assert reply.timing.decode == pytest.approx(0.1, abs=0.04)


# ---------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("first", "waits"),
    [
        (Step(b"{}", 429, {"Retry-After": "1"}), 1.0),
        (Step(b"{}", 500), 0.0),
        (Step(b"loading", 503), 0.0),
        (Step(completion("{}")[:40], promised=200), 0.0),  # half a reply
        (Step(status=None), 0.0),  # closed without a word
    ],
)
def test_what_may_pass_is_tried_again(first: Step, waits: float) -> None:
    with serving(first, Step(completion("{}"))) as server:
        reply = ask(server)
    assert (reply.raw_response, reply.environment["attempts"]) == ("{}", 2)
    assert server.times[1] - server.times[0] >= waits
    assert reply.environment["waited_seconds"] >= waits


@pytest.mark.parametrize(
    ("step", "kind", "words"),
    [
        (
            Step(b'{"error": {"message": "slow down"}}', 429),
            "RateLimited",
            r"429: slow down \(3 attempts\)",
        ),
        (
            Step(b'{"detail": "no\\nGPU\\u001b[31m"}', 500),
            "ServerError",
            r"500: no GPU.\[31m \(3 attempts\)",
        ),
        (Step(completion("{}")[:40], promised=200), "ConnectionLost", r"\(3 attempts\)"),
        (Step(status=None), "ConnectionLost", r"\(3 attempts\)"),
    ],
)
def test_what_does_not_pass_ends_after_the_retries(step: Step, kind: str, words: str) -> None:
    with serving(step) as server, pytest.raises(GenerationError, match=words) as caught:
        ask(server, retries=2)
    assert (caught.value.kind, len(server.asked)) == (kind, 3)


@pytest.mark.parametrize(
    ("step", "kind", "words"),
    [
        (Step(b"<html>busy</html>"), "BadReply", r"no JSON \(17 bytes\): <html>busy"),
        (Step(b""), "BadReply", "nothing"),
        (Step(b"[" * 100_000), "BadReply", "no JSON"),
        (Step(b'{"choices": []}'), "BadReply", "choices"),
        (Step(b'{"choices": [{"message": {"content": 7}}]}'), "BadReply", "no text"),
        (Step(b"{}", 404), "Refused", "404"),
        (Step(b"", 307, {"Location": "http://example.com/"}), "Refused", "307"),
        (
            Step(b'{"error": {"code": 1, "message": "maximum context length is 4096"}}', 400),
            "ContextOverflow",
            "4096",
        ),
        (Step(completion("{}"), delay=0.6), "Timeout", "0.3 s"),
    ],
)
def test_what_cannot_pass_is_asked_once(step: Step, kind: str, words: str) -> None:
    with serving(step) as server, pytest.raises(GenerationError, match=words) as caught:
        ask(server, timeout=0.3)
    assert (caught.value.kind, len(server.asked)) == (kind, 1)


def test_a_reply_that_drips_is_not_waited_for() -> None:
    with (
        serving(Step(pieces=[b" "] * 50, gap=0.1)) as server,
        pytest.raises(GenerationError, match="0.3 s") as caught,
    ):
        ask(server, timeout=0.3)
    assert caught.value.kind == "Timeout"


def test_a_reply_without_an_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_REPLY_BYTES", 1000)
    with serving(Step(b" " * 5000)) as server, pytest.raises(GenerationError, match="1000 bytes"):
        ask(server)


@pytest.mark.parametrize(
    ("pieces", "kind", "words"),
    [
        ([chunk("{"), b"data: nonsense\n\n"], "BadReply", "nonsense"),
        ([chunk('{"total"'), chunk(": ")], "BadReply", "breaks off after 10 characters"),
        (
            [chunk("{"), b'data: {"error": {"message": "CUDA out of memory"}}\n\n'],
            "ServerError",
            "out of memory",
        ),
    ],
)
def test_a_stream_that_breaks(pieces: list[bytes], kind: str, words: str) -> None:
    with (
        serving(Step(pieces=pieces)) as server,
        pytest.raises(GenerationError, match=words) as caught,
    ):
        ask(server, stream=True)
    assert caught.value.kind == kind


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "message",
                    "delta",
                    "tool_calls",
                    "function",
                    "arguments",
                    "reasoning",
                    "index",
                    "content",
                    "logprobs",
                    "usage",
                    "logprob",
                    "bytes",
                    "token",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(value=json_values)
def test_no_answer_raises_anything_but_a_generation_error(value: Any) -> None:
    for data in (
        value,
        {
            "choices": [{"message": {"content": "x"}, "logprobs": {"content": value}}],
            "usage": value,
        },
    ):
        raw = json.dumps(data).encode()
        for body in (raw, b"data: " + raw + b"\n"):
            try:
                reply = parse_reply([(0.1, body)])
                (parse_token_logprobs(reply), compute_mean_logprob(reply), parse_usage(reply))
            except GenerationError:
                pass


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7),
        ("-7", 0),
        ("inf", None),
        ("soon", None),
        ("Mon, 99 Foo", None),
        ("Sat, 28 Feb 2026 07:00:00 GMT", 0),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert answers.parse_retry_after(header) == seconds


def test_retry_after_as_a_date() -> None:
    header = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert answers.parse_retry_after(header) == pytest.approx(90, abs=2)


def test_a_pause_doubles_and_has_an_end() -> None:
    assert [client.compute_backoff_seconds(attempt, None) for attempt in (1, 2, 3)] == [
        0.01,
        0.02,
        0.04,
    ]
    assert (
        client.compute_backoff_seconds(30, None),
        client.compute_backoff_seconds(1, 3600.0),
    ) == (60, 60)


# ---------------------------------------------------------------------- what is never asked


def test_documents_stay_here_unless_the_run_is_online() -> None:
    with pytest.raises(
        Skip, match=r"m: documents would leave this machine: 8\.8\.8\.8 .* run with --online"
    ):
        OpenAI(model("https://8.8.8.8/v1"), OFFLINE)
    settings = load_server_settings(model("https://8.8.8.8/v1"))
    assert check_host(model("x"), settings, Runtime(cache=Path(), online=True)) is False


def test_no_proxy_of_the_environment_sees_a_private_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with serving(Step(completion("{}"))) as server:
        assert ask(server).raw_response == "{}"


def test_no_server_is_a_skip_that_says_what_to_start() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(Skip, match=f"m: no server answers at {url} .*vllm serve served"):
            OpenAI(model(url), OFFLINE)


def test_a_refused_key_is_a_skip_that_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with serving(models=401) as server:
        with pytest.raises(Skip, match="answered 401: the key in MY_KEY is refused"):
            OpenAI(model(server.url, api_key_env="MY_KEY"), OFFLINE)
        with pytest.raises(Skip, match="it wants a key; name its variable with api_key_env"):
            OpenAI(model(server.url), OFFLINE)


@pytest.mark.parametrize("value", [None, "", "ключ", "a\nb"])
def test_a_key_that_is_not_there_or_cannot_be_sent(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("MY_KEY", raising=False)
    else:
        monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(Skip, match="MY_KEY (is not set|holds characters)"):
        OpenAI(model("http://127.0.0.1:9/v1", api_key_env="MY_KEY"), OFFLINE)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"api_key": KEY},
            "unknown key 'api_key'; name the variable that holds it with api_key_env",
        ),
        ({"api_key_env": KEY}, "must be the name of an environment variable"),
        ({"base_url": f"http://user:{KEY}@127.0.0.1/v1"}, "neither a password"),
        ({"base_url": f"http://127.0.0.1/v1?key={KEY}"}, "nor a query"),
        ({"base_url": "ftp://127.0.0.1"}, "must look like"),
        ({"base_url": "http://[::1"}, "must look like"),
        ({"timeout": 0}, "timeout: .*greater than 0"),
        ({"response_format": "xml"}, "response_format: .*json_schema"),
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        OpenAI.identity(model("http://127.0.0.1:9/v1", **settings), OFFLINE)
    assert KEY not in str(caught.value)


def test_without_a_base_url() -> None:
    with pytest.raises(UserError, match="m: backend_kwargs: base_url is missing"):
        OpenAI.identity(Model(name="m", model_id="x", backend="openai"), OFFLINE)


# ---------------------------------------------------------------------- a run


def test_a_run_keeps_the_reply_and_nowhere_the_key(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with serving(
        Step(completion(json.dumps(REFERENCE))), Step(f"Bearer {KEY}?".encode(), 400)
    ) as server:
        settings = f"{{base_url: '{server.url}', api_key_env: MY_KEY}}"
        write_project(
            pytester.path,
            "models:\n  - {name: here, model_id: served, backend: openai, "
            f"backend_kwargs: {settings}}}\n"
            "  - {name: far, model_id: x, backend: openai, backend_kwargs: {base_url: 'https://8.8.8.8/v1'}}\n",
            dict.fromkeys(("inv_1", "inv_2"), REFERENCE),
        )
        result = pytester.runpytest("benchmarks", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1, skipped=2)
    rows = {
        (row["model"], row["document"]): row for row in records_of(run_folder_of(pytester.path))
    }
    assert rows["here", "inv_1"]["usage"]["visual_tokens"] == 256
    assert rows["here", "inv_1"]["scores"]["field_f1"] == 1
    assert rows["here", "inv_2"]["error"]["type"] == "Refused"
    assert "8.8.8.8" in rows["far", "inv_1"]["error"]["message"]
    written = [path.read_bytes() for path in pytester.path.rglob("*") if path.is_file()]
    assert len(written) > 5
    assert not [text for text in written if KEY.encode() in text]
    assert KEY not in result.stdout.str() + result.stderr.str()


# ---------------------------------------------------------------------- a real one


@pytest.fixture(scope="module")
def transformers_serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`transformers serve` on loopback, offline."""
    for package in ("fastapi", "uvicorn", "openai", "transformers"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed (transformers[serving])")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    command = [
        str(Path(sys.executable).with_name("transformers")),
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        port,
    ]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    with (
        log.open("w") as file,
        subprocess.Popen(command, stdout=file, stderr=file, env=environment) as process,
    ):
        try:
            _wait_for(int(port), process, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            for child in [*psutil.Process(process.pid).children(recursive=True), process]:
                child.terminate()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"transformers serve does not answer: {log.read_text()[-2000:]}")


@pytest.mark.slow
@pytest.mark.parametrize("stream", [False, True])
def test_transformers_serve_answers_about_a_page(
    transformers_serve: str, checkpoint: Any, stream: bool
) -> None:
    served = Model(
        name="m",
        model_id=str(checkpoint("llava")),
        backend="openai",
        generation_kwargs={"max_new_tokens": 8, "temperature": 0.0},
        backend_kwargs={"base_url": transformers_serve, "stream": stream, "timeout": 120},
    )
    candidate = Candidate(served, OFFLINE)
    candidate.load()
    reply = candidate.generate(prompt((120, 160)))
    candidate.close()
    assert reply.raw_response
    assert reply.usage.output_tokens is not None
    assert 0 < reply.usage.output_tokens <= 8
    assert reply.usage.prompt_tokens is not None
    assert reply.usage.prompt_tokens > 64  # the page's own: 112 / 14 squared
    assert (reply.timing.first_token is not None) is stream


@pytest.mark.slow
def test_transformers_serve_is_started_by_a_command(checkpoint: Any, tmp_path: Path) -> None:
    if importlib.util.find_spec("fastapi") is None:
        pytest.skip("fastapi is not installed (transformers[serving])")
    model = Model(
        name="m",
        model_id=str(checkpoint("llava")),
        backend="openai",
        serve=("transformers", "serve", "--host", "127.0.0.1", "--port", "{port}"),
        python=sys.executable,
        generation_kwargs={"max_new_tokens": 8},
        backend_kwargs={"timeout": 120},
    )
    candidate = Candidate(model, Runtime(tmp_path / "cache"))
    try:
        candidate.load()
        replies = [candidate.generate(prompt((120, 160))).raw_response for _ in range(2)]
    finally:
        candidate.close()
    assert replies[0]
    assert replies[0] == replies[1]  # greedy, though nothing says so
