"""What libraries say while a model is loaded and asked -> lines of the record.

Nobody reads a worker's stderr. What transformers logs at the level of a warning and above, and what
Python warns of, is kept, each once: a setting that was ignored decides a reply as one that was not.

Runs inside the worker: valid on Python 3.9, imports nothing of ours.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LIBRARY = "transformers"
MAX_MESSAGES = 20
MAX_LENGTH = 500
# Said of weights by name, see load_report.
REPORT_MARK = "LOAD REPORT"


class LibraryMessages(logging.Handler):
    """The messages so far, in order. `load_report` is transformers' own table of weights, kept for
    the error that it stands before."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        self.load_report = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Part of a handler: called with what is logged."""
        text = record.getMessage()
        if REPORT_MARK in text:
            self.load_report = " ".join(text.split())
        else:
            self.add(text)

    def add(self, text: str) -> None:
        line = " ".join(text.split())[:MAX_LENGTH]
        if line not in self.messages and len(self.messages) < MAX_MESSAGES:
            self.messages.append(line)

    @contextmanager
    def listen(self) -> Iterator[None]:
        """Keeps what is said inside; logging and warnings are as they were afterwards."""
        logger = logging.getLogger(LIBRARY)
        former_level = logger.level
        logger.addHandler(self)
        _set_level(logger, logging.WARNING)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("default")
                yield
        finally:
            logger.removeHandler(self)
            _set_level(logger, former_level)
        for warning in caught:
            self.add(f"{warning.category.__name__}: {warning.message}")


def _set_level(logger: logging.Logger, level: int) -> None:
    """Not where it is this one already: it makes every logger of the process forget what it is
    enabled for."""
    if logger.level != level:
        logger.setLevel(level)
