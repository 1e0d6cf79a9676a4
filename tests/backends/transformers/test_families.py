"""Each family of the table: a tiny checkpoint with its real classes, run over a page, its tokens
counted."""

import ast
import json
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from tests import checkpoints
from tests.checkpoint_parts import write
from vlm_lab.backends.transformers import batch, families
from vlm_lab.backends.transformers.family_table import NEED_TORCHVISION
from vlm_lab.backends.transformers.loaded_model import LoadedModel
from vlm_lab.backends.transformers.process import (
    WORKER_MODULES,
    WORKER_PACKAGES,
    read_module_sources,
)
from vlm_lab.backends.transformers.visual_tokens import mllama, pixel_budgets
from vlm_lab.backends.transformers.worker_error import WorkerError
from vlm_lab.files import read_json_object
from vlm_lab.types import Model

# PaliGemma's processor asks Pillow's images for an array in the way that numpy 2 warns of; the
# worker's log has it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

FAMILIES = sorted(checkpoints.collect_families())
# What is asked of families whose smallest page has more than 100 tokens.
BUDGETS = {
    "deepseek_ocr2": 700,
    "gemma4": 150,
    "granite4_vision": 210,
    "granite_vision": 210,
    "idefics2": 79,
    "llava_next": 210,
    "llava_onevision": 210,
    "mllama": 140,
}
SIZES = [(620, 877), (877, 620), (300, 1500), (90, 40)]


def page(size: tuple[int, int]) -> tuple[tuple[int, int], bytes]:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((5, 5), "Invoice 2024-001 Total 17.50 EUR", fill="black")
    return size, image.tobytes()


def job(folder: Path, **kwargs: Any) -> dict[str, Any]:
    plain = {
        "device": "cpu",
        "dtype": "float32",
        "attn_implementation": "auto",
        "trust_remote_code": False,
    }
    return {
        "folder": str(folder),
        **plain,
        "processor_kwargs": {},
        "chat_template_kwargs": {},
        "load_kwargs": {},
        "image": True,
        "use_safetensors": True,
        **kwargs,
    }


def request_of(*sizes: tuple[int, int], text: str = "Read it.") -> dict[str, Any]:
    return {
        "pages": [page(size) for size in sizes],
        "prompt_text": text,
        "generation_kwargs": {"max_new_tokens": 4},
        "seed": 0,
    }


# Each takes seconds; together those of the newest file take a minute.
MARKED_FAMILIES = [
    pytest.param(name, marks=pytest.mark.soak)
    if maker.__module__.endswith("newer_checkpoints")
    else name
    for name, maker in sorted(checkpoints.collect_families().items())
]


@pytest.fixture(scope="module", params=MARKED_FAMILIES)
def loaded(request: pytest.FixtureRequest, checkpoint: Callable[[str], Path]) -> LoadedModel:
    return LoadedModel(job(checkpoint(request.param)))


def test_a_family_answers_and_its_tokens_are_as_predicted(loaded: LoadedModel) -> None:
    model = Model(name="tiny", model_id=str(loaded.folder))
    for size in SIZES:
        reply = loaded.generate_reply(request_of(size))
        assert reply["output_tokens"] in range(1, 5)
        if not loaded.family.postprocess_method:
            assert "".join(text for text, _ in reply["tokens"]) == reply["text"]
        predicted = families.predict_visual_tokens(loaded.folder, model, [size])
        assert (reply["visual_tokens"] or 0) > 0 or loaded.folder.name == "donut", (
            "Donut's decoder has words only"
        )
        assert predicted == (reply["visual_tokens"] if loaded.family.count_tokens else None), size


def test_a_prompt_shows_the_words_and_one_place_for_each_page(loaded: LoadedModel) -> None:
    pages = 2 if loaded.family.multi_image else 1
    words = loaded.build_chat_prompt("Lies die Rechnung.", pages)
    assert "Lies die Rechnung." in words
    assert (
        not loaded.family.image_placeholder or words.count(loaded.family.image_placeholder) == pages
    )
    assert loaded.generate_reply(request_of(*SIZES[:pages]))["text"] is not None


def test_a_padded_batch_says_what_single_prompts_say(loaded: LoadedModel) -> None:
    """On a CPU in float32, that is: it shows that padding is masked and every page goes with its
    words."""
    requests = [request_of(size) for size in SIZES[:3]]
    together = {
        **requests[0],
        "pages": [page(size) for size in SIZES[:3]],
        "batch_prompts": [("Read it.", 1)] * 3,
    }
    rows = batch.generate_replies(loaded, together)["replies"]
    for row, request in zip(rows, requests, strict=True):
        single = loaded.generate_reply(request)
        for key in ("text", "finish_reason", "prompt_tokens", "visual_tokens", "output_tokens"):
            assert row[key] == single[key], key
        assert [text for text, _ in row["tokens"]] == [text for text, _ in single["tokens"]]
        assert row["mean_logprob"] == pytest.approx(single["mean_logprob"], abs=1e-4)
        assert row["image_sizes"] in ([], single["image_sizes"])


def test_a_budget_of_visual_tokens_is_kept(loaded: LoadedModel) -> None:
    budget = BUDGETS.get(loaded.folder.name, 100)
    wanted = {"max_visual_tokens": budget}
    if loaded.family.build_budget is None:
        with pytest.raises(
            WorkerError, match="max_visual_tokens: this family of models has no pixel budget"
        ):
            LoadedModel(job(loaded.folder, processor_kwargs=wanted))
        return
    small = LoadedModel(job(loaded.folder, processor_kwargs=wanted))
    model = Model(name="tiny", model_id=str(loaded.folder), processor_kwargs=wanted)
    for size in SIZES:
        tokens = small.generate_reply(request_of(size))["visual_tokens"]
        assert 0 < tokens <= budget, size
        predicted = families.predict_visual_tokens(loaded.folder, model, [size])
        assert predicted == (tokens if loaded.family.count_tokens else None), size
    kept, free = (
        each.generate_reply(request_of(SIZES[0]))["visual_tokens"] for each in (small, loaded)
    )
    assert 15 < kept < free, "no more is given away than must be"


PAN_AND_SCAN = [
    {"do_pan_and_scan": True},
    {"do_pan_and_scan": True, "pan_and_scan_min_crop_size": 400},
    {"do_pan_and_scan": True, "pan_and_scan_max_num_crops": 2},
    {"do_pan_and_scan": True, "pan_and_scan_min_ratio_to_activate": 2.0},
]


@pytest.mark.parametrize("settings", PAN_AND_SCAN, ids=lambda settings: [*settings][-1])
def test_gemma_3s_crops_are_counted(
    checkpoint: Callable[[str], Path], settings: dict[str, Any]
) -> None:
    gemma = LoadedModel(job(checkpoint("gemma3"), processor_kwargs=settings))
    model = Model(name="tiny", model_id=str(gemma.folder), processor_kwargs=settings)
    counted = [gemma.generate_reply(request_of(size))["visual_tokens"] for size in SIZES]
    assert max(counted) > 16
    predicted = [families.predict_visual_tokens(gemma.folder, model, [size]) for size in SIZES]
    assert predicted == counted


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gemma3", {"do_pan_and_scan": True}),
        ("deepseek_ocr2", {"max_patches": 3}),
        ("internvl", {"crop_to_patches": False}),
    ],
)
def test_what_a_processors_class_sets_is_not_taken_from_a_file(
    checkpoint: Callable[[str], Path], tmp_path: Path, name: str, settings: dict[str, Any]
) -> None:
    folder = Path(shutil.copytree(checkpoint(name), tmp_path / name))
    file = folder / "preprocessor_config.json"
    write(file, {**read_json_object(file), **settings})
    changed = LoadedModel(job(folder))
    counted = changed.generate_reply(request_of(SIZES[1]))["visual_tokens"]
    model = Model(name="tiny", model_id=str(folder))
    assert families.predict_visual_tokens(folder, model, [SIZES[1]]) == counted


A4_SIZE = (1654, 2339)  # 200 dpi
HUB_SETTINGS = [
    # SmolVLM2-2.2B: 12 tiles and the page as a whole, 81 tokens each.
    (
        {
            "model_type": "smolvlm",
            "scale_factor": 3,
            "vision_config": {"image_size": 384, "patch_size": 14},
        },
        {"size": {"longest_edge": 1536}, "max_image_size": {"longest_edge": 384}},
        {},
        1053,
    ),
    ({"model_type": "gemma3"}, {}, {}, 256),
    ({"model_type": "gemma3"}, {}, {"do_pan_and_scan": True}, 768),
    ({"model_type": "gemma4"}, {}, {"max_visual_tokens": 1120}, 1092),
    ({"model_type": "deepseek_ocr2"}, {}, {}, 1121),
]


@pytest.mark.parametrize(("config", "preprocessor", "processor_kwargs", "tokens"), HUB_SETTINGS)
def test_an_a4_page_under_the_hubs_own_settings(
    tmp_path: Path,
    config: dict[str, Any],
    preprocessor: dict[str, Any],
    processor_kwargs: dict[str, Any],
    tokens: int,
) -> None:
    write(tmp_path / "config.json", config)
    write(tmp_path / "preprocessor_config.json", preprocessor)
    model = Model(name="hub", model_id="x", processor_kwargs=processor_kwargs)
    assert families.predict_visual_tokens(tmp_path, model, [A4_SIZE]) == tokens


@pytest.mark.parametrize("name", sorted(set(NEED_TORCHVISION.values())))
def test_what_is_said_to_need_torchvision_does(name: str) -> None:
    import transformers

    with pytest.raises(ImportError, match="Torchvision"):
        getattr(transformers, name).from_pretrained("any")


LEAST = [
    ("internvl", 16),
    ("smolvlm", 32),
    ("deepseek_ocr2", 401),
    ("gemma4", 70),
    ("granite_docling", 16),
    ("minicpmv4_6", 32),
    ("mllama", 65),
    ("llava_next", 200),
    ("llava_onevision", 136),
]


@pytest.mark.parametrize(("family", "least"), LEAST)
def test_a_budget_below_the_least_that_a_family_can_do_is_refused(
    checkpoint: Callable[[str], Path], family: str, least: int
) -> None:
    with pytest.raises(WorkerError, match=rf"max_visual_tokens: .* {least} .*got 9"):
        LoadedModel(job(checkpoint(family), processor_kwargs={"max_visual_tokens": 9}))


def test_tags_of_a_family_that_answers_in_tags_become_json(
    checkpoint: Callable[[str], Path],
) -> None:
    donut = LoadedModel(job(checkpoint("donut")))
    told = "<s_total><s_gross>119.00</s_gross></s_total>"
    ids = donut.processor.tokenizer(told)["input_ids"]
    assert json.loads(donut.decode_reply(ids)) == {"total": {"gross": "119.00"}}


def test_a_reply_that_the_window_leaves_no_room_for_says_so(
    checkpoint: Callable[[str], Path],
) -> None:
    llava = LoadedModel(job(checkpoint("llava")))
    request = request_of(SIZES[0])
    assert llava.generate_reply(request)["token_budget_note"] == {}
    llava.model.config.text_config.max_position_embeddings = (
        llava.generate_reply(request)["prompt_tokens"] + 3
    )
    reply = llava.generate_reply(request)
    assert (reply["output_tokens"], reply["finish_reason"]) == (3, "length")
    assert reply["token_budget_note"]["max_new_tokens"]["value"] == 3
    assert "4 asked for" in reply["token_budget_note"]["max_new_tokens"]["reason"]


def test_a_checkpoint_without_a_chat_template_gets_the_familys_form(
    checkpoint: Callable[[str], Path],
) -> None:
    llava = LoadedModel(job(checkpoint("llava")))
    llava.processor.chat_template = None
    assert llava.build_chat_prompt("Total {x}?", 1) == "USER: <image>\nTotal {x}? ASSISTANT:"


def test_a_model_that_refuses_an_attention_gets_the_next(
    checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import LlavaForConditionalGeneration

    monkeypatch.setattr(LlavaForConditionalGeneration, "_supports_sdpa", False)
    llava = LoadedModel(job(checkpoint("llava")))
    assert llava.environment["attn_implementation"]["value"] == "eager"
    assert "sdpa: this model has none" in llava.environment["attn_implementation"]["reason"]
    assert llava.generate_reply(request_of(SIZES[0]))["output_tokens"]
    with pytest.raises(ValueError, match="does not support"):
        LoadedModel(job(checkpoint("llava"), attn_implementation="sdpa"))


@pytest.mark.parametrize(
    ("size", "tokens"),
    [((1654, 2339), 4956), ((1240, 1754), 2772), ((10, 10), 4)],
)
def test_qwen2_vl_makes_a_page_the_tokens_that_are_published(
    size: tuple[int, int], tokens: int
) -> None:
    """An A4 page at 200 and 150 dpi under the hub's own settings."""
    published = {"min_pixels": 3136, "max_pixels": 12845056}
    assert pixel_budgets.count_qwen_tokens({}, published, size) == tokens


@pytest.mark.parametrize(
    ("config", "least"),
    [
        (
            {"model_type": "llava_next", "vision_config": {"image_size": 336, "patch_size": 14}},
            1752,
        ),
        (
            {
                "model_type": "llava_onevision",
                "vision_config": {"model_type": "siglip", "image_size": 384},
            },
            1485,
        ),
        ({"model_type": "mllama", "vision_config": {"image_size": 560, "patch_size": 14}}, 1601),
    ],
)
def test_the_least_of_the_hubs_own_checkpoints(config: dict[str, Any], least: int) -> None:
    entry, tiles = families.get_family(config), {"image_grid_pinpoints": [[384, 384], [384, 768]]}
    files = tiles if "onevision" in config["model_type"] else {}
    families.resolve_processor_kwargs(entry, config, files, {"max_visual_tokens": least})
    with pytest.raises(ValueError, match=f"{least}.*got {least - 1}"):
        families.resolve_processor_kwargs(entry, config, files, {"max_visual_tokens": least - 1})


def test_mllama_chooses_tiles_as_its_processor_does(checkpoint: Callable[[str], Path]) -> None:
    from transformers.models.mllama.image_processing_pil_mllama import get_optimal_tiled_canvas

    config = read_json_object(checkpoint("mllama") / "config.json")
    for width in range(30, 900, 37):
        for height in range(30, 900, 41):
            rows, columns = (
                side // 112 for side in get_optimal_tiled_canvas(height, width, 4, 112)
            )
            assert mllama.count_mllama_tokens(config, {}, (width, height)) == rows * columns * 65, (
                width,
                height,
            )
            for tiles in (1, 2, 3):
                small = mllama.resize_mllama_page(config, {}, tiles * 65, (width, height))
                assert mllama.count_mllama_tokens(config, {}, small) <= tiles * 65, (
                    width,
                    height,
                    tiles,
                )


def test_a_family_nobody_knows_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "new_vl"}')
    assert (
        families.predict_visual_tokens(tmp_path, Model(name="new", model_id="x"), [(10, 10)])
        is None
    )
    (tmp_path / "config.json").write_text("[broken")
    assert (
        families.predict_visual_tokens(tmp_path, Model(name="new", model_id="x"), [(10, 10)])
        is None
    )


def test_what_the_worker_is_made_of_is_python_3_9_and_brings_all_of_ours() -> None:
    for name, path, source in read_module_sources():
        if source is None:
            continue
        tree = ast.parse(source, path, feature_version=(3, 9))
        imported = [
            f"{node.module}.{alias.name}" if node.module in WORKER_PACKAGES else node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        ]
        assert {each for each in imported if str(each).startswith("vlm_lab")} <= set(
            WORKER_MODULES
        ), name


def test_the_page_of_families_is_up_to_date() -> None:
    script = Path(__file__).parents[3] / "tools" / "make_model_table.py"
    made = runpy.run_path(str(script))
    assert made["PAGE"].read_text("utf-8") == made["text"](), f"run {script.name}"
