"""A session and its page -> a server that answers until Ctrl-C."""

import os
import signal

from vlm_lab.corrections_page import PageServer
from vlm_lab.corrections_page.page import RenderedPage
from vlm_lab.corrections_page.server import PageSession
from vlm_lab.run.signals import interrupt_on_signals


def serve_page(session: PageSession, page: RenderedPage) -> None:
    """Prints the address, and returns when somebody has ended it."""
    with PageServer(session, page) as server:
        print(f"open {server.address}\n(this machine alone can; {_explain_ending()})", flush=True)
        interrupt_on_signals()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def _explain_ending() -> str:
    """How the server is ended: a shell starts what it runs in the background without Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        return f"`kill {os.getpid()}` ends it"
    return "Ctrl-C ends it"
