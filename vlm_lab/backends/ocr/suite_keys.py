"""What the rules found -> an answer in the suite's own keys.

A suite's fields are recognised by their types and by the words of their keys (ocr_words.yaml,
`field_keys`); totals by their roles in the arithmetic. Of several fields that say the same the one
with the clearest key is answered.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from vlm_lab.backends.ocr.words import WORDS, fold_text
from vlm_lab.fields.paths import MISSING, find_value, set_value
from vlm_lab.fields.roles import find_row_total_column, infer_role, split_key
from vlm_lab.types import Field

# What `extract_fields` finds, with the types that a suite's field for it may have.
KNOWN_TYPES: Mapping[str, tuple[str, ...]] = {
    "invoice_number": ("identifier", "text"),
    "issue_date": ("date",),
    "due_date": ("date",),
    "currency": ("currency", "text"),
    "seller.name": ("name", "text"),
    "totals.net": ("amount",),
    "totals.tax": ("amount",),
    "totals.gross": ("amount",),
}
ROWS = "line_items"
CELL_TYPES: Mapping[str, tuple[str, ...]] = {
    "description": ("text", "name"),
    "unit_price": ("amount",),
}
KNOWN_NAMES = "number, issue and due date, currency, seller's name, net, tax, gross, rows"
KEY_PATTERNS: Mapping[str, Sequence[re.Pattern[str]]] = {
    name: [re.compile(words) for words in ([levels] if isinstance(levels, str) else levels)]
    for name, levels in WORDS["field_keys"].items()
}


def choose_fields(fields: Sequence[Field]) -> dict[str, str]:
    """The suite's path for each thing that the rules find and the suite asks for; cells as
    `line_items[].amount`."""
    header_fields = [field for field in fields if "[]" not in field.path]
    chosen: dict[str, str] = {}
    for name in KNOWN_TYPES:
        free_fields = [field for field in header_fields if field.path not in chosen.values()]
        path = _choose_field(name, free_fields)
        if path is not None:
            chosen[name] = path
    return chosen | _choose_cells(fields)


def build_answer(found: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, Any]:
    """What was found under the suite's paths; what the suite does not ask for is left out."""
    answer: dict[str, Any] = {}
    cells: dict[str, str] = {}
    for name, path in chosen.items():
        if "[]." in name:
            cells[name.partition("[].")[2]] = path
            continue
        value = find_value(found, name)
        if value is not MISSING:
            set_value(answer, path, value)
    if cells and found.get(ROWS):
        table = next(iter(cells.values())).partition("[].")[0]
        set_value(answer, table, [_build_row(row, cells) for row in found[ROWS]])
    return answer


def _build_row(row: Mapping[str, Any], cells: Mapping[str, str]) -> dict[str, Any]:
    answer_row: dict[str, Any] = {}
    for name, path in cells.items():
        if name in row:
            set_value(answer_row, path.partition("[].")[2], row[name])
    return answer_row


def _choose_field(name: str, fields: Sequence[Field]) -> str | None:
    """The path with the clearest key, of equal ones the least nested."""
    ranked = []
    for position, field in enumerate(fields):
        rank = _rank_key(name, field) if field.type in KNOWN_TYPES[name] else None
        if rank is not None:
            ranked.append((rank, field.path.count("."), position, field.path))
    return min(ranked)[-1] if ranked else None


def _rank_key(name: str, field: Field) -> int | None:
    """How clearly a key says that it is meant, 0 the clearest; None where it does not."""
    words = _fold_words(field.path)
    last_words = _fold_words(field.path.rpartition(".")[2])
    if any(pattern.search(words) for pattern in KEY_PATTERNS[f"not_{name.partition('.')[0]}"]):
        return None
    for rank, pattern in enumerate(KEY_PATTERNS[name]):
        if pattern.search(words if name == "seller.name" else last_words):
            return rank
    role = name.removeprefix("totals.")
    if name.startswith("totals.") and infer_role(field.path) == role:
        return len(KEY_PATTERNS[name])
    if name == "currency" and field.type == "currency":
        return len(KEY_PATTERNS[name])
    return None


def _choose_cells(fields: Sequence[Field]) -> dict[str, str]:
    """The cells of the first list that has words and amounts."""
    tables: dict[str, list[Field]] = {}
    for field in fields:
        if field.path.count("[].") == 1 and not field.path.endswith("[]"):
            tables.setdefault(field.path.partition("[].")[0], []).append(field)
    for cells in tables.values():
        chosen = _choose_cells_of(cells)
        if f"{ROWS}[].description" in chosen and len(chosen) > 1:
            return chosen
    return {}


def _choose_cells_of(cells: Sequence[Field]) -> dict[str, str]:
    chosen = {}
    amounts = [cell.path for cell in cells if cell.type == "amount"]
    total_path = find_row_total_column(amounts)
    if total_path is not None:
        chosen[f"{ROWS}[].amount"] = total_path
    for name, types in CELL_TYPES.items():
        for cell in cells:
            is_named = any(
                pattern.search(_fold_words(cell.path.rpartition(".")[2]))
                for pattern in KEY_PATTERNS[f"row_{name}"]
            )
            if cell.type in types and is_named and cell.path not in chosen.values():
                chosen.setdefault(f"{ROWS}[].{name}", cell.path)
    return chosen


def _fold_words(path: str) -> str:
    return fold_text(" ".join(split_key(part) for part in path.split(".")))
