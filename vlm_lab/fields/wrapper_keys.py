"""Keys of an object around a value, of which every pipeline and model has its own: which holds the
value, which say how sure it is and where on the page it stands.

{"Сумма": {"value": "5.00", "confidence_score": 0.9, "bbox": [1, 2, 3, 4]}}

These words mean nothing else on any document, so that references, suites that are proposed and
replies share them. Each reader adds what is plain in its own place, and no more: what is taken for
a remark in a reference is in no score.
"""

from vlm_lab.fields.flattening import reduce_spelling

# As `reduce_spelling` has them; of several in an object the first one counts.
VALUE_KEYS = ("value", "val", "wert", "valeur", "valor", "valore", "waarde", "значение")
CONFIDENCE_KEYS = frozenset(
    (
        "confidence", "confidences", "conf", "confidencescore", "probability", "probabilities",
        "prob", "certainty", "logprob", "logprobs", "уверенность", "достоверность",
    )
)  # fmt: skip
PLACE_KEYS = frozenset(
    (
        "bbox", "bboxes", "box", "boxes", "bbox2d", "box2d", "boundingbox", "boundingboxes",
        "boundingpoly", "boundingpolygon", "boundingregion", "boundingregions", "polygon",
        "polygons", "quad", "coords", "coordinates", "координаты",
    )
)  # fmt: skip


def holds_value(key: str) -> bool:
    """`value` and what else says nothing but that."""
    return reduce_spelling(key) in VALUE_KEYS


def is_remark(key: str) -> bool:
    """Whether a key is about a value, wherever it stands."""
    return reduce_spelling(key) in CONFIDENCE_KEYS | PLACE_KEYS
