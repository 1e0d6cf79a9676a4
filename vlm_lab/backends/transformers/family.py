"""What is said of a family of vision-language models: the form of an entry of family_table.py.

The dry run uses the arithmetic, the worker the rest, perhaps in another interpreter: this module is
valid on Python 3.9 and needs neither torch nor transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vlm_lab.backends.transformers.visual_tokens.sizes import Config, ResizeRule, TokenCounter

BudgetRule = Callable[[Config, Config, int], dict[str, Any]]


@dataclass(frozen=True)
class Family:
    """One entry. `count_tokens(config, preprocessor, size)` is the visual tokens of one page;
    `build_budget(config, preprocessor, n)` the processor settings that keep a page within n of
    them, `resize` the size to which a page is shrunk beforehand where no setting can;
    `shared_config_keys` names settings that the model's own config must have as well;
    `rename_settings` turns users' settings into today's names; `processor_settings` are those that
    the processor's class sets, whatever the checkpoint's file says: models.yaml alone overrules it.

    `image_placeholder` stands for a page in a prompt, `prompt_format` is the form of one where a
    checkpoint has no chat template; `multi_image` is False where a prompt takes one image;
    `postprocess_method` is the processor's method that makes JSON of a reply in tags of its own;
    `visual_token_keys` name the visual token in config.json; `is_chat` is False where no chat
    template belongs to it; `decodes_as_made` is True where its checkpoints' generation settings are
    a part of what was trained (generation_settings.py)."""

    count_tokens: TokenCounter | None = None
    build_budget: BudgetRule | None = None
    rename_settings: Callable[[Config, Config], dict[str, Any]] | None = None
    image_placeholder: str = "<image>"
    prompt_format: str = "{images}{text}"
    multi_image: bool = True
    postprocess_method: str = ""
    visual_token_keys: tuple[str, ...] = ("image_token_id", "image_token_index")
    resize: ResizeRule | None = None
    shared_config_keys: tuple[str, ...] = ()
    is_chat: bool = True
    decodes_as_made: bool = False
    processor_settings: Mapping[str, Any] = field(default_factory=dict)
