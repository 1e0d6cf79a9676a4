"""`image` and `reader` of a model in models.yaml, and the prompts that show the text of pages: what
does not go together is said before anything runs.

    image: false          # the model is sent text alone
    reader: paddle        # a candidate that reads the pages for {{ ocr_text }} in place of the OCR

In: all candidates, and every prompt's template by its id. Out: UserError with a candidate's place.
"""

from collections.abc import Callable, Mapping, Sequence

from vlm_lab.config.strict_yaml import format_suggestion
from vlm_lab.errors import UserError
from vlm_lab.sanitize import quote_value
from vlm_lab.types import Model

OCR_NAME = "ocr"  # the reader that needs no entry
OCR_GIVES_TEXT = {"output": "text"}  # backend_kwargs of an OCR whose reply is the pages' text
MAX_READERS = 4  # a reader may have a reader for its own prompt
PAGE_BACKENDS = ("ocr", "replay")  # whose answers come from pages, or from before
SHOWN = "{{ ocr_text }}"


def check_readers(models: Sequence[Model], locations: Mapping[str, str]) -> None:
    """UserError for a reader that is not there, that would wait for itself, or that is none."""
    by_name = {model.name: model for model in models}
    for model in models:
        location = f"{locations[model.name]}: {model.name}"
        if not model.image and model.backend in PAGE_BACKENDS:
            raise UserError(
                f"{location}: image: false is for a model that is sent a prompt; "
                f"backend {model.backend} is sent none"
            )
        _check_chain(model, by_name, location)


def _check_chain(model: Model, by_name: Mapping[str, Model], location: str) -> None:
    names = [model.name]
    reader_name = model.reader
    while reader_name is not None and (reader_name in by_name or reader_name != OCR_NAME):
        if reader_name not in by_name:
            suggestion = format_suggestion(reader_name, sorted({*by_name, OCR_NAME}))
            raise UserError(f"{location}: reader: no model {quote_value(reader_name)}{suggestion}")
        names.append(reader_name)
        chain = " <- ".join(names)
        if reader_name in names[:-1]:
            raise UserError(f"{location}: reader: {chain} goes round in a circle; break it")
        if len(names) > MAX_READERS + 1:
            raise UserError(f"{location}: reader: {chain} are too many; {MAX_READERS} is most")
        reader_name = by_name[reader_name].reader


def check_shown_text(
    models: Sequence[Model],
    templates: Mapping[str, str],
    locations: Mapping[str, str],
    shows_text: Callable[[str], bool],
) -> None:
    """UserError where a model without images is sent nothing of a document, or where nothing that
    its reader reads would be sent."""
    for model in models:
        blind = [name for name in model.prompts if not shows_text(templates[name])]
        if blind and not model.image:
            raise UserError(
                f"{locations[model.name]}: {model.name}: image: false sends text alone, and prompt "
                f"{blind[0]!r} shows nothing of a document: put {SHOWN} into it, or name a prompt "
                "that has it"
            )
        if model.reader is not None and len(blind) == len(model.prompts):
            raise UserError(
                f"{locations[model.name]}: {model.name}: reader: {model.reader} would read for "
                f"nothing: no prompt of {', '.join(model.prompts)} shows {SHOWN}"
            )
