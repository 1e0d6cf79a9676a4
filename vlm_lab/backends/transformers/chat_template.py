"""A checkpoint's chat template, wherever it keeps it -> prompts in the form it was trained with.

Makers keep it in chat_template.jinja, in chat_template.json, in processor_config.json, in
tokenizer_config.json, and further ones by name in additional_chat_templates/. Some take a message's
content as parts (pages and words), older ones as text that has the pages' tokens in it: which one
is found out with a probe, once, when the checkpoint is loaded.

Runs inside the worker, perhaps in another interpreter: valid on Python 3.9. transformers renders
templates in Jinja's sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vlm_lab.backends.prompt_variable import fill_prompt_in, takes_prompt
from vlm_lab.backends.transformers.family import Family
from vlm_lab.backends.transformers.family_table import UNKNOWN_FAMILY
from vlm_lab.backends.transformers.worker_error import WorkerError
from vlm_lab.files import read_json_object
from vlm_lab.messages import Message

DEFAULT_NAME = "default"
NAME_VARIABLE = "chat_template"  # of chat_template_kwargs: which of several
TEMPLATES_FOLDER = "additional_chat_templates"
TEMPLATE_FILES = ("chat_template.jinja", "chat_template.json")
SETTINGS_FILES = ("processor_config.json", "tokenizer_config.json")
PROBE = "probe 7f3a"
# A list of parts that was printed as it is.
PRINTED_PARTS_PATTERN = re.compile(r"""['"]type['"]: ['"]text['"]""")


@dataclass(frozen=True)
class ChatTemplate:
    """One template: its Jinja text, the file it came from, its name there, the variables that
    models.yaml sets, and whether a message's content is handed over in parts."""

    text: str
    source: str
    name: str = DEFAULT_NAME
    variables: Mapping[str, Any] = field(default_factory=dict)
    takes_parts: bool = True

    def describe(self) -> dict[str, Any]:
        """For the record."""
        return {
            "value": self.source,
            "name": self.name,
            "content": "parts" if self.takes_parts else "text",
            "variables": dict(self.variables),
            "reason": "the checkpoint's own",
        }


def has_chat_template(folder: Path) -> bool:
    """Whether any file of a checkpoint holds a chat template, without loading anything."""
    if any((folder / name).is_file() for name in TEMPLATE_FILES):
        return True
    if any((folder / TEMPLATES_FOLDER).glob("*.jinja")):
        return True
    return any(read_json_object(folder / name).get("chat_template") for name in SETTINGS_FILES)


def find_chat_template(
    processor: Any, folder: Path, variables: Mapping[str, Any]
) -> ChatTemplate | None:
    """The template that models.yaml names, else the default, else the only one; None where the
    checkpoint has none. WorkerError where that leaves a choice, or a variable has no use."""
    variables = dict(variables)
    wanted_name = variables.pop(NAME_VARIABLE, None)
    templates = list(_list_templates(processor, folder))
    if not templates:
        if variables or wanted_name:
            raise WorkerError("Unavailable", Message("no_template_to_set"))
        return None
    names = list(dict.fromkeys(template.name for template in templates))
    name = str(wanted_name or (names[0] if len(names) == 1 else DEFAULT_NAME))
    if name not in names:
        figures = {"name": name, "first": names[0], "known": names}
        raise WorkerError("Unavailable", Message("no_template_of_name", figures))
    template = next(template for template in templates if template.name == name)
    for variable in variables:
        if not re.search(rf"\b{re.escape(variable)}\b", template.text):
            figures = {"source": template.source, "variable": variable}
            raise WorkerError("Unavailable", Message("no_template_variable", figures))
    return ChatTemplate(template.text, template.source, name, variables)


def _list_templates(processor: Any, folder: Path) -> Iterator[ChatTemplate]:
    """What the processor has, then what its tokenizer has, then what an old transformers did not
    read."""
    in_settings = bool(read_json_object(folder / SETTINGS_FILES[0]).get("chat_template"))
    file_name = next((name for name in TEMPLATE_FILES[::-1] if (folder / name).is_file()), "")
    source = SETTINGS_FILES[0] if in_settings else file_name
    yield from _read_templates(getattr(processor, "chat_template", None), source)
    tokenizer = getattr(processor, "tokenizer", None)
    yield from _read_templates(getattr(tokenizer, "chat_template", None), SETTINGS_FILES[1])
    if (folder / TEMPLATE_FILES[0]).is_file():
        yield ChatTemplate((folder / TEMPLATE_FILES[0]).read_text("utf-8"), TEMPLATE_FILES[0])
    text = read_json_object(folder / TEMPLATE_FILES[1]).get("chat_template")
    yield from _read_templates(text, TEMPLATE_FILES[1])


def _read_templates(value: Any, source: str) -> Iterator[ChatTemplate]:
    """A template, several by name, or a list of {name, template}, as files and libraries have
    them."""
    if isinstance(value, str) and value:
        yield ChatTemplate(value, source or SETTINGS_FILES[1])
    if isinstance(value, (list, tuple)):
        value = {entry["name"]: entry["template"] for entry in value}
    if isinstance(value, dict):
        for name, text in value.items():
            is_own_file = name != DEFAULT_NAME and source not in SETTINGS_FILES
            named_source = f"{TEMPLATES_FOLDER}/{name}.jinja" if is_own_file else source
            yield ChatTemplate(str(text), named_source or SETTINGS_FILES[1], str(name))


def choose_content(template: ChatTemplate, processor: Any, family: Family) -> ChatTemplate:
    """The template with the form of content that shows words and pages. WorkerError where neither
    shows the words."""
    image_tokens = {family.image_placeholder, *_list_image_tokens(processor)} - {""}
    showing_words = []
    reasons = []
    for takes_parts in (True, False):
        variant = ChatTemplate(
            template.text, template.source, template.name, template.variables, takes_parts
        )
        try:
            rendered = render(variant, processor, family, PROBE, 1)
        except Exception as error:  # whatever a template raises: it does not take this form
            reasons.append(f"{type(error).__name__}: {error}")
            continue
        if PROBE not in rendered or PRINTED_PARTS_PATTERN.search(rendered):
            continue
        showing_words.append(variant)
        if any(token in rendered for token in image_tokens):
            return variant
    if not showing_words:
        why = "; ".join(reasons) or Message("leaves_words_out")
        figures = {"source": template.source, "why": why}
        raise WorkerError("ChatTemplate", Message("template_hides_words", figures))
    return showing_words[0]


def _list_image_tokens(processor: Any) -> list[str]:
    """What a processor calls the tokens of a page."""
    names = ("image_token", "boi_token", "image_start_token", "start_image_token")
    return [str(value) for value in (getattr(processor, name, None) for name in names) if value]


def render(
    template: ChatTemplate, processor: Any, family: Family, text: str, image_count: int
) -> str:
    """A prompt of the user's with its pages, up to where the model goes on."""
    message_text = "" if takes_prompt(template.variables) else text
    template = replace(template, variables=fill_prompt_in(template.variables, text))
    content: Any = [{"type": "image"} for _ in range(image_count)]
    if message_text:
        content.append({"type": "text", "text": message_text})
    if not template.takes_parts:
        content = format_plain_pages(processor, family, image_count) + message_text
    return apply(template, processor, content)


def apply(template: ChatTemplate, processor: Any, content: Any) -> str:
    """The template's text for one message. Old processors, and those of code of its own, leave
    templates to their tokenizer."""
    is_able = hasattr(processor, "apply_chat_template") and hasattr(processor, "chat_template")
    templated = processor if is_able else processor.tokenizer
    message = [{"role": "user", "content": content}]
    return str(
        templated.apply_chat_template(
            message,
            chat_template=template.text,
            add_generation_prompt=True,
            tokenize=False,
            **template.variables,
        )
    )


def format_plain_pages(processor: Any, family: Family, image_count: int) -> str:
    """The pages' tokens of a message that is plain text, each on a line of its own."""
    placeholder = family.image_placeholder
    image_tokens = _list_image_tokens(processor)
    if family is UNKNOWN_FAMILY and image_tokens:
        placeholder = image_tokens[0]
    return f"{placeholder}\n" * image_count
