"""A document with its suite -> a digest of what decides its score beside the reply and the schema.

Two answers may be compared where it is the same: a reference that somebody corrected, another map
or another reading of empty values changes a score, and no model had a part in that.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from hashlib import sha256
from typing import Any

from vlm_lab.types import Document, Suite

SCORING = 1  # raised when the same reply would get other outcomes


def hash_scoring_inputs(document: Document) -> str:
    """sha256 of the reference as it is scored by (mapped, corrected), of the values that no page
    shows, and of what suite.yaml says of reading; replayed files are read by its rules, too."""
    of_document = _serialize([SCORING, document.reference, sorted(document.not_shown)])
    text = f"{of_document[:-1]}, {_serialize_rules(document.suite)[1:]}"  # one list of the two
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


@lru_cache(maxsize=64)
def _serialize_rules(suite: Suite) -> str:
    """The same for all documents of a suite."""
    return _serialize(
        [
            suite.unwrap,
            dict(suite.map),
            suite.ignore,
            suite.empty,
            asdict(suite.conventions),
            [asdict(field) for field in suite.fields],
        ]
    )


def _serialize(inputs: Sequence[Any]) -> str:
    return json.dumps(inputs, sort_keys=True, default=str)
