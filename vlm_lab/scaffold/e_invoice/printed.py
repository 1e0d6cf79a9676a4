"""An e-invoice and its PDF -> the e-invoice without numbers that stand on no page: no model can
read them, and none is to be judged by them.

Only a text layer tells, and only one that has most of the numbers: another may be in letters of its
own.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlm_lab.errors import DocumentError
from vlm_lab.fields.paths import MISSING, find_value
from vlm_lab.fields.printed_forms import keep_letters
from vlm_lab.sanitize import quote_value
from vlm_lab.scaffold.e_invoice.invoices import ROWS, EInvoice
from vlm_lab.suite.pages import read_page_texts

# Numbers are printed with the same digits everywhere; names, days and units are not.
CHECKED_PATHS = (
    *("invoice_number", "seller.tax_id", "buyer.tax_id"),
    *("totals.net", "totals.tax", "totals.gross"),
)
CHECKED_CELL = "amount"


def leave_out_unprinted(invoice: EInvoice, path: Path) -> EInvoice:
    """The e-invoice of the document at `path`; what is left out is among its notes."""
    page_text = _read_whole_text(path)
    places = list(_list_places(invoice.values))
    unprinted = [place for place in places if _keep_digits(place[2]) not in page_text]
    if not page_text or 2 * len(unprinted) > len(places):
        return invoice
    values = deepcopy(invoice.values)
    notes = []
    for name, keys, value in unprinted:
        owner: Any = values
        for key in keys[:-1]:
            owner = owner[key]
        del owner[keys[-1]]
        notes.append(f"{name} is not labelled: {quote_value(value)} stands on no page")
    return replace(invoice, values=values, notes=(*invoice.notes, *notes))


def _read_whole_text(path: Path) -> str:
    """Letters and digits of all pages; none where one shows what its text layer does not say."""
    try:
        texts = read_page_texts(path.absolute())
    except DocumentError:
        return ""
    whole_texts = [text for text in texts if text is not None]
    return keep_letters(" ".join(whole_texts)) if len(whole_texts) == len(texts) else ""


def _list_places(values: dict[str, Any]) -> Iterator[tuple[str, list[Any], str]]:
    """The name, the keys and the text of each value that is looked for."""
    for path in CHECKED_PATHS:
        value = find_value(values, path)
        if value is not MISSING:
            yield path, path.split("."), value
    for number, row in enumerate(values.get(ROWS, ())):
        if CHECKED_CELL in row:
            name = f"{ROWS}[{number}].{CHECKED_CELL}"
            yield name, [ROWS, number, CHECKED_CELL], row[CHECKED_CELL]


def _keep_digits(value: str) -> str:
    """As `keep_letters`, without the zeros behind a decimal mark: pages have more or fewer."""
    return keep_letters(value.rstrip("0") if "." in value else value)
