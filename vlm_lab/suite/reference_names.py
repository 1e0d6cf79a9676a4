"""Where the reference of a document is written: by the suite's own rule, and only where no other
document would take it for its own."""

from collections.abc import Mapping, Sequence

from vlm_lab.suite.reference_index import ReferenceIndex, fill_match, normalize_unicode
from vlm_lab.types import Suite


def name_reference(suite: Suite, name: str) -> str:
    """The path of a document's own reference, relative to the suite's references."""
    folder, _, file_name = name.rpartition("/")
    reference_name = fill_match(suite.match, file_name)
    return f"{folder}/{reference_name}" if folder else reference_name


def has_own_reference(suite: Suite, index: ReferenceIndex, name: str, names: Sequence[str]) -> bool:
    """Whether a reference is this document's: one that was made for a namesake in another folder
    is not."""
    found = index.find(name)
    if found is None or found.path == suite.references / name_reference(suite, name):
        return found is not None
    return found.path not in {suite.references / name_reference(suite, other) for other in names}


def find_namesakes(
    suite: Suite, names: Sequence[str], new_names: Sequence[str]
) -> dict[str, Sequence[str]]:
    """Of `new_names`, those whose reference would be taken for another document's as well, since
    both have its name, here or in another folder; and these others."""
    same_names_by_key: dict[str, list[str]] = {}
    for name in names:
        key = normalize_unicode(fill_match(suite.match, name.rpartition("/")[2])).casefold()
        same_names_by_key.setdefault(key, []).append(name)
    namesakes: dict[str, Sequence[str]] = {}
    for same_names in same_names_by_key.values():
        namesakes.update(_find_confused(suite, same_names, new_names))
    return namesakes


def _find_confused(
    suite: Suite, same_names: Sequence[str], new_names: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    paths = {name: name_reference(suite, name) for name in same_names}
    labelled_paths = {
        path
        for name, path in paths.items()
        if name in new_names or (suite.references / path).exists()
    }
    confused = {}
    for name in same_names:
        others = [
            other
            for other in same_names
            if other != name and (paths[other] == paths[name] or len(labelled_paths) == 1)
        ]
        if name in new_names and others:
            confused[name] = others
    return confused
