"""Peaks of a heat map, to a fraction of a location."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Peak:
    """A local answer of a heat map: its place in shares of the map (0 and 1 are its sides), and its heat."""

    x: float
    y: float
    heat: float


def find_peaks(heat: NDArray[np.float32], count: int, radius: float) -> list[Peak]:
    """The `count` highest peaks of a (size, size) heat map, highest first; fewer when nothing is left.

    Parameters
    ----------
    heat
        Values below 0 are no candidates.
    radius
        What lies within this share of the map of a peak belongs to it.

    Notes
    -----
    A parabola through the highest location and its neighbours, along each axis, gives the place between
    locations; ours. The heat is that of the location, so that it stays a probability.
    """
    size = len(heat)
    left = np.array(heat, dtype=np.float64)
    places = np.arange(size)
    peaks: list[Peak] = []
    while len(peaks) < count and left.max() >= 0:
        row, column = (int(v) for v in np.unravel_index(left.argmax(), left.shape))
        x = (column + 0.5 + _offset(heat[row], column)) / size
        y = (row + 0.5 + _offset(heat[:, column], row)) / size
        peaks.append(Peak(x, y, float(heat[row, column])))
        if len(peaks) < count:
            left[np.hypot(places[:, None] - row, places - column) <= radius * size] = -1
    return peaks


def _offset(values: NDArray[np.float32], at: int) -> float:
    """How far the top of the parabola through three neighbours lies from the middle one, -.5 .. .5; 0 at the ends."""
    if not 0 < at < len(values) - 1:
        return 0.0
    before, middle, after = (float(v) for v in values[at - 1 : at + 2])
    bend = before - 2 * middle + after
    if min(before, after) < 0 or bend >= 0:
        return 0.0
    return min(max((before - after) / (2 * bend), -0.5), 0.5)
