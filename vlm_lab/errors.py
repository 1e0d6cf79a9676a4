"""The exceptions that carry a whole message for the user; everything else is a bug.

UserError            what the user gave cannot be used: one clear message, no traceback
  DocumentError      this file cannot become pages; its cells are `error`
    HiddenDocument   its pages do not show what it holds; its cells are `skipped`
  DiskError          nothing more can be written: the run ends, what was written is safe
  Skip               this candidate or case cannot run here; the rest goes on, the cell is `skipped`
    NotApplicable    the candidate is not meant for this document, and is not judged by it
  GenerationError    a backend could not answer this case; the cell is `error` and the rest goes on
"""

import sys

from vlm_lab.commands import (
    format_command,
    format_install_command,
    format_run_command,
    has_scripts,
)
from vlm_lab.messages import Message, in_english


class UserError(Exception):
    """What was wanted, what came, where, and the next command to type. `message` keeps a sentence
    as data, for a report in another language."""

    kind = "UserError"

    def __init__(self, message: Message | str) -> None:
        super().__init__(in_english(message))
        self.message = message


class DocumentError(UserError):
    """A file that cannot be opened, or that must not be: broken, too slow, too large."""

    kind = "DocumentError"


class DiskError(UserError):
    """The results folder takes no more."""

    kind = "DiskError"


class Skip(UserError):
    """A candidate or a case that cannot run here, with the command that would change that."""

    kind = "Skip"


class NotApplicable(Skip):
    """A document that a candidate is not meant for: it is not asked about it."""

    kind = "NotApplicable"


class HiddenDocument(DocumentError, Skip):
    """A file whose pages do not show what it holds: encrypted, or for another program alone."""

    kind = "Skip"


class GenerationError(UserError):
    """No reply for one case. `kind` is what a table shows: OutOfMemory, Timeout, ContextOverflow,
    WorkerDied, ..."""

    def __init__(self, kind: str, message: Message | str) -> None:
        super().__init__(message)
        self.kind = kind


def explain_missing_module(error: ModuleNotFoundError) -> str:
    """What to type in an environment that our requirements are not installed in. The error itself
    where it is one of our own modules that is missing."""
    if (error.name or "vlm_lab").startswith("vlm_lab"):
        raise error
    scripts = ""
    if has_scripts():
        commands = f"{format_run_command()} (or {format_command()})"
        scripts = f"type {commands}, which has an environment of its own, or "
    return (
        f"no module {error.name!r} in {sys.executable}: {scripts}"
        f"install what is needed here: {format_install_command('local,ocr')}"
    )
