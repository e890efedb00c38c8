"""Peaks of a heat map, located more finely than its locations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Peak:
    """A local maximum of a heat map."""

    x: float
    """Position as a share of the map's width, from 0 at the left side to 1 at the right."""
    y: float
    """Position as a share of the map's height, from 0 at the top to 1 at the bottom."""
    heat: float
    """Value of the map at the peak's location."""


def find_peaks(heat: NDArray[np.float32], count: int, radius: float) -> list[Peak]:
    """Find the highest peaks of a heat map, highest first.

    Parameters
    ----------
    heat
        (size, size) values; locations below 0 are excluded.
    count
        Number of peaks wanted; there are fewer when every remaining location belongs to one.
    radius
        Locations within this share of the map's side from a peak belong to it.

    Notes
    -----
    Along each axis, the vertex of the parabola through the highest location and its two neighbours is the position of
    the peak; ours. The heat is the value at the location itself, so that it remains a probability.

    Examples
    --------
    >>> heat = np.zeros((4, 4), np.float32)
    >>> heat[1, 2] = 0.5
    >>> find_peaks(heat, 1, radius=0.1)
    [Peak(x=0.625, y=0.375, heat=0.5)]
    """
    size = len(heat)
    remaining = np.array(heat, dtype=np.float64)
    axis = np.arange(size)
    peaks: list[Peak] = []
    while len(peaks) < count and remaining.max() >= 0:
        row, column = (int(v) for v in np.unravel_index(remaining.argmax(), remaining.shape))
        x = (column + 0.5 + _vertex_offset(heat[row], column)) / size
        y = (row + 0.5 + _vertex_offset(heat[:, column], row)) / size
        peaks.append(Peak(x, y, float(heat[row, column])))
        if len(peaks) < count:
            remaining[np.hypot(axis[:, None] - row, axis - column) <= radius * size] = -1
    return peaks


def _vertex_offset(values: NDArray[np.float32], position: int) -> float:
    """Offset of the vertex of the parabola through `position` and its two neighbours, in -.5..+.5 locations.

    It is 0 at the ends, next to an excluded location and where the parabola has no maximum.
    """
    if not 0 < position < len(values) - 1:
        return 0.0
    before, middle, after = (float(v) for v in values[position - 1 : position + 2])
    curvature = before - 2 * middle + after
    if min(before, after) < 0 or curvature >= 0:
        return 0.0
    return min(max((before - after) / (2 * curvature), -0.5), 0.5)
