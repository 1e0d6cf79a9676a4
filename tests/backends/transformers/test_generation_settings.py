"""What decides how a reply is decoded: models.yaml, the checkpoint's own settings, and what of
those is switched off."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.backends.transformers.test_broken_checkpoints import job
from tests.checkpoints import NANO, copy_nano
from vlm_lab.backends.transformers.backend import Transformers
from vlm_lab.backends.transformers.generation_settings import read_decoding, resolve_decoding
from vlm_lab.backends.transformers.loaded_model import LoadedModel
from vlm_lab.types import Model, Runtime

# What a maker of chat models ships.
CHATTY = {
    "do_sample": True,
    "temperature": 0.01,
    "top_p": 0.001,
    "top_k": 1,
    "repetition_penalty": 1.05,
    "eos_token_id": [1, 3],
    "pad_token_id": 0,
    "bad_words_ids": [[6]],
    "transformers_version": "4.49.0",
}
GREEDY = {"do_sample": False, "max_new_tokens": 1024}
KEPT = {"eos_token_id": [1, 3], "pad_token_id": 0, "bad_words_ids": [[6]]}


@pytest.mark.parametrize(
    ("requested", "own", "effective", "overruled"),
    [
        ({}, {}, GREEDY, ()),
        (
            {"temperature": 0.0},
            CHATTY,
            {**GREEDY, **KEPT},
            ("do_sample", "repetition_penalty", "top_p", "top_k"),
        ),
        ({"repetition_penalty": 1.1}, {}, {**GREEDY, "repetition_penalty": 1.1}, ()),
        (
            {"repetition_penalty": 1.1},
            CHATTY,
            {**GREEDY, **KEPT, "repetition_penalty": 1.1},
            ("do_sample", "temperature", "top_p", "top_k"),
        ),
        (
            {"temperature": 0.7},
            CHATTY,
            {
                "max_new_tokens": 1024,
                **KEPT,
                "do_sample": True,
                "temperature": 0.7,
                "top_p": 1.0,
                "top_k": 0,
            },
            ("do_sample", "repetition_penalty", "top_p", "top_k"),
        ),
        ({}, {"no_repeat_ngram_size": 35}, GREEDY, ("no_repeat_ngram_size",)),
        ({}, {"encoder_repetition_penalty": 1.2}, GREEDY, ("encoder_repetition_penalty",)),
        ({}, {"num_beams": 4, "length_penalty": 2.0}, GREEDY, ("num_beams", "length_penalty")),
        # transformers' defaults, as it writes them into files
        ({}, {"top_k": 50, "top_p": 1.0, "temperature": 1.0, "num_beams": 1}, GREEDY, ()),
    ],
)
def test_what_changes_digits_is_off_unless_models_yaml_asks(
    requested: Mapping[str, Any],
    own: Mapping[str, Any],
    effective: Mapping[str, Any],
    overruled: tuple[str, ...],
) -> None:
    decoding = resolve_decoding(requested, own, decodes_as_made=False)
    assert decoding.effective == effective
    assert set(decoding.overruled) == set(overruled)
    assert all(decoding.overruled[name] == own[name] for name in overruled)


def test_a_family_that_was_trained_with_its_makers_settings_keeps_them(tmp_path: Path) -> None:
    own = {"num_beams": 3, "no_repeat_ngram_size": 3, "early_stopping": True}
    (tmp_path / "generation_config.json").write_text(json.dumps(own))
    for model_type, beams in (("florence2", 3), ("qwen2_vl", 1)):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
        assert read_decoding(tmp_path, {}).beam_count == beams
        assert bool(read_decoding(tmp_path, {}).overruled) == (beams == 1)
        assert read_decoding(tmp_path, {"num_beams": 2}).beam_count == 2


@pytest.fixture(scope="module")
def chatty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint that ships, with a maker's settings that would change what it says."""
    folder = copy_nano(tmp_path_factory.mktemp("chatty"))
    own = {**CHATTY, "repetition_penalty": 5.0, "eos_token_id": 1, "temperature": 5.0, "top_k": 40}
    (folder / "generation_config.json").write_text(json.dumps(own))
    return folder


def request(**generation_kwargs: Any) -> dict[str, Any]:
    image = Image.effect_noise((200, 120), 40).convert("RGB")
    return {
        "pages": [(image.size, image.tobytes())],
        "prompt_text": "Return JSON.",
        "generation_kwargs": {"max_new_tokens": 24, **generation_kwargs},
        "seed": 0,
    }


def test_a_makers_settings_change_no_reply_and_are_recorded(chatty: Path) -> None:
    loaded = LoadedModel(job(chatty))
    one_request = request()
    reply = loaded.generate_reply(one_request)
    plain = LoadedModel(job(NANO)).generate_reply(one_request)
    assert reply["text"] == plain["text"]
    # The words that it never says take no probability: no other digit than the fifth.
    assert reply["mean_logprob"] == pytest.approx(plain["mean_logprob"], abs=1e-4)
    overruled = reply["generation"]["overruled"]
    assert (overruled["repetition_penalty"], overruled["temperature"]) == (5.0, 5.0)
    assert reply["generation"]["settings"]["do_sample"] is False
    assert "repetition_penalty" not in reply["generation"]["settings"]
    asked = loaded.generate_reply({**one_request, **request(repetition_penalty=5.0)})
    assert asked["generation"]["settings"]["repetition_penalty"] == 5.0
    assert asked["text"] != plain["text"]


def test_what_holds_is_a_part_of_a_replys_key(chatty: Path, tmp_path: Path) -> None:
    """Also what the suite itself switches off: with another rule it would be another reply."""
    model = Model(name="m", model_id=str(chatty), generation_kwargs={"max_new_tokens": 24})
    identity = Transformers.identity(model, Runtime(cache=tmp_path))
    loaded = LoadedModel(job(chatty)).resolve_decoding(dict(model.generation_kwargs))
    settings = {"do_sample": False, "max_new_tokens": 24, "bad_words_ids": [[6]]}
    assert settings.items() <= identity["generation"].items()
    assert identity["generation"].keys() == loaded.effective.keys()


def test_what_a_library_says_of_a_setting_stands_in_the_record(chatty: Path) -> None:
    loaded = LoadedModel(job(chatty))
    reply = loaded.generate_reply(request(typical_p=0.4))
    assert any("typical_p" in message for message in reply["library_messages"])


def test_beams_have_seconds_probabilities_and_memory(chatty: Path) -> None:
    """The log-probabilities are those that transformers computes from all scores."""
    loaded = LoadedModel(job(chatty))
    one_request = request(num_beams=4)
    reply = loaded.generate_reply(one_request)
    assert reply["generation"]["settings"]["num_beams"] == 4
    assert all(seconds > 0 for seconds in reply["timing"])
    assert reply["peak_memory_bytes"] > 1e8
    assert "".join(text for text, _ in reply["tokens"]) == reply["text"]
    inputs = loaded.build_inputs(one_request)
    output = loaded.model.generate(
        **inputs,
        **loaded.resolve_decoding(one_request["generation_kwargs"]).kwargs,
        return_dict_in_generate=True,
        output_scores=True,
    )
    expected = loaded.model.compute_transition_scores(
        output.sequences, output.scores, output.beam_indices
    )[0].tolist()
    assert len(expected) == len(reply["tokens"]) == reply["output_tokens"] > 1
    # A beam's scores add up: each step's is what it adds to the beam's.
    assert [logprob for _, logprob in reply["tokens"]] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("family", ["florence2", "donut"])
def test_beams_of_an_encoder_and_decoder_begin_after_its_start(
    checkpoint: Any, family: str
) -> None:
    loaded = LoadedModel(job(checkpoint(family)))
    greedy, beams = (
        loaded.generate_reply(request(num_beams=count, max_new_tokens=4)) for count in (1, 3)
    )
    assert greedy["output_tokens"] in range(1, 5)
    assert beams["output_tokens"] in range(1, 5)
    assert beams["mean_logprob"] >= greedy["mean_logprob"] - 1e-6
