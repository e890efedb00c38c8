"""What is asked of a grid of classifiers, before there is one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GridSpec:
    """Which layers a grid of classifiers reads, and into how many cells per side it cuts the box."""

    layers: tuple[str, ...]
    grid: int
