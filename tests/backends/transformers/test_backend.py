"""Real checkpoints with random weights, in real worker processes: what comes back, and what is left
behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image, ImageDraw

from tests.processes import has_ended
from vlm_lab import pixel_file
from vlm_lab.backends.transformers.backend import Transformers
from vlm_lab.backends.transformers.families import predict_visual_tokens
from vlm_lab.errors import GenerationError, Skip, UserError
from vlm_lab.pixel_file import PixelFile, StoredPixels
from vlm_lab.types import Generation, Model, Page, Prompt, Runtime

TEXT = "Return the invoice as JSON. Verkäufer, Счёт №"


def page(background: str = "white") -> Page:
    """A page with words on it."""
    image = Image.new("RGB", (620, 877), background)
    draw = ImageDraw.Draw(image)
    for row in range(20):
        draw.text(
            (40, 40 + 38 * row), f"Invoice 2024-{row:03}   Total {row * 17}.50 EUR", fill="black"
        )
    return Page.from_image(0, image)


def prompt(text: str = TEXT, pages: int = 1) -> Prompt:
    return Prompt(
        id="default",
        text=text,
        pages=[page()] * pages,
        document_id="inv_1",
        document_name="inv_1.pdf",
    )


def candidate(folder: Path, **kwargs: Any) -> Model:
    settings = {"generation_kwargs": {"max_new_tokens": 8, "temperature": 0.0}, **kwargs}
    return Model(name="tiny", model_id=str(folder), **settings)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    return Runtime(cache=tmp_path_factory.mktemp("cache"), device="cpu")


@pytest.fixture(scope="module")
def qwen(checkpoint: Any, runtime: Runtime) -> Iterator[Transformers]:
    backend = Transformers(candidate(checkpoint("qwen2_vl")), runtime)
    yield backend
    backend.close()


def by_hand(folder: Path, dtype: str, tokens: int) -> Mapping[str, Any]:
    """The same case as a user would write it, in this process: processor, generate, decode."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoTokenizer, Qwen2VLImageProcessorPil

    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pixels = Qwen2VLImageProcessorPil.from_pretrained(folder)(
        images=[page().image], return_tensors="pt"
    )
    visual = int(pixels["image_grid_thw"].prod()) // 4
    content = [{"type": "image"}, {"type": "text", "text": TEXT}]
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
    ).replace("<|image_pad|>", "<|image_pad|>" * visual)
    inputs = tokenizer(text, return_tensors="pt")
    kinds = (inputs["input_ids"] == model.config.image_token_id).int()
    with torch.inference_mode():
        output = model.generate(
            **inputs,
            **pixels.to(dtype=model.dtype),
            mm_token_type_ids=kinds,
            max_new_tokens=tokens,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=True,
        )
    ids = output.sequences[0, inputs["input_ids"].shape[1] :]
    logprobs = [
        float(step[0].log_softmax(-1)[i]) for step, i in zip(output.logits, ids, strict=True)
    ]
    return {
        "text": tokenizer.decode(ids, skip_special_tokens=True),
        "prompt": inputs["input_ids"].shape[1],
        "visual": visual,
        "logprobs": logprobs,
    }


def test_a_reply_is_what_a_hand_written_loop_gets(qwen: Transformers, checkpoint: Any) -> None:
    reply = qwen.generate(prompt())
    hand = by_hand(checkpoint("qwen2_vl"), qwen.environment["dtype"]["value"], 8)
    assert reply.raw_response == hand["text"]
    assert (reply.usage.prompt_tokens, reply.usage.visual_tokens) == (
        hand["prompt"],
        hand["visual"],
    )
    assert reply.usage.output_tokens == 8
    assert reply.finish_reason == "length"
    assert [value for _, value in reply.tokens] == pytest.approx(hand["logprobs"], abs=1e-3)
    assert reply.mean_logprob == pytest.approx(sum(hand["logprobs"]) / 8, abs=1e-3)


def test_a_reply_says_what_it_cost_and_was_made_with(qwen: Transformers) -> None:
    start = time.perf_counter()
    reply = qwen.generate(prompt())
    parts = [reply.timing.preprocess, reply.timing.first_token, reply.timing.decode]
    assert all(part is not None and part > 0 for part in parts)
    assert sum(part or 0 for part in parts) < time.perf_counter() - start
    assert reply.peak_memory_bytes is not None
    assert 1e8 < reply.peak_memory_bytes < 4e9
    assert reply.image_sizes == ((364, 532),)
    assert all(
        reply.environment[name]["reason"] for name in ("device", "dtype", "attn_implementation")
    )
    assert reply.environment["processor"] == "Qwen2VLProcessor"
    assert reply.environment["weights"] == qwen.weights.digest


def test_greedy_replies_do_not_change(qwen: Transformers) -> None:
    assert qwen.generate(prompt()).tokens == qwen.generate(prompt()).tokens


def test_on_a_gpu_each_worker_answers_once_before_anything_is_timed(
    checkpoint: Any, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which no CPU does; the device is what the worker is said to have chosen."""
    model = candidate(checkpoint("qwen2_vl"))
    model = replace(model, generation_kwargs={**model.generation_kwargs, "min_new_tokens": 8})
    backend = Transformers(model, runtime)
    asked: list[int] = []
    ask = backend._supervisor.request_answer

    def count(request: dict[str, Any], *arguments: Any, **options: Any) -> Any:
        answer = ask(request, *arguments, **options)
        asked.append(answer["output_tokens"])
        return answer

    monkeypatch.setattr(backend._supervisor, "request_answer", count)
    try:
        backend.warm_up(prompt())
        assert asked == []
        for _ in range(2):
            backend._warm_worker = None
            backend.environment["device"] = {"value": "cuda:0"}
            backend.warm_up(prompt())
            backend.warm_up(prompt())
        assert asked == [2, 2]
        assert backend.generate(prompt()).usage.output_tokens == 8
    finally:
        backend.close()


def test_a_batch_says_what_its_prompts_say_alone_announced_or_not(qwen: Transformers) -> None:
    prompts = [prompt(), prompt("What is the total?"), prompt(pages=2)]
    alone = [qwen.generate(each) for each in prompts]
    first: list[list[Generation]] = []
    asking = threading.Thread(target=lambda: first.append(qwen.generate_batch(prompts)))
    asking.start()
    again = [replace(each) for each in prompts]
    qwen.announce_batch(again)
    asking.join()
    for batch in (*first, qwen.generate_batch(again)):
        for reply, single in zip(batch, alone, strict=True):
            assert reply.raw_response == single.raw_response
            assert reply.usage == single.usage
            assert reply.image_sizes == single.image_sizes


def test_a_batch_that_was_announced_to_a_worker_that_died_is_asked_whole(
    qwen: Transformers,
) -> None:
    prompts = [prompt(), prompt("What is the total?")]
    expected = [reply.raw_response for reply in qwen.generate_batch(prompts)]
    qwen.announce_batch(prompts)
    assert qwen.worker
    os.kill(qwen.worker.pid, signal.SIGKILL)
    with pytest.raises(GenerationError):
        qwen.generate_batch(prompts)
    qwen.prepare()
    assert [reply.raw_response for reply in qwen.generate_batch(prompts)] == expected


@pytest.fixture
def asked(qwen: Transformers, monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """What the worker is asked."""
    requests: list[Mapping[str, Any]] = []
    ask = qwen._supervisor.request_answer

    def note(request: Mapping[str, Any], *arguments: Any, **options: Any) -> Any:
        requests.append(request)
        return ask(request, *arguments, **options)

    monkeypatch.setattr(qwen._supervisor, "request_answer", note)
    return requests


@pytest.mark.parametrize("pages", [1, 2])
def test_announced_pages_are_answered_as_others_are(
    qwen: Transformers, asked: list[Mapping[str, Any]], pages: int
) -> None:
    alone = qwen.generate(prompt(pages=pages))
    announced = prompt("What is the total?", pages)
    qwen.announce_pages(announced)
    reply = qwen.generate(replace(announced, text=TEXT))  # words may come late, from an OCR engine
    assert (reply.raw_response, reply.tokens) == (alone.raw_response, alone.tokens)
    assert ["opened_pages" in request for request in asked] == [False, True]


def test_no_reply_is_to_pages_that_were_announced_and_not_asked_about(
    qwen: Transformers, asked: list[Mapping[str, Any]]
) -> None:
    white, grey = (replace(prompt(), pages=[page(name)]) for name in ("white", "grey"))
    tokens = [qwen.generate(each).tokens for each in (white, grey)]
    assert tokens[0] != tokens[1]
    qwen.announce_pages(white)
    assert qwen.generate(grey).tokens == tokens[1]
    qwen.announce_pages(grey)
    qwen.announce_pages(white)
    assert [qwen.generate(each).tokens for each in (white, white, grey)] == [
        *tokens[:1] * 2,
        tokens[1],
    ]
    assert ["opened_pages" in request for request in asked[2:]] == [False, True, False, False]


def test_pages_that_were_announced_to_a_worker_that_died_are_asked_about_anew(
    qwen: Transformers, asked: list[Mapping[str, Any]]
) -> None:
    expected = qwen.generate(prompt()).tokens
    announced = prompt()
    qwen.announce_pages(announced)
    assert qwen.worker
    os.kill(qwen.worker.pid, signal.SIGKILL)
    with pytest.raises(GenerationError):
        qwen.generate(prompt())
    qwen.announce_pages(announced)  # while there is no worker
    qwen.prepare()
    assert qwen.generate(announced).tokens == expected
    assert not any("opened_pages" in request for request in asked)


def test_pages_that_a_worker_was_not_told_of_are_opened_when_it_is_asked(
    qwen: Transformers, asked: list[Mapping[str, Any]]
) -> None:
    expected = qwen.generate(prompt()).tokens
    announced = prompt()
    qwen.announce_pages(announced)
    assert qwen._announcer._pages
    qwen._announcer._pages = replace(qwen._announcer._pages, number=999)
    assert qwen.generate(announced).tokens == expected
    assert asked[1]["opened_pages"] == 999


def test_pages_that_cannot_be_opened_ahead_are_said_when_they_are_asked_about(
    qwen: Transformers,
) -> None:
    broken = Page(0, (700, 900), StoredPixels(PixelFile(os.dup(0)), 0, 3 * 700 * 900))
    announced = replace(prompt(), pages=[broken])
    qwen.announce_pages(announced)
    assert qwen.generate(prompt()).raw_response
    qwen.announce_pages(announced)
    with pytest.raises(GenerationError) as caught:
        qwen.generate(announced)
    assert caught.value.kind != "WorkerDied"
    assert qwen.generate(prompt()).raw_response


def test_pages_that_are_nowhere_but_here_are_not_sent_twice(
    qwen: Transformers, asked: list[Mapping[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixel_file, "create_pixel_file", lambda: None)
    announced = prompt()
    qwen.announce_pages(announced)
    assert qwen.generate(announced).raw_response
    assert "opened_pages" not in asked[0]


def test_visual_tokens_are_predicted_without_a_model(qwen: Transformers) -> None:
    reply = qwen.generate(prompt(pages=2))
    sizes = [page().image.size] * 2
    assert (
        predict_visual_tokens(qwen.weights.folder, qwen.model, sizes) == reply.usage.visual_tokens
    )


def test_a_prompt_beyond_the_window_says_by_how_much(qwen: Transformers) -> None:
    with pytest.raises(
        GenerationError, match=r"16,\d\d\d tokens, \d+ too many .* 16,384"
    ) as caught:
        qwen.generate(prompt("word " * 3250))
    assert caught.value.kind == "ContextOverflow"
    assert qwen.generate(prompt()).raw_response


def test_identity_knows_the_choices_once_a_worker_made_them(
    qwen: Transformers, tmp_path: Path
) -> None:
    known = Transformers.identity(qwen.model, qwen.runtime)
    assert known["device"] == "cpu"
    assert known["weights"] == qwen.weights.digest
    assert known["transformers"]
    fresh = Transformers.identity(qwen.model, replace(qwen.runtime, cache=tmp_path))
    assert {fresh[name] for name in ("device", "dtype", "attn_implementation")} == {None}
    assert Transformers.identity(replace(qwen.model, dtype="float16"), qwen.runtime) != known


def endless(folder: Path, **kwargs: Any) -> Model:
    """A candidate that is still writing when a test has done its worst."""
    return candidate(
        folder, generation_kwargs={"max_new_tokens": 15000, "eos_token_id": None}, **kwargs
    )


def test_a_worker_killed_in_the_middle_fails_its_case_and_comes_back_once(
    checkpoint: Any, runtime: Runtime
) -> None:
    backend = Transformers(endless(checkpoint("qwen2_vl")), runtime)
    try:
        for _ in range(2):
            backend._ensure_worker()
            assert backend.worker is not None
            threading.Timer(0.7, os.kill, (backend.worker.pid, signal.SIGKILL)).start()
            with pytest.raises(GenerationError, match="killed by SIGKILL") as caught:
                backend.generate(prompt())
            assert caught.value.kind == "WorkerDied"
        start = time.monotonic()
        with pytest.raises(GenerationError, match="not started again after 2 deaths"):
            backend.generate(prompt())
        assert time.monotonic() - start < 0.1
    finally:
        backend.close()


def test_a_reply_that_takes_too_long_is_a_timeout_and_nothing_goes_on(
    checkpoint: Any, runtime: Runtime
) -> None:
    backend = Transformers(
        endless(checkpoint("qwen2_vl"), backend_kwargs={"reply_timeout": 0.5}), runtime
    )
    assert backend.worker is not None
    pid = backend.worker.pid
    with pytest.raises(GenerationError, match=r"no answer within 0\.5 s") as caught:
        backend.generate(prompt())
    assert caught.value.kind == "Timeout"
    assert has_ended(pid, 0.1)


def test_close_leaves_no_process_no_open_file_and_no_memory(
    checkpoint: Any, runtime: Runtime
) -> None:
    this = psutil.Process()
    model = candidate(checkpoint("qwen2_vl"))
    for _ in range(2):  # the first run's imports stay
        before, files = this.memory_info().rss, this.num_fds()
        backend = Transformers(model, runtime)
        backend.generate(prompt())
        assert backend.worker is not None
        pid = backend.worker.pid
        backend.close()
        assert not psutil.pid_exists(pid)
    assert this.memory_info().rss - before < 50e6
    assert this.num_fds() <= files
    backend.close()


PARENT = """
import sys, threading
from pathlib import Path
from tests.backends.transformers.test_backend import Transformers, endless, prompt
from vlm_lab.types import Runtime
backend = Transformers(endless(Path(sys.argv[1])), Runtime(cache=Path(sys.argv[2]), device="cpu"))
print(backend.worker.pid, flush=True)
backend.generate(prompt())
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_orphan_is_left_when_the_parent_dies_in_the_middle(
    checkpoint: Any, runtime: Runtime, end: signal.Signals
) -> None:
    """The worker is in the middle of generate, and would be for minutes."""
    command = [sys.executable, "-c", PARENT, str(checkpoint("qwen2_vl")), str(runtime.cache)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.5)
        assert psutil.pid_exists(pid)
        parent.send_signal(end)
        assert has_ended(pid, 2)


def test_what_is_wrong_is_said_before_anything_is_loaded(
    checkpoint: Any, runtime: Runtime, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = checkpoint("qwen2_vl")
    capfd.readouterr()  # what building it says
    with pytest.raises(Skip, match="vlm-lab weights fetch tiny"):
        Transformers(candidate(Path("some/model")), runtime)
    with pytest.raises(UserError, match="torch .* sees 0 CUDA devices; use --device auto"):
        Transformers(candidate(folder), replace(runtime, device="cuda"))
    with pytest.raises(
        UserError, match="flash_attention_2 cannot be had: package flash_attn is not installed"
    ):
        Transformers(candidate(folder, attn_implementation="flash_attention_2"), runtime)
    with pytest.raises(UserError, match="AutoModelForImageTextToText"):
        Transformers(
            candidate(folder, load_kwargs={"auto_class": "AutoModelForVision2Seq"}), runtime
        )
    with pytest.raises(UserError, match="reply_timeout, in seconds above 0"):
        Transformers(candidate(folder, backend_kwargs={"timeout": 3}), runtime)
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint with code of its own, in Phi-3-vision's form."""
    from tests.phi3_stand_in.make import make

    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    make(tmp_path / "own")
    return tmp_path / "own"


def test_code_of_its_own_is_asked_in_its_form(own_code: Path, runtime: Runtime) -> None:
    """Places for the pages in the text, words for its template, a door and an attention that
    config.json names."""
    backend = Transformers(
        candidate(own_code, trust_remote_code=True, attn_implementation="eager"), runtime
    )
    try:
        one, two = (backend.generate(prompt(pages=pages)) for pages in (1, 2))
        assert (one.usage.visual_tokens, two.usage.visual_tokens) == (12, 24)
        assert two.usage.prompt_tokens == (one.usage.prompt_tokens or 0) + 12 + len("\n")
        form = "<|user|>", "\n", "\n", *TEXT.encode(), "<|end|>", "\n", "<|assistant|>", "\n"
        assert one.usage.prompt_tokens == 12 + len(form)
        assert one.raw_response
        assert (one.image_sizes, two.image_sizes) == (((28, 28),), ((28, 28),) * 2)
        assert backend.environment["model_class"] == "StandInForCausalLM"
    finally:
        backend.close()


def test_code_that_needs_what_is_not_here_says_so(own_code: Path, runtime: Runtime) -> None:
    """torchvision, which the code of Phi-3-vision imports; here or in another interpreter."""
    code = own_code / "processing_stand_in.py"
    code.write_text("import torchvision\n" + code.read_text())
    trusted = candidate(own_code, trust_remote_code=True, attn_implementation="eager")
    with pytest.raises(
        GenerationError, match=r"torchvision.* other versions: \S*vlm-lab models env tiny"
    ):
        Transformers(trusted, runtime)
    with pytest.raises(
        Skip, match=rf"python: {sys.executable} lacks .*torchvision.*: \S*vlm-lab models env tiny"
    ):
        Transformers(replace(trusted, python=sys.executable), runtime)


def test_an_interpreter_that_cannot_run_a_model_is_said_with_the_command_that_makes_one(
    checkpoint: Any, runtime: Runtime, tmp_path: Path
) -> None:
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True
    )
    (tmp_path / "odd").write_text("#!/bin/sh\necho no such thing >&2\n")
    (tmp_path / "odd").chmod(0o755)
    reasons = {
        "none": r"does not start \(.*No such file.*\)",
        "odd": r"is no Python that works \(no such thing\)",
        "bare/bin/python": r"lacks what this model needs "
        r"\(ModuleNotFoundError: No module named 'torch'\)",
    }
    for name, reason in reasons.items():
        model = candidate(checkpoint("llava"), python=str(tmp_path / name))
        with pytest.raises(
            Skip, match=rf"tiny: python: \S+/{name} {reason}; .*vlm-lab models env tiny$"
        ):
            Transformers(model, runtime)
    model = candidate(checkpoint("llava"), python="bare/bin/python")
    with pytest.raises(Skip, match=rf"tiny: python: bare/bin/python {reasons['bare/bin/python']}"):
        Transformers(model, replace(runtime, cache=tmp_path / "cache"))


def test_weights_that_cannot_be_read_are_said_with_their_reason(
    checkpoint: Any, runtime: Runtime, tmp_path: Path
) -> None:
    for file in checkpoint("qwen2_vl").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(GenerationError, match="could not be loaded: .*afetensor"):
        Transformers(candidate(tmp_path), runtime)


@pytest.mark.parametrize("family", ["llava", "llava_next", "smolvlm"])
def test_other_families_answer_through_the_worker(
    checkpoint: Any, runtime: Runtime, family: str
) -> None:
    """LLaVA 1.5 and NeXT, and one whose processor wants a video half that is not there."""
    backend = Transformers(candidate(checkpoint(family)), runtime)
    try:
        reply = backend.generate(prompt(pages=2))
        assert reply.usage.output_tokens == 8
        assert reply.usage.visual_tokens is not None
        assert reply.usage.visual_tokens < (reply.usage.prompt_tokens or 0)
        predicted = predict_visual_tokens(
            backend.weights.folder, backend.model, [page().image.size] * 2
        )
        assert predicted in (None, reply.usage.visual_tokens)
    finally:
        backend.close()


def test_a_worker_that_died_between_two_cases_is_quoted(checkpoint: Any, runtime: Runtime) -> None:
    backend = Transformers(candidate(checkpoint("llava")), runtime)
    try:
        assert backend.worker is not None
        os.kill(backend.worker.pid, signal.SIGKILL)
        with pytest.raises(
            GenerationError, match=r"killed by SIGKILL .* the last it said: .*Loading weights"
        ):
            backend.generate(prompt())
        assert backend.generate(prompt()).raw_response is not None
    finally:
        backend.close()
