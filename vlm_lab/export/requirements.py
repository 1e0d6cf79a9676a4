"""requirements.txt of an export: what its script imports and all that this brings, each at the
version with which the candidate was measured.

In: names, where packages lie, and the versions that the run wrote down. Nothing is imported.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
REQUIREMENTS_TEMPLATE = """\
# For Python {python}: what was installed where this candidate was measured.
{pins}
"""


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of the file. `marker` says where the package is needed, "" for everywhere."""

    name: str
    version: str
    marker: str

    @property
    def line(self) -> str:
        return f"{self.name}=={self.version}" + (f"; {self.marker}" if self.marker else "")


def render_requirements(
    names: Iterable[str],
    optional_names: Iterable[str],
    search_paths: Sequence[str],
    measured_versions: Mapping[str, str | None],
    python: str,
) -> str:
    """The file's text. Of `optional_names` those that are installed; a package that was measured in
    another version than is installed now brings nothing along."""
    distributions: dict[str, metadata.Distribution] = {}
    for distribution in metadata.distributions(path=list(search_paths)):
        if distribution.name:
            distributions.setdefault(normalize_name(distribution.name), distribution)
    waiting = [(name, "") for name in names]
    waiting += [(name, "") for name in optional_names if name in distributions]
    pins: dict[str, Pin] = {}
    while waiting:
        name, marker = waiting.pop()
        if name in pins and (marker or not pins[name].marker):
            continue
        found = distributions.get(name)
        installed = strip_local_version(found.version) if found else None
        version = strip_local_version(measured_versions.get(name) or "") or installed
        if version is None:
            continue
        pins[name] = Pin(name, version, marker)
        if found and version == installed:
            waiting += list_requirements(found, marker)
    lines = "\n".join(pins[name].line for name in sorted(pins))
    return REQUIREMENTS_TEMPLATE.format(python=python, pins=lines)


def list_requirements(
    distribution: metadata.Distribution, parent_marker: str
) -> Iterator[tuple[str, str]]:
    """What a package needs without any of its extras, each with the systems that it is needed on
    ("" for all)."""
    for requirement in distribution.requires or ():
        specifier, _, marker = (part.strip() for part in requirement.partition(";"))
        match = NAME_PATTERN.match(specifier)
        if match is None or "extra" in marker:
            continue
        markers = [f"({part})" for part in (parent_marker, marker) if part]
        joined = " and ".join(markers) if len(markers) > 1 else parent_marker or marker
        yield normalize_name(match.group()), joined


def normalize_name(name: str) -> str:
    """As package indexes compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def strip_local_version(version: str) -> str:
    """`2.13.0+cpu` names a build that only one index has; `2.13.0` is what it is a build of."""
    return version.partition("+")[0]
