"""SIGTERM and SIGHUP -> what Ctrl-C does: the run ends, and leaves its report."""

import signal
from contextlib import suppress

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def interrupt_on_signals() -> None:
    """From now on these raise KeyboardInterrupt, too; not those that somebody has a use for: nohup
    ignores SIGHUP."""
    _replace_handlers(signal.SIG_DFL, signal.default_int_handler)


def restore_signals() -> None:
    """They end the process again."""
    _replace_handlers(signal.default_int_handler, signal.SIG_DFL)


def _replace_handlers(present: object, wanted: object) -> None:
    for number in ENDING_SIGNALS:
        if signal.getsignal(number) is present:
            with suppress(ValueError):  # another thread than the main one
                signal.signal(number, wanted)  # type: ignore[arg-type]
