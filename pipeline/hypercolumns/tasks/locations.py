"""Where the locations of a heat map lie in the photograph: which pixel is under each, and whether there is one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.regions.interpolation import location_centres


@dataclass(frozen=True)
class Pixels:
    """The pixels under `size` x `size` locations.

    Attributes
    ----------
    at
        Rows (size, 1) and columns (1, size) that index an array of the photograph (height, width); of locations outside
        of it, those of the nearest pixel.
    inside
        (size, size) which locations lie in the photograph.
    """

    at: tuple[NDArray[np.intp], NDArray[np.intp]]
    inside: NDArray[np.bool_]


def pixels_under(box: NDArray[np.float64], size: int, width: int, height: int) -> Pixels:
    """The pixels under the locations of a heat map over the expanded `box` x0, y0, x1, y1.

    `width` and `height` are those of the photograph in pixels.
    """
    x, y = location_centres(box, size)
    columns, rows = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    inside = np.logical_and.outer((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    return Pixels((rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)[None]), inside)
