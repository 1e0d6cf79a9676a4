"""A figure with its interval: what every result is told in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval (None where there is none) and its number of documents; where
    groups of them were resampled, of `units` groups."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    units: int | None = None

    @property
    def resampled(self) -> int:
        """How many independent units stand behind the figure."""
        return self.n if self.units is None else self.units
