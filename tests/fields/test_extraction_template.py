"""Fields as the template that NuExtract's models fill in."""

from typing import Any

import pytest

from vlm_lab.fields.extraction_template import build_extraction_template
from vlm_lab.types import Field

CASES: list[tuple[list[Field], dict[str, Any]]] = [
    ([Field("number", "identifier")], {"number": "verbatim-string"}),
    (
        [Field("issued", "date"), Field("paid", "boolean"), Field("total", "amount")],
        {"issued": "date-time", "paid": ["true", "false"], "total": "verbatim-string"},
    ),
    ([Field("tags[]", "list")], {"tags": ["verbatim-string"]}),
    (
        [Field("a.b.c"), Field("rows[].name"), Field("a.b.d"), Field("rows[].price", "amount")],
        {
            "a": {"b": {"c": "verbatim-string", "d": "verbatim-string"}},
            "rows": [{"name": "verbatim-string", "price": "verbatim-string"}],
        },
    ),
    (
        [Field("rows[].tax.rate"), Field("rows[].codes[]", "list")],
        {"rows": [{"tax": {"rate": "verbatim-string"}, "codes": ["verbatim-string"]}]},
    ),
    ([Field("a"), Field("a.b")], {"a": {"b": "verbatim-string"}}),
    ([Field("a[]", "list"), Field("a[].b")], {"a": [{"b": "verbatim-string"}]}),
    ([], {}),
]


@pytest.mark.parametrize(("fields", "template"), CASES)
def test_a_template_has_a_type_where_a_value_belongs(
    fields: list[Field], template: dict[str, Any]
) -> None:
    assert build_extraction_template(fields) == template
