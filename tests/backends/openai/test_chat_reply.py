"""Where servers put an answer, and in which form it comes."""

import json
from typing import Any

import pytest

from tests.backends.openai.test_backend import OFFLINE, ask, model, prompt
from tests.servers import Step, chunk, completion, serving
from vlm_lab.backends.openai.backend import OpenAI
from vlm_lab.backends.openai.chat_reply import ChatReply
from vlm_lab.backends.openai.chat_stream import parse_reply
from vlm_lab.errors import GenerationError

ANSWER = '{"total": "12.50"}'


def whole(message: dict[str, Any], finish: str = "stop", **more: Any) -> bytes:
    return completion(finish=finish, message={"role": "assistant", **message}, **more)


def event(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    return chunk(finish=finish, delta=delta, **more)


def parse(*pieces: bytes) -> ChatReply:
    return parse_reply([(float(number), piece) for number, piece in enumerate(pieces)])


def call(arguments: Any, **more: Any) -> dict[str, Any]:
    return {"tool_calls": [{"function": {"name": "extract", "arguments": arguments}, **more}]}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (whole({"content": ANSWER}), "content"),
        (whole({"content": [{"type": "text", "text": ANSWER}]}), "content"),
        (
            whole(
                {"content": [{"type": "thinking", "text": "?"}, {"type": "text", "text": ANSWER}]}
            ),
            "content",
        ),
        (whole({"content": ANSWER, "reasoning_content": "First"}), "content"),
        (whole({"content": None, **call(ANSWER)}, "tool_calls"), "tool_calls"),
        (whole({"content": "\n\n", **call(json.loads(ANSWER))}), "tool_calls"),
        (whole({"function_call": {"arguments": ANSWER}}, "function_call"), "tool_calls"),
        (whole({"content": "", "reasoning_content": ANSWER}), "reasoning_content"),
        (whole({"content": None, "reasoning": ANSWER}), "reasoning_content"),
        (whole({"content": None, "refusal": ANSWER}), "refusal"),
    ],
)
def test_an_answer_is_found_where_it_stands(body: bytes, place: str) -> None:
    reply = parse(body)
    assert (reply.text, reply.text_place, reply.finish_reason) == (ANSWER, place, "stop")


@pytest.mark.parametrize(
    ("pieces", "place"),
    [
        ([event({"content": ANSWER[:5]}), event({"content": ANSWER[5:]}, "stop")], "content"),
        (
            [
                event({"role": "assistant", "content": None}),
                event(call(ANSWER[:5], index=0)),
                event(call(ANSWER[5:], index=0)),
                event({}, "tool_calls"),
            ],
            "tool_calls",
        ),
        ([event({"reasoning_content": "Hm"}), event({"content": ANSWER}, "stop")], "content"),
        ([event({"reasoning": ANSWER}), event({}, "stop")], "reasoning_content"),
        (
            [event({"content": ANSWER}), b"data:\n\n", b"data: \r\n\r\n", event({}, "stop")],
            "content",
        ),
        ([event({"content": "x"}, index=1), event({"content": ANSWER}, "stop")], "content"),
        ([chunk(delta=None, message={"content": ANSWER}, finish="stop")], "content"),
    ],
)
def test_an_answer_in_a_stream_is_found_where_it_stands(pieces: list[bytes], place: str) -> None:
    reply = parse(*pieces)
    assert (reply.text, reply.text_place, reply.finish_reason) == (ANSWER, place, "stop")


def test_the_first_token_may_be_a_thought() -> None:
    reply = parse(
        event({"role": "assistant"}), event({"reasoning": "Hm"}), event({"content": "7"}, "stop")
    )
    assert (reply.first_token_seconds, reply.last_token_seconds) == (1.0, 2.0)


def test_thoughts_without_an_end_are_marked() -> None:
    assert (
        parse(whole({"content": None, "reasoning": "The total"}, "length")).text
        == "<think>The total"
    )


def test_several_calls_stand_one_below_the_other() -> None:
    calls = [{"function": {"arguments": f'{{"page": {page}}}'}} for page in (1, 2)]
    assert parse(whole({"tool_calls": calls})).text == '{"page": 1}\n{"page": 2}'


def test_the_choice_that_counts_has_the_number_0() -> None:
    choices = [
        {"index": n, "message": {"content": str(n)}, "finish_reason": "stop"} for n in (1, 0)
    ]
    assert parse(json.dumps({"choices": choices}).encode()).text == "0"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("streamed_body", [True, False])
def test_the_form_of_a_reply_is_the_servers(stream: bool, streamed_body: bool) -> None:
    body = chunk(ANSWER) + chunk(finish="stop") + b"data: [DONE]\n\n"
    with serving(Step(body if streamed_body else completion(ANSWER))) as server:
        reply = ask(server, stream=stream)
    assert (reply.raw_response, reply.finish_reason) == (ANSWER, "stop")
    assert (reply.timing.first_token is None) is not streamed_body


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "CUDA out of memory", "code": 502}}',
        b'{"object": "error", "message": "CUDA out of memory"}',
        completion(None, "error", error={"message": "CUDA out of memory"}),
        chunk("{") + b'data: {"error": {"message": "CUDA out of memory"}}\n\n',
        chunk("{") + b'data: {"object": "error", "message": "CUDA out of memory"}\n\n',
        chunk("{") + b"event: error\ndata: CUDA out of memory\n\n",
        chunk("{") + chunk(error={"message": "CUDA out of memory"}),
    ],
)
def test_an_error_that_came_as_a_success_is_the_servers(body: bytes) -> None:
    with pytest.raises(GenerationError, match="CUDA out of memory") as caught:
        parse(body)
    assert caught.value.kind == "ServerError"


@pytest.mark.parametrize("reason", ["content_filter", "SAFETY", "content_filter: RECITATION"])
def test_what_a_filter_withheld_is_named(reason: str) -> None:
    for body in (completion(None, reason), chunk(finish=reason)):
        with pytest.raises(GenerationError, match="content filter withheld") as caught:
            parse(body)
        assert caught.value.kind == "ContentFilter"
    assert parse(completion("{", reason)).finish_reason == "content_filter"


def test_a_request_that_a_filter_refused_is_named() -> None:
    body = b'{"error": {"code": "content_filter", "message": "content_filter: violence"}}'
    with serving(Step(body, 400)) as server, pytest.raises(GenerationError) as caught:
        ask(server)
    assert caught.value.kind == "ContentFilter"


def test_the_record_says_where_the_answer_stood() -> None:
    with serving(Step(whole(call(ANSWER)))) as server:
        reply = ask(server)
    assert (reply.raw_response, reply.environment["served"]["text_from"]) == (ANSWER, "tool_calls")


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v1/chat/completions", "/v1/models"])
def test_a_base_url_may_end_before_or_after_the_version(ending: str) -> None:
    with serving(Step(completion(ANSWER))) as server:
        backend = OpenAI(model(server.url.removesuffix("/v1") + ending), OFFLINE)
        assert backend.generate(prompt()).raw_response == ANSWER
        backend.close()


def test_a_name_that_is_not_served_is_answered_with_those_that_are() -> None:
    listing = b'{"data": [{"id": "qwen"}, {"id": "phi\\u001b[31m"}, {"no": 1}]}'
    refusal = Step(b'{"error": {"message": "The model `served` does not exist."}}', 404)
    with (
        serving(refusal, listing=listing) as server,
        pytest.raises(GenerationError, match=r"it serves qwen, phi.\[31m: correct model_id"),
    ):
        ask(server)
