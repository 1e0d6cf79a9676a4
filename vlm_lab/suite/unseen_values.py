"""Which of a document's reference values stand only on pages that are not shown: no model can read
them, so none is judged by them.

Only a text layer tells. Where a page that is shown has none that says all that is seen (a scan, a
form, a large picture), the value may stand there, and nothing is said.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vlm_lab.errors import DocumentError
from vlm_lab.fields.flattening import unflatten_dotted_keys
from vlm_lab.fields.nothing import is_null
from vlm_lab.fields.printed_forms import (
    MIN_PRINTED_LENGTH,
    keep_letters,
    list_printed_forms,
)
from vlm_lab.suite.pages import read_page_texts
from vlm_lab.types import Conventions, Document

MIN_SIMILARITY = 85  # of 100: a value that stands nearly so on a page is taken as seen there


def find_unseen_paths(document: Document, page_limit: int) -> frozenset[str]:
    """The paths of results (`totals.gross`, `line_items[2].amount`) whose values stand on a page
    behind the first `page_limit` and on none of these."""
    if document.reference is None:
        return frozenset()
    try:
        texts = read_page_texts(document.path)
        leaves = list(_iterate_leaves(unflatten_dotted_keys(document.reference), ""))
    except (DocumentError, RecursionError):
        return frozenset()
    shown_texts = [text for text in texts[:page_limit] if text is not None]
    if len(shown_texts) < len(texts[:page_limit]):
        return frozenset()
    shown, hidden = " ".join(shown_texts), [text for text in texts[page_limit:] if text]
    conventions = document.suite.conventions
    return frozenset(
        path for path, value in leaves if _is_only_hidden(value, shown, hidden, conventions)
    )


def _iterate_leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _iterate_leaves(child, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from _iterate_leaves(item, f"{path}[{index}]")
    elif not is_null(value) and not isinstance(value, bool):
        yield path, value


def _is_only_hidden(
    value: Any, shown: str, hidden: Sequence[str], conventions: Conventions
) -> bool:
    forms = list_printed_forms(value, asdict(conventions))
    if len(keep_letters(str(value))) < MIN_PRINTED_LENGTH or not forms:
        return False
    normalized_page = keep_letters(shown)
    if any(_is_nearly_on(form, normalized_page) for form in (*forms, _strip_cents(value))):
        return False
    return any(_is_printed_on(form, text) for form in forms for text in hidden)


def _is_nearly_on(form: str, normalized_page: str) -> bool:
    from rapidfuzz import fuzz

    normalized_form = keep_letters(form)
    if not normalized_form or normalized_form in normalized_page:
        return bool(normalized_form)
    if normalized_form.isdigit():
        return False
    return fuzz.partial_ratio(normalized_form, normalized_page) >= MIN_SIMILARITY


def _is_printed_on(form: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text, re.IGNORECASE) is not None


def _strip_cents(value: Any) -> str:
    """`119` of 119.00, as a page may have it."""
    whole, _, cents = str(value).partition(".")
    return whole if len(whole) > 2 and cents and not cents.strip("0") else ""
