"""The clock that a case's rounds run under where pytest-benchmark is not loaded.

`-p no:benchmark` means a run without its table: seconds are ours in any case. Where nobody asked
for its absence, the run says what to type.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest

from vlm_lab.commands import format_install_command, rebuild_command
from vlm_lab.errors import UserError

BENCHMARK_PLUGINS = ("benchmark", "pytest_benchmark.plugin")  # by its entry point, by `-p`


class Rounds:
    """What of pytest-benchmark's fixture a case uses."""

    disabled = False

    def pedantic(self, call: Callable[[], Any], rounds: int = 1, iterations: int = 1) -> None:
        """Calls it as often as it is to be timed; the caller has the clock."""
        for _ in range(rounds * iterations):
            call()


class StopwatchPlugin:
    """The fixture `benchmark`, in the place of the plugin that was switched off."""

    @pytest.fixture
    def benchmark(self) -> Rounds:
        """A case's rounds, without a table of them."""
        return Rounds()


def check_benchmark_plugin(config: pytest.Config) -> None:
    """UserError where the plugin is neither loaded nor switched off by name."""
    manager = config.pluginmanager
    if manager.is_blocked("benchmark") or any(map(manager.has_plugin, BENCHMARK_PLUGINS)):
        return
    reason = f"it is not installed: {format_install_command('local,ocr')}"
    is_named_option = config.getoption("disable_plugin_autoload", False)
    if is_named_option or os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        typed_arguments = config.invocation_params.args
        command = rebuild_command(typed_arguments, config.rootpath, (), "-p", "benchmark")
        reason = f"plugins are not loaded by themselves here; type: {command}"
    raise UserError(f"replies are timed by pytest-benchmark, which is not loaded: {reason}")
