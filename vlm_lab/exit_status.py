"""How a run and a command end: the one table of exit statuses.

`vlm-lab --help` prints it, docs/ci.md shows it, and whoever exits takes its number from here. A run
keeps pytest's own 2 to 5; since pytest 9.1 its `--max-warnings` ends with 6, too.
"""

from enum import IntEnum


class ExitStatus(IntEnum):
    """A status has one meaning in a run (scripts/bench, pytest, vlm-lab run) and one in the other
    commands; where both exist they have the same number."""

    OK = 0
    FAILED = 1
    INTERRUPTED = 2
    UNUSABLE_INPUT = 2  # of a command; a run has USAGE_ERROR
    INTERNAL_ERROR = 3
    USAGE_ERROR = 4
    NOTHING_SELECTED = 5
    NOT_COMPARABLE = 6


# Each with what it means at the end of a run, and of another command ("" where it does not occur).
EXIT_STATUS_MEANINGS: dict[ExitStatus, tuple[str, str]] = {
    ExitStatus.OK: (
        "every case was answered or skipped, and no model regressed",
        "it did its work",
    ),
    ExitStatus.FAILED: (
        "a case failed, a model regressed, or `--fail-on-skip` found one that was not measured;"
        " the last line says which",
        "no: worse (`compare`), unsound (`init --check`), not confirmed (`clean`), not shown"
        " (`policy`)",
    ),
    ExitStatus.INTERRUPTED: ("interrupted", "what was given cannot be used; one line says why"),
    ExitStatus.INTERNAL_ERROR: ("pytest itself failed", ""),
    ExitStatus.USAGE_ERROR: ("what was typed or written cannot be used; nothing was run", ""),
    ExitStatus.NOTHING_SELECTED: ("nothing was selected", ""),
    ExitStatus.NOT_COMPARABLE: (
        "the run cannot be compared with the baseline",
        "`compare`: the two runs cannot be compared",
    ),
}
