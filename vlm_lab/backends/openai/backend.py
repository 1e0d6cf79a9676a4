"""Models behind a server that speaks OpenAI's chat completions: vLLM, SGLang, llama.cpp, Ollama, or
a hosted one.

    - name: qwen-server
      model_id: Qwen/Qwen2.5-VL-7B-Instruct          # the name under which it is served
      backend: openai
      backend_kwargs: {base_url: "http://127.0.0.1:8000/v1", stream: true, logprobs: true}

With `serve: vllm` in place of base_url the run starts the server. docs/servers.md has all settings.
One case is asked at a time, so that its seconds are its own: a server's throughput under load is
another question than which model to choose. `--probe` alone sends several at once.
"""

import base64
import io
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from PIL.Image import Image

from vlm_lab.backends import Backend
from vlm_lab.backends.openai.chat_reply import CONTENT, ChatReply
from vlm_lab.backends.openai.chat_stream import parse_reply
from vlm_lab.backends.openai.client import HttpClient
from vlm_lab.backends.openai.engine_launch import (
    describe_engine,
    find_not_sent,
    format_engine_name,
    has_weights,
    loads_checkpoint,
)
from vlm_lab.backends.openai.served_engine import ServedEngine
from vlm_lab.backends.openai.settings import (
    LOAD_TIMEOUT,
    ServerSettings,
    check_host,
    load_server_settings,
    read_api_key,
)
from vlm_lab.backends.openai.token_counts import (
    compute_mean_logprob,
    parse_token_logprobs,
    parse_usage,
)
from vlm_lab.backends.prompt_variable import fill_prompt_in, takes_prompt
from vlm_lab.backends.reply_schema import JSON_SCHEMA, RESPONSE_FORMAT, build_reply_schema
from vlm_lab.backends.timeouts import read_timeouts
from vlm_lab.errors import GenerationError, Skip
from vlm_lab.messages import Message
from vlm_lab.types import Generation, Model, Prompt, Runtime, Timing

MAX_PARALLEL_REQUESTS = 16  # prompts that are sent at the same time, at most
JPEG_QUALITY = 95  # of a JPEG; below 90 small print suffers
API_NAMES = {"max_new_tokens": "max_tokens"}
# What only a model that is loaded here can be told.
LOCAL_ONLY_SETTINGS = ("processor_kwargs", "load_kwargs")


class OpenAI(Backend):
    """One served model; `generate` may be called by several threads at once. UserError for settings
    that cannot be used; Skip without a server, without a key, and for a server outside the private
    network unless the run is `--online`; GenerationError where a server that is started for it does
    not come up."""

    can_batch = True
    parallel_requests = MAX_PARALLEL_REQUESTS

    def __init__(self, model: Model, runtime: Runtime) -> None:
        self.model, self.runtime = model, runtime
        self.engine: ServedEngine | None = None
        if model.serve is None:
            self.settings = load_server_settings(model)
            is_private = check_host(model, self.settings, runtime)
            self.client = HttpClient(self.settings, read_api_key(model, self.settings), is_private)
        else:
            load_server_settings(model)  # a wrong key is said before anything is started
            self.engine = ServedEngine(model, runtime, read_timeouts(model)[LOAD_TIMEOUT])
            self.settings = load_server_settings(model, self.engine.base_url)
            self.client = HttpClient(self.settings, self.engine.key, private=True, is_ours=True)
        try:
            self.prepare()
            start_command = f"vllm serve {model.model_id}"
            self.client.check_server(Message("start_server", {"command": start_command}))
        except Skip as reason:
            self.close()
            figures = {"model": model.name, "what": reason.message}
            raise Skip(Message("of_model", figures)) from None
        except BaseException:
            self.close()
            raise

    @classmethod
    def server_address(cls, model: Model) -> str:
        """`base_url`, or what is started; a dash where both are missing, which a run says."""
        if model.serve is not None:
            return f"{format_engine_name(model)}, started for it"
        return str(model.backend_kwargs.get("base_url", "-"))

    @classmethod
    def needs_weights(cls, model: Model) -> bool:
        """Where an engine is started that loads a checkpoint as transformers does."""
        return loads_checkpoint(model)

    @classmethod
    def is_here(cls, model: Model, runtime: Runtime) -> bool:
        """Whether its weights are, where a server is started with them."""
        return has_weights(model, runtime)

    @classmethod
    def identity(cls, model: Model, runtime: Runtime) -> dict[str, Any]:
        """What decides a reply, as far as it can be known from here; the server is not asked. Of a
        server that is started, its port and its key are no part of it."""
        settings = load_server_settings(model)
        reply_settings = asdict(settings)
        base_url = reply_settings.pop("base_url")
        del reply_settings["api_key_env"]
        server: dict[str, Any] = {"base_url": base_url}
        if model.serve is not None:
            server = {"server": describe_engine(model, runtime)}
        return {**server, "served_model": model.model_id, "settings": reply_settings}

    @classmethod
    def cache_inputs(cls, model: Model, prompt: Prompt) -> dict[str, Any]:
        """The schema, where the server is made to keep to it."""
        return build_response_format(load_server_settings(model), prompt)

    @classmethod
    def find_warnings(cls, model: Model, runtime: Runtime) -> Sequence[Message]:
        """That a server will be started, which nothing shows while it loads."""
        if model.serve is None:
            return ()
        figures = {"model": model.name, "engine": format_engine_name(model)}
        return [Message("starts_server", figures)]

    def generate(self, prompt: Prompt) -> Generation:
        """The reply to one prompt; GenerationError says why there is none."""
        start_time = time.perf_counter()
        body = build_request(self.model, self.runtime, self.settings, prompt)
        preprocess_seconds = time.perf_counter() - start_time
        try:
            response = self.client.post("chat/completions", body)
            reply = parse_reply(response.chunks)
        except GenerationError as error:
            raise (self.engine.explain_error(error) if self.engine else error) from None
        if self.engine:
            self.engine.note_reply()
        first_token_seconds, decode_seconds = reply.first_token_seconds, None
        if first_token_seconds is not None and reply.last_token_seconds is not None:
            decode_seconds = reply.last_token_seconds - first_token_seconds
        mask = self.client.key_mask.mask  # once more: a stream may have it in pieces
        text = mask(reply.text)
        environment = self._describe_environment(reply)
        if response.attempts > 1:
            environment["attempts"] = response.attempts
            environment["waited_seconds"] = response.waited_seconds
        return Generation(
            raw_response=text,
            finish_reason=mask(reply.finish_reason),
            usage=parse_usage(reply),
            timing=Timing(preprocess_seconds, first_token_seconds, decode_seconds),
            mean_logprob=compute_mean_logprob(reply),
            tokens=parse_token_logprobs(reply) if text == reply.text else (),
            image_sizes=tuple(page.size for page in prompt.pages),
            environment=mask(environment),
        )

    def generate_batch(self, prompts: Sequence[Prompt]) -> list[Generation]:
        """The replies to prompts that are sent at the same time: how the server puts them together
        is its own."""
        with ThreadPoolExecutor(min(len(prompts), MAX_PARALLEL_REQUESTS)) as pool:
            return list(pool.map(self.generate, prompts))

    def prepare(self) -> None:
        """Starts the server, where a run has to, also after it died."""
        if self.engine:
            self.engine.ensure_started(self.client.is_ready)

    def close(self) -> None:
        """Ends the connections, and the server where it was started for them."""
        self.client.close()
        if self.engine:
            self.engine.close()

    def _describe_environment(self, reply: ChatReply) -> dict[str, Any]:
        place = f"the model runs behind {self.settings.base_url}"
        not_sent = [name for name in LOCAL_ONLY_SETTINGS if getattr(self.model, name)]
        served = dict(reply.server_info)
        if self.engine:
            place = f"the model runs in {self.engine.launch.label}, started for this run"
            not_sent = [*find_not_sent(self.model)]
            served |= self.engine.describe()
        device = {"value": "server", "reason": place}
        if reply.text_place != CONTENT:
            served["text_from"] = reply.text_place
        return {
            "device": device,
            "served": served,
            **({"not_sent": not_sent} if not_sent else {}),
        }


def build_request(
    model: Model, runtime: Runtime, settings: ServerSettings, prompt: Prompt
) -> dict[str, Any]:
    """The body of one request: the pages in their order, then the text, unless it is a variable of
    the chat template. Text alone is no list of parts, which not every server takes. `extra_body`
    overrules all of it; a null there takes a key out, for servers that refuse one."""
    content: Any = []
    for page in prompt.pages:
        url = encode_data_url(page.image, settings.image)
        content.append({"type": "image_url", "image_url": {"url": url}})
    if not takes_prompt(model.chat_template_kwargs):
        content.append({"type": "text", "text": prompt.text})
    if not model.image:
        content = "" if takes_prompt(model.chat_template_kwargs) else prompt.text
    body: dict[str, Any] = {
        "model": model.model_id,
        "messages": [{"role": "user", "content": content}],
        "seed": runtime.seed,
        **build_sampling_parameters(model.generation_kwargs),
    }
    if model.serve is not None and not model.generation_kwargs.get("do_sample"):
        body.setdefault("temperature", 0.0)  # as a model that is loaded here: greedy unless told
    if model.chat_template_kwargs:
        body["chat_template_kwargs"] = fill_prompt_in(model.chat_template_kwargs, prompt.text)
    if settings.logprobs:
        body["logprobs"] = True
    body |= build_response_format(settings, prompt)
    if settings.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    body |= settings.extra_body
    return {key: value for key, value in body.items() if value is not None}


def build_response_format(settings: ServerSettings, prompt: Prompt) -> dict[str, Any]:
    """`response_format` of a request, with the grammar that the reply must keep to; {} where it is
    free."""
    schema = build_reply_schema(settings.response_format, prompt)
    if schema is None:
        return {}
    json_schema = {"name": "document", "schema": schema}
    return {RESPONSE_FORMAT: {"type": JSON_SCHEMA, JSON_SCHEMA: json_schema}}


def build_sampling_parameters(generation_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """transformers' parameters as the API's: `max_new_tokens` is `max_tokens`, `do_sample: false` a
    temperature of 0."""
    parameters = {API_NAMES.get(key, key): value for key, value in generation_kwargs.items()}
    if parameters.pop("do_sample", None) is False:
        parameters["temperature"] = 0.0
    return parameters


def encode_data_url(image: Image, image_format: str) -> str:
    """The page as a `data:` URL. PNG loses nothing; JPEG is a third of the size where a server is
    far away."""
    buffer = io.BytesIO()
    if image_format == "jpeg":
        image.convert("RGB").save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    else:
        # Level 6 takes three times as long for a tenth less.
        image.save(buffer, "PNG", compress_level=1)
    return f"data:image/{image_format};base64,{base64.b64encode(buffer.getvalue()).decode()}"
