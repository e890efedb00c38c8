"""The results of a benchmark: figures, each with its goal and with the limit it is to be compared with."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Goal:
    """A bound that a figure should keep."""

    sense: Literal["at least", "at most"]
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether `value` keeps the bound."""
        return value >= self.bound if self.sense == "at least" else value <= self.bound

    def __str__(self) -> str:
        return f"{self.sense} {self.bound:g}"


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes
    ----------
    value, unit
        The number and its unit, which is "x" for ratios.
    beside
        The limit, or the other way of doing it, measured in the same run: what the number is to be compared with.
    reason
        Why the goal is missed; shown only if it is.
    """

    name: str
    value: float
    unit: str
    beside: str = ""
    goal: Goal | None = None
    reason: str = ""

    @property
    def missed(self) -> bool:
        """Whether there is a goal and the value does not meet it."""
        return self.goal is not None and not self.goal.is_met(self.value)


@dataclass(frozen=True)
class Section:
    """The figures of one subject.

    Attributes
    ----------
    settings
        A few sentences: what was measured, on what and how.
    missing
        A sentence for everything that could not be measured here.
    """

    title: str
    settings: str
    figures: tuple[Figure, ...] = ()
    missing: tuple[str, ...] = ()

    def value(self, name: str) -> float:
        """Value of the figure called `name`."""
        return next(figure.value for figure in self.figures if figure.name == name)
