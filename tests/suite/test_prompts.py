"""pytest tests/suite/test_prompts.py: what a model is sent, word for word."""

import json
from pathlib import Path

import pytest

from tests.suites import REFERENCE, write_suite
from vlm_lab.errors import UserError
from vlm_lab.suite import load_documents, load_suite, make_prompt
from vlm_lab.types import Document, Model


@pytest.fixture
def document(tmp_path: Path) -> Document:
    return load_documents(
        load_suite(write_suite(tmp_path, {"a": REFERENCE}, "languages: [de]\npages: {max: 3}"))
    )[0][0]


def ask(document: Document, template: str, **model: object):  # type: ignore[no-untyped-def]
    return make_prompt(Model(name="m", model_id="m", **model), template, "default", document, None)  # type: ignore[arg-type]


def test_the_schema_is_shown_without_our_own_keys(document: Document) -> None:
    text = ask(document, "Answer as {{ schema }}").text
    shown = json.loads(text.removeprefix("Answer as "))
    assert shown["properties"]["invoice_number"] == {"type": "string"}
    assert "x-vlm-lab" not in text


def test_the_template_shows_the_fields_with_the_types_that_nuextract_knows(
    document: Document,
) -> None:
    asked = json.loads(ask(document, "{{ template }}").text)
    assert asked["invoice_number"] == "verbatim-string"


@pytest.mark.parametrize(
    "template", ["{{ shema }}", "{% if %}", "{{ schema.__class__.__mro__ }}", "{{ ''.__class__ }}"]
)
def test_a_template_that_asks_for_more_than_it_may_is_refused(
    document: Document, template: str
) -> None:
    known = "a template may use {{ schema }} and {{ template }} alone"
    with pytest.raises(UserError, match=f"prompt 'default'.*{known}"):
        ask(document, template)


def test_pages_follow_suite_model_and_option(document: Document) -> None:
    assert (ask(document, "x").pages.max_pages, ask(document, "x").pages.dpi) == (3, 150)
    assert ask(document, "x", pages="first", dpi=96).pages.max_pages == 1
    assert ask(document, "x", dpi=96).pages.dpi == 96
    prompt = make_prompt(Model(name="m", model_id="m"), "x", "default", document, 9)
    assert prompt.pages.max_pages == 9  # type: ignore[attr-defined]


def test_languages_are_the_documents_own_where_it_has_a_tag(document: Document) -> None:
    assert ask(document, "x").languages == ("de",)
    document.tags["language"] = "ru"  # type: ignore[index]
    assert ask(document, "x").languages == ("ru",)
