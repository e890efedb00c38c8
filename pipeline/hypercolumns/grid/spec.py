"""Specification of a grid of classifiers that is to be trained."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GridSpec:
    """The layers that a grid of classifiers reads and its number of cells."""

    layers: tuple[str, ...]
    """Layers in the order of their channels in a hypercolumn."""
    grid: int
    """Cells per side of the box (K)."""
