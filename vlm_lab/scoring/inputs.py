"""A document with its suite -> a digest of what decides its score beside the reply and the schema.

Two answers may be compared where it is the same: a reference that somebody corrected, another map
or another reading of empty values changes a score, and no model had a part in that.
"""

import json
from dataclasses import asdict
from hashlib import sha256

from vlm_lab.types import Document

SCORING = 1  # raised when the same reply would get other outcomes


def hash_scoring_inputs(document: Document) -> str:
    """sha256 of the reference as it is scored by (mapped, corrected), of the values that no page
    shows, and of what suite.yaml says of reading; replayed files are read by its rules, too."""
    suite = document.suite
    inputs = [
        SCORING,
        document.reference,
        sorted(document.not_shown),
        suite.unwrap,
        dict(suite.map),
        suite.ignore,
        suite.empty,
        asdict(suite.conventions),
        [asdict(field) for field in suite.fields],
    ]
    text = json.dumps(inputs, sort_keys=True, default=str)
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
