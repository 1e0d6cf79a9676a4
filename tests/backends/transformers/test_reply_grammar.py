"""pytest tests/backends/transformers/test_reply_grammar.py: replies that keep to a schema, alone,
in a batch and with beams; and what is said before a model is loaded for one that cannot."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

from tests.backends.transformers.test_families import job
from tests.checkpoints import NANO
from vlm_lab.backends.reply_schema import build_reply_schema
from vlm_lab.backends.transformers import batch, packages
from vlm_lab.backends.transformers.backend import Transformers
from vlm_lab.backends.transformers.loaded_model import LoadedModel
from vlm_lab.backends.transformers.reply_grammar import ReplyGrammar
from vlm_lab.backends.transformers.worker_error import WorkerError
from vlm_lab.errors import GenerationError, Skip, UserError
from vlm_lab.messages import in_english
from vlm_lab.types import Model, Prompt, Runtime

SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"enum": ["Invoice", "Receipt"]},
        "total": {"type": "string", "format": "decimal", "maxLength": 6},
        "lines": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3},
    },
    "required": ["title", "total", "lines"],
    "additionalProperties": False,
}
OTHER = {"type": "array", "items": {"enum": [1, 2]}, "minItems": 2, "maxItems": 2}
CONSTRAINED = {"response_format": "json_schema"}


def prompt(schema: Mapping[str, Any] = SCHEMA) -> Prompt:
    return Prompt(
        id="default", text="", pages=[], document_id="a", document_name="a.png", schema=schema
    )


def grammar_schema(schema: Mapping[str, Any] = SCHEMA) -> str:
    return json.dumps(build_reply_schema("json_schema", prompt(schema)))


def candidate(model_id: Path = NANO, **settings: Any) -> Model:
    return Model(name="m", model_id=str(model_id), **{"backend_kwargs": CONSTRAINED, **settings})


@pytest.fixture(params=["nano", "byte_level"])
def tokenizer(request: pytest.FixtureRequest, checkpoint: Callable[[str], Path]) -> Any:
    """One of words, which llguidance does not read itself, and one of bytes, which it does."""
    from transformers import AutoTokenizer

    folder = NANO if request.param == "nano" else checkpoint("qwen2_vl")
    return AutoTokenizer.from_pretrained(folder)


def write_randomly(processor: Any, rows: int, size: int, eos: int, steps: int = 400) -> Any:
    """What a model of noise says under a mask: each row until it ends, padded with zeros. The
    beginnings that it had before are rows, too: a prompt of two tokens."""
    import torch

    generator = torch.Generator().manual_seed(7)
    ids = torch.zeros((rows, 2), dtype=torch.long)
    for _ in range(steps):
        scores = processor(ids, torch.rand((rows, size), generator=generator))
        chosen = scores.argmax(-1)
        has_ended = (ids[:, 2:] == eos).any(-1)
        ids = torch.cat([ids, torch.where(has_ended, 0, chosen)[:, None]], 1)
    return ids[:, 2:]


def test_noise_under_a_mask_is_what_the_schema_says_in_every_row(tokenizer: Any) -> None:
    eos, size = tokenizer.eos_token_id, len(tokenizer) + 50  # a model's scores are often padded
    grammar = ReplyGrammar(tokenizer, {eos})
    schemas = [SCHEMA, OTHER, SCHEMA]
    processor = grammar.build_processor([grammar_schema(schema) for schema in schemas])
    for ids, schema in zip(write_randomly(processor, 3, size, eos).tolist(), schemas, strict=True):
        text = tokenizer.decode(ids[: ids.index(eos)])
        jsonschema.validate(json.loads(text), schema)


def test_a_row_without_a_schema_is_free(tokenizer: Any) -> None:
    import torch

    processor = ReplyGrammar(tokenizer, {tokenizer.eos_token_id}).build_processor(
        [None, grammar_schema()]
    )
    scores = processor(torch.zeros((2, 3), dtype=torch.long), torch.zeros((2, len(tokenizer))))
    assert torch.isfinite(scores[0]).all()
    assert 0 < torch.isfinite(scores[1]).sum() < 20


def test_a_beam_that_goes_on_from_another_has_the_other_ones_place(tokenizer: Any) -> None:
    """Two beams of one prompt change places, and one takes back several tokens."""
    import torch

    grammar = ReplyGrammar(tokenizer, {tokenizer.eos_token_id})
    said = [
        tokenizer.encode(text, add_special_tokens=False)
        for text in ('{"title": "Invoice", "tot', '{"title": "Receipt",\n   ')
    ]
    length = min(map(len, said))
    first, second = (ids[:length] for ids in said)
    beams = grammar.build_processor([grammar_schema()])
    zeros = torch.zeros((2, len(tokenizer)))
    beams(torch.zeros((2, 0), dtype=torch.long), zeros)  # a prompt of no tokens
    for rows in ([first[:1], second[:1]], [first, second], [second, first], [first, first]):
        allowed = torch.isfinite(beams(torch.tensor(rows), zeros))
        for row, ids in zip(allowed, rows, strict=True):
            fresh = grammar.build_processor([grammar_schema()])
            fresh(torch.zeros((1, 0), dtype=torch.long), zeros[:1])
            assert row.equal(torch.isfinite(fresh(torch.tensor([ids]), zeros[:1]))[0])


def test_what_the_grammar_never_allowed_is_an_error(tokenizer: Any) -> None:
    import torch

    processor = ReplyGrammar(tokenizer, {tokenizer.eos_token_id}).build_processor(
        [grammar_schema()]
    )
    scores = torch.zeros((1, len(tokenizer)))
    processor(torch.zeros((1, 0), dtype=torch.long), scores)
    wrong = tokenizer.encode("}", add_special_tokens=False)
    with pytest.raises(WorkerError, match="grammar was given up .*satisfy the grammar"):
        processor(torch.tensor([wrong]), scores)


class SplitTokens:
    """A tokenizer that cannot be had as bytes: a token alone is not what it is in a text."""

    bos_token_id, all_special_ids = None, [0]

    def __len__(self) -> int:
        return 300

    def encode(self, text: str, **kwargs: Any) -> list[int]:
        return [ord(letter) for letter in text]

    def decode(self, ids: list[int], **kwargs: Any) -> str:
        return " ".join(map(chr, ids))


def test_a_tokenizer_that_cannot_be_used_is_said() -> None:
    with pytest.raises(WorkerError, match=r"no tokenizer of this kind \(SplitTokens\)"):
        ReplyGrammar(SplitTokens(), {0})
    with pytest.raises(WorkerError, match="no token that ends"):
        ReplyGrammar(SplitTokens(), {None})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def constrained() -> LoadedModel:
    return LoadedModel({**job(NANO), **CONSTRAINED})


def request(**generation_kwargs: Any) -> dict[str, Any]:
    image = Image.effect_noise((120, 90), 40).convert("RGB")
    return {
        "pages": [(image.size, image.tobytes())],
        "prompt_text": "Return JSON.",
        "generation_kwargs": {"max_new_tokens": 200, **generation_kwargs},
        "seed": 0,
        "reply_schemas": [grammar_schema()],
    }


@pytest.mark.parametrize(
    "generation_kwargs", [{}, {"num_beams": 3}, {"temperature": 1.5}], ids=["greedy", "beams", "t"]
)
def test_the_small_model_keeps_to_a_schema_that_it_never_saw(
    constrained: LoadedModel, generation_kwargs: Mapping[str, Any]
) -> None:
    reply = constrained.generate_reply(request(**generation_kwargs))
    assert reply["finish_reason"] == "stop"
    jsonschema.validate(json.loads(reply["text"]), SCHEMA)
    # A token that was left alone is as doubtful as it was: no certainty comes from the mask.
    assert reply["mean_logprob"] < -0.5
    assert constrained.environment["response_format"]["value"] == "json_schema"


def test_a_padded_batch_keeps_to_the_schema_of_each_prompt(constrained: LoadedModel) -> None:
    one = request()
    prompts = [("Return JSON.", 1), ("A longer prompt that pads the other one.", 1)]
    several = {
        **one,
        "pages": one["pages"] * 2,
        "batch_prompts": prompts,
        "reply_schemas": [grammar_schema(), grammar_schema(OTHER)],
    }
    replies = batch.generate_replies(constrained, several)["replies"]
    for reply, schema in zip(replies, (SCHEMA, OTHER), strict=True):
        jsonschema.validate(json.loads(reply["text"]), schema)
    assert replies[0]["text"] == constrained.generate_reply(one)["text"]


def test_a_prompt_without_a_schema_is_free_as_it_is_with_a_server() -> None:
    assert build_reply_schema("json_schema", prompt({})) is None
    assert build_reply_schema(None, prompt()) is None


def test_a_replys_key_has_the_schema_and_the_packages_version(tmp_path: Path) -> None:
    runtime = Runtime(cache=tmp_path)
    held, free = candidate(), candidate(backend_kwargs={})
    assert Transformers.cache_inputs(free, prompt()) == {}
    assert Transformers.cache_inputs(held, prompt()) != Transformers.cache_inputs(
        held, prompt(OTHER)
    )
    assert "llguidance" not in Transformers.identity(free, runtime)
    assert Transformers.identity(held, runtime)["llguidance"]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"$ref": "#/$defs/none"}, "does not exist"),
    ],
)
def test_a_schema_that_makes_no_grammar_is_said_before_a_model_is_loaded(
    schema: Mapping[str, Any], said: str
) -> None:
    with pytest.raises(GenerationError, match=f"no grammar can be made .*{said}") as error:
        Transformers.cache_inputs(candidate(), prompt(schema))
    assert error.value.kind == "Grammar"


def test_a_missing_package_is_said_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Runtime(cache=tmp_path / "cache")
    elsewhere = candidate(python="envs/m/bin/python")  # has no packages at all
    with pytest.raises(Skip, match="m: response_format: json_schema needs .* llguidance; ") as skip:
        packages.check_packages(elsewhere, runtime, NANO)
    assert str(skip.value).endswith(f"{tmp_path}/envs/m/bin/python -m pip install llguidance")
    monkeypatch.setattr(
        packages, "read_package_versions", lambda python, names: dict.fromkeys(names)
    )
    with pytest.raises(Skip, match=r"pip install -e .*\[constrained\]"):
        Transformers.identity(candidate(), runtime)
    (warning,) = Transformers.find_warnings(candidate(), runtime)
    assert "llguidance" in in_english(warning)
    assert not Transformers.find_warnings(candidate(backend_kwargs={}), runtime)


@pytest.mark.parametrize(
    ("model_type", "response_format", "words"),
    [
        ("qwen2_vl", "xml", "response_format must be json_schema .got 'xml'"),
        ("vision-encoder-decoder", "json_schema", "answers in tags of its own"),
    ],
)
def test_what_no_reply_can_be_held_to_is_said_before_anything_is_loaded(
    tmp_path: Path, model_type: str, response_format: str, words: str
) -> None:
    for path in NANO.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    model = candidate(tmp_path, backend_kwargs={"response_format": response_format})
    with pytest.raises(UserError, match=words):
        Transformers.identity(model, Runtime(cache=tmp_path / "cache"))
    with pytest.raises(UserError, match=words):
        Transformers(replace(model, name="n"), Runtime(cache=tmp_path / "cache"))
