"""What is known of a document beside its fields: suite.yaml's `tags`, tags.csv, and who has
verified its reference."""

import csv
from collections.abc import Container, Mapping
from typing import Any

from vlm_lab.errors import UserError
from vlm_lab.suite.references import get_at_path, normalize_unicode
from vlm_lab.types import Suite

VERIFIED_FILE = "verified.txt"
TRUE_VALUES = ("yes", "true", "1", "x", "да")


def read_tag_table(suite: Suite) -> dict[str, dict[str, str]]:
    """tags.csv: a column `document` (relative path) and one column a tag."""
    name = suite.tags.get("file")
    if not name:
        return {}
    path = suite.folder / name
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); suite.yaml names it under tags.file"
        ) from None
    if rows and "document" not in rows[0]:
        raise UserError(f"{path}: must have a column `document` (got {', '.join(rows[0])})")
    return {
        normalize_unicode(row.pop("document")): {key: value for key, value in row.items() if value}
        for row in rows
    }


def collect_tags(
    suite: Suite, name: str, reference: Mapping[str, Any] | None, table: Mapping[str, Any]
) -> dict[str, str]:
    """The tags of one document; a tag whose value is an object or a list is none."""
    tags = dict(table.get(normalize_unicode(name), {}))
    for tag, source in suite.tags.items():
        if tag == "file":
            continue
        value = name.rpartition("/")[0] if source == "parent" else get_at_path(reference, source)
        if value and not isinstance(value, Mapping | list):
            tags[tag] = str(value)
    return tags


def read_verified_names(suite: Suite) -> frozenset[str]:
    """verified.txt beside suite.yaml: the documents whose references a person has checked, one id
    or path a line."""
    try:
        lines = (suite.folder / VERIFIED_FILE).read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        return frozenset()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{suite.folder / VERIFIED_FILE}: cannot be read ({error})") from None
    return frozenset(
        normalize_unicode(line.strip())
        for line in lines
        if line.strip() and not line.startswith("#")
    )


def is_verified(
    suite: Suite, identity: str, name: str, tags: Mapping[str, str], names: Container[str]
) -> bool:
    """Whether a person has checked this reference: the suite says so, verified.txt, or the
    document's tag."""
    listed = identity in names or normalize_unicode(name) in names
    return suite.verified or listed or tags.get("verified", "").strip().casefold() in TRUE_VALUES
