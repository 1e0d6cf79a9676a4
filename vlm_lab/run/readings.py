"""A case whose prompt shows the text of its document's pages -> the case that reads them.

That is the OCR baseline's over the pages that the model is shown, or with `reader: NAME` that of
another candidate of models.yaml: with its own settings and its first prompt, over as many pages. A
reader's prompt may show text that is read for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vlm_lab.config.text_keys import OCR_GIVES_TEXT, OCR_NAME
from vlm_lab.suite.prompts import get_page_limit, shows_page_text
from vlm_lab.types import Case, Document, Model

OCR_READER = Model(name=OCR_NAME, model_id="rapidocr", backend="ocr")


def build_reading(
    model: Model,
    template: str,
    document: Document,
    models: Sequence[Model],
    templates: Mapping[str, str],
) -> Case | None:
    """The case whose reply is the text in a prompt of `model`; None where the prompt shows none.
    `models` are those of models.yaml, whose readers have been checked."""
    if not shows_page_text(template):
        return None
    reader = _find_reader(model, document, models)
    prompt_id = reader.prompts[0]
    reader_template = "" if reader.backend == "ocr" else templates[prompt_id]
    reading = build_reading(reader, reader_template, document, models, templates)
    return Case(reader, prompt_id, reader_template, document, reading)


def _find_reader(model: Model, document: Document, models: Sequence[Model]) -> Model:
    """The reader as it is asked: an OCR engine for text, each for as many pages as the model."""
    named = {each.name: each for each in models}
    reader = replace(OCR_READER, dpi=model.dpi)
    if model.reader is not None:
        reader = named.get(model.reader, reader)
    if reader.backend == "ocr":
        reader = replace(reader, backend_kwargs={**reader.backend_kwargs, **OCR_GIVES_TEXT})
    return replace(reader, max_pages=get_page_limit(model, document.suite, None))
