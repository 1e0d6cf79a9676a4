"""Template + schema + document -> the prompt that a model is sent.

Templates are Jinja2 in its sandbox, strict about names: `{{ schema }}` is the suite's JSON Schema
without the keys that are ours alone. A template is the user's own, yet a typing error in it must
not become an empty prompt.
"""

import json
from functools import lru_cache
from pathlib import Path

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from vlm_lab.errors import UserError
from vlm_lab.fields.schema import build_prompt_schema
from vlm_lab.sanitize import terminal_safe
from vlm_lab.suite.pages import Pages
from vlm_lab.types import Document, Model, Prompt, Suite

_jinja_environment = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, keep_trailing_newline=False, autoescape=False
)


def render_prompt_text(template: str, suite: Suite, prompt_id: str) -> str:
    """The words of one prompt, the same for all documents. UserError names file, prompt and
    line."""
    schema = _format_prompt_schema(suite)
    is_own = suite.prompts.get(prompt_id) == template
    place = suite.prompt_files.get(prompt_id, suite.name) if is_own else suite.name
    if "\N{REPLACEMENT CHARACTER}" in template and not _is_utf8(Path(place)):
        raise UserError(f"{place}: prompt {prompt_id!r}: is not UTF-8 text; save it as UTF-8")
    return _render_template(template, schema, f"{place}: prompt {prompt_id!r}")


def _is_utf8(path: Path) -> bool:
    """False for a file whose bytes are no UTF-8, which is read with replacement characters."""
    try:
        path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        return False
    except OSError:
        return True
    return True


@lru_cache(maxsize=64)
def _format_prompt_schema(suite: Suite) -> str:
    return json.dumps(build_prompt_schema(suite.schema), ensure_ascii=False, indent=1)


@lru_cache(maxsize=256)
def _render_template(template: str, schema: str, location: str) -> str:
    try:
        return _jinja_environment.from_string(template).render(schema=schema).strip()
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        location_with_line = f"{location}, line {line}" if line else location
        raise UserError(
            f"{location_with_line}: {error.message}; a template may use {{{{ schema }}}} alone"
        ) from None
    except Exception as error:  # whatever a template's own arithmetic does
        description = terminal_safe(f"{type(error).__name__}: {error}"[:200])
        raise UserError(f"{location}: cannot be rendered ({description})") from None


def make_prompt(
    model: Model, template: str, prompt_id: str, document: Document, max_pages: int | None
) -> Prompt:
    """One case's prompt, its pages rendered when looked at; `max_pages` overrules the suite's."""
    suite = document.suite
    page_limit = get_page_limit(model, suite, max_pages)
    return Prompt(
        id=prompt_id,
        text=render_prompt_text(template, suite, prompt_id),
        pages=Pages(document.path, page_limit, model.dpi or suite.dpi),
        document_id=document.id,
        document_name=document.name,
        schema=suite.schema,
        languages=get_languages(document),
        suite=suite,
    )


def get_page_limit(model: Model, suite: Suite, max_pages: int | None) -> int:
    """How many of a document's pages a model is shown; `max_pages` overrules the suite's."""
    return 1 if model.pages == "first" else max_pages or suite.max_pages


def get_languages(document: Document) -> tuple[str, ...]:
    """The document's own tag `language` where it has one, else its suite's languages."""
    tagged_language = document.tags.get("language")
    return (tagged_language,) if tagged_language else document.suite.conventions.languages
