"""pytest tests/fields/test_wrapper_keys.py: a word for a remark is known by all who meet it."""

import pytest

from vlm_lab.fields.wrapper_keys import CONFIDENCE_KEYS, PLACE_KEYS, VALUE_KEYS
from vlm_lab.parsing import wrappers
from vlm_lab.scaffold import envelope, overlay
from vlm_lab.suite import shapes

SPELLINGS = ("confidence_score", "boundingBox", "bbox-2d", "Достоверность", "LOGPROB")


@pytest.mark.parametrize("remark", [*sorted(CONFIDENCE_KEYS | PLACE_KEYS), *SPELLINGS])
@pytest.mark.parametrize("value_key", VALUE_KEYS)
def test_references_suites_and_replies_unwrap_alike(value_key: str, remark: str) -> None:
    wrapped = {value_key: "A-17", remark: 0.9}
    assert shapes.unwrap_value(wrapped) == "A-17"
    assert wrappers.unwrap_value(wrapped) == (True, "A-17")
    root = overlay.overlay_references([{"number": wrapped}])
    assert envelope.find_technical_keys(root) == [remark]
    bare = overlay.overlay_references([{"number": {value_key: "A-17", "page": 1}}])
    assert envelope.build_value_map(bare) == {"number": f"number.{value_key}"}


@pytest.mark.parametrize("key", ["position", "location", "region", "amount", "text", "number"])
def test_what_may_be_a_field_is_ignored_nowhere(key: str) -> None:
    root = overlay.overlay_references([{"row": {"value": "5", key: "7"}}])
    assert envelope.find_technical_keys(root) == []
