"""Each family of the table: a tiny checkpoint with its real classes, run over a page, its tokens counted."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from tests.checkpoints import FAMILIES
from vlm_lab.backends import families
from vlm_lab.backends.gateway import MODULES, sources
from vlm_lab.backends.loaded import Failed, Loaded
from vlm_lab.types import Model

# PaliGemma's processor asks Pillow's images for an array in the way that numpy 2 warns of; the worker's log has it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZES = [(620, 877), (877, 620), (300, 1500), (90, 40)]


def page(size: tuple[int, int]) -> tuple[tuple[int, int], bytes]:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((5, 5), "Invoice 2024-001 Total 17.50 EUR", fill="black")
    return size, image.tobytes()


def job(folder: Path, **kwargs: Any) -> dict[str, Any]:
    plain = {"device": "cpu", "dtype": "float32", "attn_implementation": "auto", "trust_remote_code": False}
    return {"folder": str(folder), **plain, "processor_kwargs": {}, "load_kwargs": {}, **kwargs}


def request_of(*sizes: tuple[int, int], text: str = "Read it.") -> dict[str, Any]:
    return {
        "pages": [page(size) for size in sizes],
        "text": text,
        "generation_kwargs": {"max_new_tokens": 4},
        "seed": 0,
    }


@pytest.fixture(scope="module", params=FAMILIES)
def loaded(request: pytest.FixtureRequest, checkpoint: Callable[[str], Path]) -> Loaded:
    return Loaded(job(checkpoint(request.param)))


def test_a_family_answers_and_its_tokens_are_as_predicted(loaded: Loaded) -> None:
    model = Model(name="tiny", model_id=str(loaded.folder))
    for size in SIZES:
        reply = loaded.reply(request_of(size))
        assert reply["output_tokens"] in range(1, 5)
        assert "".join(text for text, _ in reply["tokens"]) == reply["text"]
        predicted = families.predict_visual_tokens(loaded.folder, model, [size])
        assert reply["visual_tokens"] > 0
        assert predicted == (reply["visual_tokens"] if loaded.family.tokens else None), size


def test_a_prompt_shows_the_words_and_one_place_for_each_page(loaded: Loaded) -> None:
    pages = 2 if loaded.family.many else 1
    words = loaded.words("Lies die Rechnung.", pages)
    assert "Lies die Rechnung." in words
    assert words.count(loaded.family.image) == pages
    assert loaded.reply(request_of(*SIZES[:pages]))["text"] is not None


def test_a_budget_of_visual_tokens_is_kept(loaded: Loaded) -> None:
    wanted = {"max_visual_tokens": 100}
    if loaded.family.budget is None:
        with pytest.raises(Failed, match="max_visual_tokens: this family of models has no pixel budget"):
            Loaded(job(loaded.folder, processor_kwargs=wanted))
        return
    small = Loaded(job(loaded.folder, processor_kwargs=wanted)).reply(request_of(SIZES[0]))
    assert 50 < small["visual_tokens"] <= 100
    model = Model(name="tiny", model_id=str(loaded.folder), processor_kwargs=wanted)
    assert families.predict_visual_tokens(loaded.folder, model, [SIZES[0]]) == small["visual_tokens"]


def test_a_checkpoint_without_a_chat_template_gets_the_familys_form(checkpoint: Callable[[str], Path]) -> None:
    llava = Loaded(job(checkpoint("llava")))
    llava.processor.chat_template = None
    assert llava.words("Total {x}?", 1) == "USER: <image>\nTotal {x}? ASSISTANT:"


def test_a_model_that_refuses_an_attention_gets_the_next(
    checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import LlavaForConditionalGeneration

    monkeypatch.setattr(LlavaForConditionalGeneration, "_supports_sdpa", False)
    llava = Loaded(job(checkpoint("llava")))
    assert llava.environment["attn_implementation"]["value"] == "eager"
    assert "sdpa: this model has none" in llava.environment["attn_implementation"]["reason"]
    assert llava.reply(request_of(SIZES[0]))["output_tokens"]
    with pytest.raises(ValueError, match="does not support"):
        Loaded(job(checkpoint("llava"), attn_implementation="sdpa"))


@pytest.mark.parametrize(
    ("size", "tokens"),
    [((1654, 2339), 4956), ((1240, 1754), 2772), ((10, 10), 4)],
)
def test_qwen2_vl_makes_a_page_the_tokens_that_are_published(size: tuple[int, int], tokens: int) -> None:
    """An A4 page at 200 and 150 dpi under the hub's own settings."""
    published = {"min_pixels": 3136, "max_pixels": 12845056}
    assert families.qwen_tokens({}, published, size) == tokens


def test_a_family_nobody_knows_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "new_vl"}')
    assert families.predict_visual_tokens(tmp_path, Model(name="new", model_id="x"), [(10, 10)]) is None
    (tmp_path / "config.json").write_text("[broken")
    assert families.predict_visual_tokens(tmp_path, Model(name="new", model_id="x"), [(10, 10)]) is None


def test_what_the_worker_is_made_of_is_python_3_9_and_brings_all_of_ours() -> None:
    for name, path, source in sources():
        if source is None:
            continue
        tree = ast.parse(source, path, feature_version=(3, 9))
        imported = [
            f"{node.module}.{alias.name}" if node.module in ("vlm_lab", "vlm_lab.backends") else node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        ]
        assert {each for each in imported if str(each).startswith("vlm_lab")} <= set(MODULES), name
