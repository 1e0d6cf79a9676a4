"""What the report is made with takes a second to import: that goes on while models load and
answer, in the process that makes the report.
"""

import contextlib
import importlib
from concurrent.futures import ThreadPoolExecutor

REPORT_MODULES = ("vlm_lab.run.finalize", "scipy.special")
PLOT_MODULE = "matplotlib.figure"


class ReportImports:
    """Imports in a thread; what cannot be imported is said by the report, which needs it."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "import")

    def begin(self, case_count: int) -> None:
        """Returns at once. A few cases make no plot."""
        self._executor.submit(_import_modules, case_count)

    def close(self) -> None:
        """Returns when nothing is being imported: Python would wait for it later, where Ctrl-C
        shows a traceback."""
        self._executor.shutdown()


def _import_modules(case_count: int) -> None:
    with contextlib.suppress(Exception):
        for module in REPORT_MODULES:
            importlib.import_module(module)
        if case_count >= importlib.import_module("vlm_lab.report.plots").MIN_REPLIES:
            importlib.import_module(PLOT_MODULE)
