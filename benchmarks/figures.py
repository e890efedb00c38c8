"""What a benchmark gives: figures, each with what it stands beside and the goal that it was set."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Goal:
    """A bound that a figure should keep."""

    sense: Literal["at least", "at most"]
    bound: float

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.sense == "at least" else value <= self.bound

    def __str__(self) -> str:
        return f"{self.sense} {self.bound:g}"


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes
    ----------
    value, unit
        The unit is "x" for ratios.
    beside
        The limit or the other way, measured in the same run, that the number is to be read beside.
    reason
        Why the goal is missed, where it is; shown only then.
    """

    name: str
    value: float
    unit: str
    beside: str = ""
    goal: Goal | None = None
    reason: str = ""

    @property
    def missed(self) -> bool:
        return self.goal is not None and not self.goal.is_met(self.value)


@dataclass(frozen=True)
class Section:
    """The figures of one subject; `settings` says in a few sentences what was measured, on what and how.

    `missing` holds a sentence for everything that could not be measured here.
    """

    title: str
    settings: str
    figures: tuple[Figure, ...] = ()
    missing: tuple[str, ...] = ()

    def value(self, name: str) -> float:
        """The figure of this name."""
        return next(figure.value for figure in self.figures if figure.name == name)
