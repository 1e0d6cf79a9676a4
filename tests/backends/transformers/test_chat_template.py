"""Where a checkpoint keeps its chat template, which one is taken, in which form, and what a record
says of it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.backends.transformers.test_broken_checkpoints import job
from tests.checkpoints import NANO
from vlm_lab.backends.transformers import chat_template, families, processors
from vlm_lab.backends.transformers.backend import Transformers
from vlm_lab.backends.transformers.family_table import QWEN
from vlm_lab.backends.transformers.loaded_model import LoadedModel
from vlm_lab.backends.transformers.worker_error import WorkerError
from vlm_lab.messages import in_english
from vlm_lab.types import Model, Runtime

OWN = (NANO / "chat_template.jinja").read_text("utf-8")
PAGE = "<|vision_start|><|image_pad|><|vision_end|>"
# What an older maker wrote: a message is text, whatever is in it.
OF_TEXT = "{% for message in messages %}User: {{ message['content'] + '\\n' }}{% endfor %}Answer:"
THINKING = OWN + "{% if enable_thinking is defined and not enable_thinking %}<no_think>{% endif %}"
WITH_TEMPLATE = "{% if template %}# Template:\n{{ template }}\n{% endif %}" + OWN
Layout = Callable[[Path], Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The settings of the checkpoint that ships, without a chat template."""
    for path in NANO.glob("*.json"):
        shutil.copyfile(path, tmp_path / path.name)
    return tmp_path


def in_file(name: str, text: str = OWN) -> Layout:
    def lay(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")

    return lay


def in_settings(name: str, value: Any = OWN) -> Layout:
    def lay(folder: Path) -> None:
        path = folder / name
        held = json.loads(path.read_text("utf-8")) if path.exists() else {}
        path.write_text(json.dumps({**held, "chat_template": value}), "utf-8")

    return lay


def together(*layouts: Layout) -> Layout:
    return lambda folder: [lay(folder) for lay in layouts]


def named(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "template": f"{name} {OWN}"} for name in names]


def find(folder: Path, **variables: Any) -> tuple[Any, chat_template.ChatTemplate | None]:
    family = families.get_family({"model_type": "qwen2_vl"})
    processor = processors.load_pretrained(folder, {})
    return processor, processors.find_chat_template(processor, folder, family, variables)


KEPT_IN: dict[str, tuple[Layout, str, str]] = {
    "a file": (in_file("chat_template.jinja"), "chat_template.jinja", "default"),
    "an old file": (in_settings("chat_template.json"), "chat_template.json", "default"),
    "the processor's": (in_settings("processor_config.json"), "processor_config.json", "default"),
    "the tokenizer's": (in_settings("tokenizer_config.json"), "tokenizer_config.json", "default"),
    "several of the tokenizer's": (
        in_settings("tokenizer_config.json", named("rag", "default")),
        "tokenizer_config.json",
        "default",
    ),
    "one by its name": (
        in_file("additional_chat_templates/rag.jinja"),
        "additional_chat_templates/rag.jinja",
        "rag",
    ),
    "a file and one by its name": (
        together(
            in_file("chat_template.jinja"), in_file("additional_chat_templates/rag.jinja", "RAG")
        ),
        "chat_template.jinja",
        "default",
    ),
    "the processor's before the tokenizer's": (
        together(
            in_settings("tokenizer_config.json", "of another"), in_file("chat_template.jinja")
        ),
        "chat_template.jinja",
        "default",
    ),
}


# transformers leaves the files of named templates open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("case", KEPT_IN)
def test_a_template_is_found_wherever_a_checkpoint_keeps_it(folder: Path, case: str) -> None:
    lay, source, name = KEPT_IN[case]
    assert not chat_template.has_chat_template(folder)
    lay(folder)
    assert chat_template.has_chat_template(folder)
    processor, template = find(folder)
    assert template is not None
    assert template.describe() == {
        "value": source,
        "name": name,
        "content": "parts",
        "variables": {},
        "reason": "the checkpoint's own",
    }
    prompt = chat_template.render(template, processor, QWEN, "Read it.", 2)
    assert prompt.endswith(
        f"<|im_start|>user\n{PAGE * 2}Read it.<|im_end|>\n<|im_start|>assistant\n"
    )


def test_of_several_the_one_is_taken_that_models_yaml_names(folder: Path) -> None:
    in_settings("tokenizer_config.json", named("rag", "tool_use"))(folder)
    with pytest.raises(WorkerError, match=r"no chat template 'default'; .*known: rag, tool_use"):
        find(folder)
    with pytest.raises(WorkerError, match="no chat template 'other'"):
        find(folder, chat_template="other")
    processor, template = find(folder, chat_template="rag")
    assert template is not None
    assert template.name == "rag"
    assert chat_template.render(template, processor, QWEN, "x", 0).startswith("rag <|im")


def test_a_template_of_text_gets_the_pages_in_the_text(folder: Path) -> None:
    """A list of parts would be printed as it is, or would not be added to a text."""
    for text in (OF_TEXT, OF_TEXT.replace(" + '\\n'", "")):
        in_file("chat_template.jinja", text)(folder)
        processor, template = find(folder)
        assert template is not None
        assert template.describe()["content"] == "text"
        prompt = chat_template.render(template, processor, QWEN, "Read it.", 2)
        assert prompt.startswith(f"User: {PAGE}\n{PAGE}\nRead it.")


@pytest.mark.parametrize("text", ["Answer:", "{{ raise_exception('no users here') }}"])
def test_a_template_that_hides_the_words_is_refused(folder: Path, text: str) -> None:
    in_file("chat_template.jinja", text)(folder)
    with pytest.raises(WorkerError, match="chat_template.jinja does not show a prompt's words"):
        find(folder)


def test_variables_of_models_yaml_reach_the_template(folder: Path) -> None:
    in_file("chat_template.jinja", THINKING)(folder)
    for variables, ends in (({}, "assistant\n"), ({"enable_thinking": False}, "<no_think>")):
        processor, template = find(folder, **variables)
        assert template is not None
        prompt = chat_template.render(template, processor, QWEN, "Read it.", 1)
        assert prompt.endswith(ends)
        assert template.describe()["variables"] == variables
    in_file("chat_template.jinja", WITH_TEMPLATE)(folder)
    processor, template = find(folder, template='{"number": "string"}')
    assert template is not None
    prompt = chat_template.render(template, processor, QWEN, "Read it.", 1)
    assert prompt.startswith('# Template:\n{"number": "string"}\n<|im_start|>')


def test_a_prompt_goes_into_the_variable_that_asks_for_it(folder: Path) -> None:
    """NuExtract's way: the message has the pages alone."""
    in_file("chat_template.jinja", WITH_TEMPLATE)(folder)
    processor, template = find(folder, template="{{ prompt }}")
    assert template is not None
    assert template.describe()["variables"] == {"template": "{{ prompt }}"}
    asked = '{"number": "verbatim-string"}'
    prompt = chat_template.render(template, processor, QWEN, asked, 2)
    assert prompt.startswith(f"# Template:\n{asked}\n<|im_start|>")
    assert prompt.count(PAGE) == 2
    assert prompt.count(asked) == 1


def test_a_variable_that_no_template_reads_is_refused(folder: Path) -> None:
    in_file("chat_template.jinja", THINKING)(folder)
    with pytest.raises(WorkerError, match=r"chat_template.jinja has no variable 'enable_thinkin'"):
        find(folder, enable_thinkin=False)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(WorkerError, match="this checkpoint has no chat template; remove them"):
        find(folder, enable_thinking=False)


def test_a_template_is_code_of_others_and_stays_in_its_sandbox(folder: Path) -> None:
    escape = "{{ messages.__class__.__mro__[1].__subclasses__() }}"
    in_file("chat_template.jinja", escape + OWN)(folder)
    with pytest.raises(WorkerError, match="does not show a prompt's words .*(unsafe|access)"):
        find(folder)


def test_a_chat_model_without_a_template_is_warned_of_before_it_is_loaded(folder: Path) -> None:
    model, runtime = Model(name="m", model_id=str(folder)), Runtime(cache=folder / "cache")
    (warning,) = Transformers.find_warnings(model, runtime)
    assert in_english(warning) == (
        "m: the checkpoint has no chat template; it is asked in a plain form "
        f"({PAGE}...), which a model that was trained to chat may not understand; "
        f"put its own into {folder}/chat_template.jinja"
    )
    in_file("chat_template.jinja")(folder)
    assert not Transformers.find_warnings(model, runtime)
    (folder / "chat_template.jinja").unlink()
    (folder / "config.json").write_text('{"model_type": "paligemma"}')
    assert not Transformers.find_warnings(model, runtime), "none belongs to it"
    absent = Model(name="m", model_id="acme/nowhere")
    assert not Transformers.find_warnings(absent, runtime)


def test_a_chat_model_without_a_template_says_so_in_its_record(folder: Path) -> None:
    shutil.copyfile(NANO / "model.safetensors", folder / "model.safetensors")
    loaded = LoadedModel(job(folder))
    assert loaded.environment["chat_template"] == {
        "value": None,
        "form": "{images}{text}",
        "reason": "the checkpoint has no chat template: prompts have its family's plain form",
    }
    assert loaded.build_chat_prompt("Read it.", 1) == f"{PAGE}Read it."
