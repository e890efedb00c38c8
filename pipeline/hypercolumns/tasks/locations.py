"""Pixels of the photograph under the locations of a heat map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.regions.interpolation import location_centres


@dataclass(frozen=True)
class Pixels:
    """Pixels under `size` x `size` locations."""

    box: NDArray[np.float64]
    """Box x0, y0, x1, y1 that the locations cover."""
    at: tuple[NDArray[np.intp], NDArray[np.intp]]
    """Rows (size, 1) and columns (1, size) to index an array (height, width) with; the nearest pixel for locations
    outside the photograph."""
    inside: NDArray[np.bool_]
    """(size, size), which locations lie inside the photograph."""


def pixels_under(box: NDArray[np.float64], size: int, width: int, height: int) -> Pixels:
    """Find the pixel under each location of a heat map.

    Parameters
    ----------
    box
        Expanded box x0, y0, x1, y1 that the map covers; may extend beyond the photograph. With x0 > x1 the locations
        run from right to left.
    size
        Locations along each side of the map.
    width
        Width of the photograph in pixels.
    height
        Height of the photograph in pixels.

    Examples
    --------
    >>> pixels = pixels_under(np.array([-2.0, 0.0, 2.0, 4.0]), 4, width=10, height=10)
    >>> pixels.at[1]
    array([[0, 0, 0, 1]])
    >>> pixels.inside[0]
    array([False, False,  True,  True])
    """
    x, y = location_centres(box, size)
    columns, rows = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    inside = np.logical_and.outer((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    return Pixels(box, (rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)[None]), inside)
