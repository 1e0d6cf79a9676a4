"""Template + schema + document -> the prompt that a model is sent.

Templates are Jinja2 in its sandbox, strict about names: `{{ schema }}` is the suite's JSON Schema
without the keys that are ours alone, `{{ template }}` its fields as NuExtract's models want them,
`{{ ocr_text }}` the document's pages as text. A template is the user's own, yet a typing error in
it must not become an empty prompt. It may show the schema and choose between texts; what could run
without an end (loops, macros, arithmetic, filters) is refused before it is compiled, for Jinja
computes `{{ 9 ** 9 ** 9 }}` while it compiles.

The pages' text is a stranger's: Jinja puts it in as a value, and evaluates nothing in it. Until a
case is asked nobody has read it, and the prompt has `{{ ocr_text }}` in its place.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from vlm_lab.errors import UserError
from vlm_lab.fields.extraction_template import build_extraction_template
from vlm_lab.fields.schema import build_prompt_schema
from vlm_lab.files import read_bounded_text
from vlm_lab.messages import Message
from vlm_lab.sanitize import shorten, terminal_safe
from vlm_lab.suite.pages import Pages
from vlm_lab.types import Document, Model, Prompt, Suite

Variables = tuple[tuple[str, str], ...]
MAX_PROMPT_CHARACTERS = 1_000_000  # more than any model reads
PAGE_TEXT = "ocr_text"
NOT_YET_READ = f"{{{{ {PAGE_TEXT} }}}}"  # stands for the pages' text
# What shows texts and chooses between them.
ALLOWED_NODES = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const),
    *(nodes.If, nodes.CondExpr, nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand),
)
_jinja_environment = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, keep_trailing_newline=False, autoescape=False
)


def render_prompt_text(
    template: str, suite: Suite, prompt_id: str, page_text: str | None = None
) -> str:
    """The words of one prompt: the same for all documents, unless it shows the text of a document's
    pages and that is given. UserError names file, prompt and line."""
    variables = _format_variables(suite)
    is_own = suite.prompts.get(prompt_id) == template
    place = suite.prompt_files.get(prompt_id, suite.name) if is_own else suite.name
    if "\N{REPLACEMENT CHARACTER}" in template and not _is_utf8(Path(place)):
        figures = {"file": str(place), "prompt": prompt_id}
        raise UserError(Message("prompt_not_utf8", figures))
    shown_text = NOT_YET_READ if page_text is None else page_text
    render = _render_for_all if page_text is None else _render_template
    try:
        return render(template, (*variables, (PAGE_TEXT, shown_text)))
    except _TemplateRefusal as refusal:
        figures = {"file": str(place), "prompt": prompt_id, **refusal.message.figures}
        raise UserError(Message(refusal.message.kind, figures)) from None


@lru_cache(maxsize=256)
def shows_page_text(template: str) -> bool:
    """Whether a template has the text of a document's pages in it; False for one that is none,
    which is said when it is rendered."""
    try:
        tree = _jinja_environment.parse(template)
    except TemplateError:
        return False
    return PAGE_TEXT in {name.name for name in tree.find_all(nodes.Name)}


def _is_utf8(path: Path) -> bool:
    """False for a file whose bytes are no UTF-8, which is read with replacement characters."""
    try:
        read_bounded_text(path)
    except UnicodeDecodeError:
        return False
    except OSError:
        return True
    return True


@lru_cache(maxsize=64)
def _format_variables(suite: Suite) -> Variables:
    """What a template may show, by name: pairs, which can be the key of a cache."""
    schema = json.dumps(build_prompt_schema(suite.schema), ensure_ascii=False, indent=1)
    extraction_template = build_extraction_template(suite.fields)
    template = json.dumps(extraction_template, ensure_ascii=False, indent=4)
    return ("schema", schema), ("template", template)


class _TemplateRefusal(Exception):
    """What is wrong with a template, still without its file and name."""

    def __init__(self, kind: str, **figures: Any) -> None:
        super().__init__(kind)
        self.message = Message(kind, figures)


@lru_cache(maxsize=256)
def _render_for_all(template: str, variables: Variables) -> str:
    return _render_template(template, variables)


def _render_template(template: str, variables: Variables) -> str:
    try:
        tree = _jinja_environment.parse(template)
        _check_nodes(tree)
        return _render_tree(tree, variables).strip()
    except _TemplateRefusal:
        raise
    except TemplateError as error:
        problem = terminal_safe(shorten(error.message or type(error).__name__))
        line = getattr(error, "lineno", None)
        if line:
            raise _TemplateRefusal("prompt_line_broken", line=line, what=problem) from None
        raise _TemplateRefusal("prompt_broken", what=problem) from None
    except Exception as error:  # whatever a template's own arithmetic does
        description = terminal_safe(shorten(f"{type(error).__name__}: {error}"))
        raise _TemplateRefusal("prompt_not_rendered", said=description) from None


def _render_tree(tree: nodes.Template, variables: Variables) -> str:
    """The text. _TemplateRefusal where it grows beyond every model."""
    pieces, length = [], 0
    for piece in _jinja_environment.from_string(tree).generate(dict(variables)):
        length += len(piece)
        if length > MAX_PROMPT_CHARACTERS:
            too_long = Message("prompt_too_long", {"limit": MAX_PROMPT_CHARACTERS})
            raise _TemplateRefusal("prompt_broken", what=too_long)
        pieces.append(piece)
    return "".join(pieces)


def _check_nodes(tree: nodes.Node) -> None:
    """_TemplateRefusal at the first part of a template that is none of ALLOWED_NODES."""
    remaining = [tree]
    while remaining:
        node = remaining.pop()
        if not isinstance(node, ALLOWED_NODES):
            surplus = Message("prompt_needs_less", {"part": type(node).__name__.lower()})
            raise _TemplateRefusal("prompt_line_broken", line=node.lineno, what=surplus)
        remaining += node.iter_child_nodes()


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
    """How many of a document's pages a model is shown; `max_pages` overrules its own and the
    suite's."""
    return 1 if model.pages == "first" else max_pages or model.max_pages or suite.max_pages


def get_languages(document: Document) -> tuple[str, ...]:
    """The document's own tag `language` where it has one, else its suite's languages."""
    tagged_language = document.tags.get("language")
    return (tagged_language,) if tagged_language else document.suite.conventions.languages
