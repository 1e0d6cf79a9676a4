"""pytest tests/test_messages.py: each sentence in each language, with the figures that stand in
it."""

import gettext
import json
import re
import string
from typing import Any

import pytest
from pydantic import TypeAdapter

from vlm_lab.localization import SOURCE_LANGUAGE
from vlm_lab.messages import MESSAGES, Message, in_english, translate_message
from vlm_lab.records.report_json import encode_json
from vlm_lab.report.translation import list_languages, load_catalogue

OTHERS = [each for each in list_languages() if each != SOURCE_LANGUAGE]
NAMES = (
    r"`price`|models\.yaml|--replies=refresh|\(verified: false\)"
    r"|vlm-lab corrections last|JSON|\(max_new_tokens\)|\(isolate: false\)"
    r"|pages\.max|suite\.yaml|--max-pages|\(decide: looks\)|`cluster`|cluster: 7|--holdout"
    r"|PDF|PNG|HEIC|XFA|Adobe|UTF-8|`only`|`model_id`|`revision`|--replies=only|auto_map|adapter_"
    r"|response_format|`adapter`|peft: merge_and_unload|save_pretrained"
    r"|backend_kwargs: {model: |\(backend_kwargs\)|`openai`"
    r"|private_networks|--online|base_url|export 7=|api_key_env|choices\[0\]\.message|httpx2"
    r"|vlm_lab\.types\.Generation|Generation|python: |Python|RapidOCR|Tesseract|OCR|schema\.json"
    r"|model_id|llama\.cpp|GGUF|PATH|`python:`|{{ (schema|template|ocr_text) }}|Git LFS"
    r"|`document`|`raw_response`|pickle|isolate: false|config\.json|quantization_config"
    r"|--device(:| 7| auto)|torch( 7)?|CUDA|auto, (cpu, cuda, cuda:N, mps|float32)|dtype|b?float16"
    r"|attn_implementation|auto|flash_attn|processor_kwargs|max_visual_tokens"
    r"|chat_template(_kwargs|\.jinja|: 7)|load_kwargs|backend_kwargs|serve: vllm|`pages: each`"
    r"|transformers 5|safetensors|llguidance|json_schema|quantization|AutoModelForImageTextToText"
    r"|image: false|output"
)


NUMBERS = (
    *("low", "high", "value", "rule", "target", "limit"),
    *("before", "now", "seconds", "size", "across", "down", "hours", "minutes", "most"),
    *("wanted", "tokens", "excess", "window"),
)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def filled(kind: str, n: int) -> Message:
    """With figures of every kind; names are digits, so that the words left are the sentence's
    own."""
    known: dict[str, Any] = dict.fromkeys(places("".join(MESSAGES[kind])), "7") | {
        "n": n,
        "what": Message("no_date"),
    }
    return Message(kind, {**known, **dict.fromkeys(NUMBERS, 0.5)})


def has_words(kind: str) -> bool:
    """Whether a sentence says anything of its own: some only join what others say."""
    return bool(re.search("[a-z]", re.sub(r"{[^}]*}", "", MESSAGES[kind][0])))


WORDED = [*filter(has_words, MESSAGES)]
CASES = [pytest.param(filled(kind, n), id=f"{kind} {n}") for kind in WORDED for n in (1, 2, 5, 21)]


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("kind", WORDED)
def test_a_translation_has_the_same_figures_in_each_of_its_forms(kind: str, language: str) -> None:
    forms, words = MESSAGES[kind], load_catalogue(language)
    for n in (1, 2, 5):
        said = words.gettext(forms[0]) if len(forms) == 1 else words.ngettext(forms[0], forms[1], n)
        assert said not in forms
        assert places(said) <= places(forms[0])
        assert places(said) >= places(forms[0]) - {"said"}  # python-stdnum speaks English alone


@pytest.mark.parametrize("reason", CASES)
def test_in_russian_only_names_stay_latin(reason: Message) -> None:
    said = re.sub(NAMES, "", translate_message(reason, load_catalogue("ru")))
    assert re.search("[а-я]", said)
    assert not re.search("[A-Za-z]", said)


@pytest.mark.parametrize("reason", CASES)
def test_it_says_the_same_when_it_was_written_and_read(reason: Message) -> None:
    read = TypeAdapter(Message).validate_json(encode_json(reason))
    for language in list_languages():
        assert translate_message(read, load_catalogue(language)) == translate_message(
            reason, load_catalogue(language)
        )


@pytest.mark.parametrize(
    ("n", "en", "ru"),
    [
        (1, "About 1 more document would decide.", "Для решения нужно ещё примерно 1 документ."),
        (3, "About 3 more documents would decide.", "Для решения нужно ещё примерно 3 документа."),
        (
            11,
            "About 11 more documents would decide.",
            "Для решения нужно ещё примерно 11 документов.",
        ),
    ],
)
def test_plural_forms(n: int, en: str, ru: str) -> None:
    reason = Message("more", {"n": n})
    assert (in_english(reason), translate_message(reason, load_catalogue("ru"))) == (en, ru)


def test_figures_are_no_templates() -> None:
    hostile = "{n.__class__} %s \x1b[31m"
    assert (
        translate_message(
            Message("better", {"model": hostile, "name": "x"}), gettext.NullTranslations()
        )
        == f"{hostile} is better in x"
    )
    assert json.loads(encode_json(Message("better", {"model": hostile}))) == {
        "kind": "better",
        "figures": {"model": hostile},
    }
