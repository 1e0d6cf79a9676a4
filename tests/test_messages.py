"""pytest tests/test_messages.py: each sentence in each language, with the figures that stand in it."""

import gettext
import json
import re
import string
from typing import Any

import pytest
from pydantic import TypeAdapter

from vlm_lab.messages import SENTENCES, Reason, english, worded
from vlm_lab.records.report_json import plain
from vlm_lab.report.translation import SOURCE, catalogue, languages

OTHERS = [each for each in languages() if each != SOURCE]
NAMES = r"`price`|models\.yaml|--replies=refresh|\(verified: false\)|vlm-lab corrections last|JSON|\(max_new_tokens\)"


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def filled(kind: str, n: int) -> Reason:
    """With figures of every kind; names are digits, so that the words left are the sentence's own."""
    known: dict[str, Any] = dict.fromkeys(places("".join(SENTENCES[kind])), "7") | {"n": n, "what": Reason("no_date")}
    return Reason(kind, {**known, **dict.fromkeys(("low", "high", "value", "rule", "target", "limit"), 0.5)})


CASES = [pytest.param(filled(kind, n), id=f"{kind} {n}") for kind in SENTENCES for n in (1, 2, 5, 21)]


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("kind", SENTENCES)
def test_a_translation_has_the_same_figures_in_each_of_its_forms(kind: str, language: str) -> None:
    forms, words = SENTENCES[kind], catalogue(language)
    for n in (1, 2, 5):
        said = words.gettext(forms[0]) if len(forms) == 1 else words.ngettext(forms[0], forms[1], n)
        assert said not in forms
        assert places(said) <= places(forms[0])
        assert places(said) >= places(forms[0]) - {"said"}  # python-stdnum speaks English alone


@pytest.mark.parametrize("reason", CASES)
def test_in_russian_only_names_stay_latin(reason: Reason) -> None:
    said = re.sub(NAMES, "", worded(reason, catalogue("ru")))
    assert re.search("[а-я]", said)
    assert not re.search("[A-Za-z]", said)


@pytest.mark.parametrize("reason", CASES)
def test_it_says_the_same_when_it_was_written_and_read(reason: Reason) -> None:
    read = TypeAdapter(Reason).validate_json(plain(reason))
    for language in languages():
        assert worded(read, catalogue(language)) == worded(reason, catalogue(language))


@pytest.mark.parametrize(
    ("n", "en", "ru"),
    [
        (1, "About 1 more document would decide.", "Для решения нужно ещё примерно 1 документ."),
        (3, "About 3 more documents would decide.", "Для решения нужно ещё примерно 3 документа."),
        (11, "About 11 more documents would decide.", "Для решения нужно ещё примерно 11 документов."),
    ],
)
def test_plural_forms(n: int, en: str, ru: str) -> None:
    reason = Reason("more", {"n": n})
    assert (english(reason), worded(reason, catalogue("ru"))) == (en, ru)


def test_figures_are_no_templates() -> None:
    hostile = "{n.__class__} %s \x1b[31m"
    assert (
        worded(Reason("better", {"model": hostile, "name": "x"}), gettext.NullTranslations())
        == f"{hostile} is better in x"
    )
    assert json.loads(plain(Reason("better", {"model": hostile}))) == {"kind": "better", "figures": {"model": hostile}}
