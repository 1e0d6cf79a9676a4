"""pytest-xdist's scheduler by groups, where a group is a model: all of its documents go to one
worker. A test that a worker died in has had its turn, and is not handed to the next worker, which
it might kill as well.

Groups are not read off the tests' ids, into which a mark writes them: not every pytest shows what
pytest-xdist writes there. Imported where pytest-xdist runs alone.
"""

from collections.abc import Callable
from typing import Any

from xdist.scheduler import LoadGroupScheduling


class ModelScheduling(LoadGroupScheduling):  # type: ignore[misc]
    """`find_model` says whose case a test is; "" for a test that is none."""

    def __init__(self, config: Any, log: Any, find_model: Callable[[str], str]) -> None:
        super().__init__(config, log)
        self._find_model = find_model

    def _split_scope(self, nodeid: str) -> str:
        return self._find_model(nodeid) or str(super()._split_scope(nodeid))

    def remove_node(self, node: Any) -> str | None:
        """The test that the worker died in, None where it had none left."""
        workload: dict[str, dict[str, bool]] = self.assigned_work[node]
        crashed = None
        for group, tests in list(workload.items()):
            open_tests = [test for test, is_done in tests.items() if not is_done]
            if open_tests and crashed is None:
                crashed = open_tests.pop(0)
                tests[crashed] = True
            if not open_tests:
                del workload[group]
        super().remove_node(node)
        return crashed
