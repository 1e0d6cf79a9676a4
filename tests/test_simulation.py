"""pytest tests/test_simulation.py: a quick, seeded look at what tools/simulate_decisions.py
measures in full."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "tools" / "simulate_decisions.py"
RUNS = 150  # the share of 150 runs has a standard error of 1.8 points at 95 %


@pytest.fixture(scope="module")
def simulate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("simulate_decisions", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("documents", "accuracy"), [(60, 0.9), (60, 0.95), (120, 0.98)])
def test_intervals_cover(simulate: ModuleType, documents: int, accuracy: float) -> None:
    assert 0.90 <= simulate.coverage(RUNS, documents, accuracy) <= 0.99


@pytest.mark.parametrize("prompts", [1, 4])
def test_chosen_is_seldom_wrong_and_possible(simulate: ModuleType, prompts: int) -> None:
    assert simulate.chosen(RUNS, 60, 0.949, prompts) <= 0.08
    assert simulate.chosen(RUNS // 3, 200, 0.985, prompts) >= 0.9


def test_the_gate_errs_seldom_and_sees_five_points(simulate: ModuleType) -> None:
    assert simulate.gated(RUNS, 60, 0.0)[0] <= 0.08
    stopped, expected = simulate.gated(RUNS, 60, 0.05)
    assert stopped == pytest.approx(expected, abs=0.08)
