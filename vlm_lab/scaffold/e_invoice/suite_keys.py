"""An e-invoice's values -> the keys of a suite that is there already.

A field of the suite that is called as in the samples is that; others are recognised as the OCR
baseline does it, by their types and the words of their keys.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vlm_lab.backends.ocr.suite_keys import build_answer, choose_fields
from vlm_lab.scaffold.e_invoice.invoices import CELLS, HEADER_PATHS, ROWS
from vlm_lab.types import Field


def choose_paths(fields: Sequence[Field]) -> dict[str, str]:
    """The suite's path for each value of an e-invoice; our own where it has no fields yet."""
    our_paths = [*HEADER_PATHS, *(f"{ROWS}[].{cell}" for cell in CELLS)]
    suite_paths = {field.path for field in fields}
    same_paths = {path: path for path in our_paths if not fields or path in suite_paths}
    recognised = {
        ours: theirs
        for ours, theirs in choose_fields(fields).items()
        if ours not in same_paths and theirs not in same_paths
    }
    return {**same_paths, **recognised}


def convert_to_suite(values: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    """The values under the suite's paths."""
    return build_answer(values, paths)
