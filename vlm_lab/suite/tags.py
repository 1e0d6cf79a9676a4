"""Documents' tags (suite.yaml's `tags`, tags.csv), and which references a person has verified."""

import csv
import difflib
import io
from collections.abc import Container, Mapping
from typing import Any

from vlm_lab.errors import UserError
from vlm_lab.files import MAX_DATA_BYTES, read_bounded_text
from vlm_lab.sanitize import MAX_QUOTED, terminal_safe
from vlm_lab.suite.reference_index import normalize_unicode
from vlm_lab.suite.references import get_at_path
from vlm_lab.types import Suite

VERIFIED_FILE = "verified.txt"
TAGS_FILE = "tags.csv"  # as `vlm-lab init` names it
NO_VALUE = "-"  # the stratum of documents without the tag
MAX_COMPLAINTS = 5  # lines of it that an error names
TRUE_VALUES = ("yes", "true", "1", "x", "да")


def read_tag_table(suite: Suite) -> dict[str, dict[str, str]]:
    """tags.csv: a column `document` (relative path) and one column a tag."""
    name = suite.tags.get("file")
    if not name:
        return {}
    path = suite.folder / name
    try:
        lines = io.StringIO(read_bounded_text(path, limit=MAX_DATA_BYTES), newline="")
        reader = csv.DictReader(lines, restkey="")
        columns, rows = reader.fieldnames or (), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: is no CSV in UTF-8 ({error})") from None
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); suite.yaml names it under tags.file"
        ) from None
    if (columns or rows) and "document" not in columns:
        got = terminal_safe(", ".join(columns)[:200])
        raise UserError(
            f"{path}: must have a column `document`, named in its first line (got {got})"
        )
    tags_by_document = {}
    for row in rows:
        document = normalize_unicode(row.pop("document") or "")
        tags = {key: value for key, value in row.items() if key and value}
        tags_by_document[document] = tags
    return tags_by_document


def collect_tags(
    suite: Suite,
    document_name: str,
    reference: Mapping[str, Any] | None,
    tags_by_document: Mapping[str, Any],
) -> dict[str, str]:
    """The tags of one document; a tag whose value is an object or a list is none."""
    tags = dict(tags_by_document.get(normalize_unicode(document_name), {}))
    for tag, tag_source in suite.tags.items():
        if tag == "file":
            continue
        if tag_source == "parent":
            value = document_name.rpartition("/")[0]
        else:
            value = get_at_path(reference, tag_source)
        if value and not isinstance(value, Mapping | list):
            tags[tag] = str(value)
    return tags


def label_group(tags: Mapping[str, str], cluster: str) -> str:
    """The group that a document is in by the tag `cluster`, however that is spaced and cased; ""
    where it stands for itself."""
    return " ".join(tags.get(cluster, "").split()).casefold() if cluster else ""


def split_by_tag(
    tags_by_document: Mapping[str, Mapping[str, str]], tag: str
) -> dict[str, list[str]]:
    """The documents by their value of a tag, those without it under `NO_VALUE`; all under "" where
    none has it."""
    if not tag or not any(tags.get(tag) for tags in tags_by_document.values()):
        return {"": list(tags_by_document)}
    strata: dict[str, list[str]] = {}
    for document, tags in tags_by_document.items():
        strata.setdefault(tags.get(tag) or NO_VALUE, []).append(document)
    return strata


def read_verified_names(suite: Suite) -> dict[str, int]:
    """verified.txt beside suite.yaml, an id or path a line: what a person has checked, each with
    the number of its line."""
    try:
        lines = read_bounded_text(suite.folder / VERIFIED_FILE, limit=MAX_DATA_BYTES).split("\n")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{suite.folder / VERIFIED_FILE}: cannot be read ({error})") from None
    names = {number: line.strip() for number, line in enumerate(lines, 1)}
    return {
        normalize_unicode(name): number
        for number, name in names.items()
        if name and not name.startswith("#")
    }


def check_verified_names(
    suite: Suite, verified_names: Mapping[str, int], document_names: Mapping[str, str]
) -> None:
    """UserError where verified.txt names what is no document: what a person has checked would
    count as unchecked. `document_names` are paths by id."""
    known_names = {*document_names, *map(normalize_unicode, document_names.values())}
    unknown_names = [name for name in verified_names if name not in known_names]
    if not unknown_names:
        return
    complaints = [
        _describe_unknown_name(suite, verified_names[name], name[:MAX_QUOTED], document_names)
        for name in unknown_names[:MAX_COMPLAINTS]
    ]
    listed = "\n".join(complaints)
    hidden_count = len(unknown_names) - MAX_COMPLAINTS
    more = f"\nand {hidden_count} more lines" if hidden_count > 0 else ""
    raise UserError(f"{listed}{more}\nwrite a document's path or its id, or take the line out")


def _describe_unknown_name(
    suite: Suite, number: int, name: str, document_names: Mapping[str, str]
) -> str:
    """`.../verified.txt:3: no document 'inv_01'; did you mean 'inv_001.pdf'?`"""
    spellings: dict[str, str] = {}
    for document_id, document_name in document_names.items():
        stem = document_name.rpartition("/")[2].rpartition(".")[0]
        for spelling in (stem, document_id, document_name):
            spellings[spelling.casefold()] = document_name
    close_matches = difflib.get_close_matches(name.casefold(), spellings, 1)
    hint = ""
    if close_matches:
        hint = f"; did you mean {terminal_safe(spellings[close_matches[0]])!r}?"
    return f"{suite.folder / VERIFIED_FILE}:{number}: no document {terminal_safe(name)!r}{hint}"


def is_verified(
    suite: Suite,
    document_id: str,
    name: str,
    tags: Mapping[str, str],
    verified_names: Container[str],
) -> bool:
    """Whether a person has checked this reference: by the suite, verified.txt or the tag."""
    is_listed = document_id in verified_names or normalize_unicode(name) in verified_names
    return suite.verified or is_listed or tags.get("verified", "").strip().casefold() in TRUE_VALUES
