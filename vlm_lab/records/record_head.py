"""What of a record can be read without reading all of it: whose it is, how it ended, and by which
hashes it is known."""

from dataclasses import dataclass
from typing import Any

from vlm_lab.types import CaseKey, HasCandidate


@dataclass(frozen=True, slots=True)
class RecordHead(HasCandidate):
    """What can be read of a line of any version: whose it is, and what is hostile text, the key of
    its cached reply, how it ended, the document's name, what decided its score, and by what its
    pages were read."""

    suite: str
    model: str
    prompt_id: str
    document: str
    reply_key: Any = None
    status: Any = None
    document_name: Any = None
    document_sha256: Any = None
    reference_sha256: Any = None
    scoring_sha256: Any = None
    page_text: Any = None

    @property
    def reply_keys(self) -> set[str]:
        """Under which the cache has its reply, and those by which its pages were read for it."""
        readings = self.page_text.get("readings") if isinstance(self.page_text, dict) else None
        entries = readings if isinstance(readings, list) else []
        reading_keys = [entry.get("reply_key") for entry in entries if isinstance(entry, dict)]
        return {str(key) for key in (self.reply_key, *reading_keys)}

    @property
    def key(self) -> CaseKey:
        """What makes this the same case in another run."""
        return self.suite, self.model, self.prompt_id, self.document
