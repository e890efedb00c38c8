"""The K x K cells of a box: which locations they hold, and how their answers blend."""

import numpy as np
from numpy.typing import NDArray

from hypercolumns.regions.interpolation import interpolation_matrix


def cell_bounds(heat_map: int, grid: int) -> NDArray[np.int64]:
    """First location of every cell along one axis, and the end: (grid + 1,).

    Location i lies in cell i * grid // heat_map.

    Examples
    --------
    >>> cell_bounds(heat_map=10, grid=3).tolist()
    [0, 4, 7, 10]
    """
    return -(-np.arange(grid + 1) * heat_map // grid)


def cell_pixels(heat_map: int, grid: int, cell: int) -> tuple[slice, slice]:
    """Rows and columns of the heat map that make up one cell; cells are numbered row by row."""
    bounds, (row, column) = cell_bounds(heat_map, grid).tolist(), divmod(cell, grid)
    return slice(bounds[row], bounds[row + 1]), slice(bounds[column], bounds[column + 1])


def blending_weights(heat_map: int, grid: int) -> NDArray[np.float64]:
    """Weight of cell a of one axis in the answer at location i: (heat_map, grid), rows sum to one.

    The weight of cell (a, b) at location (i, j) is the product of two such weights: bilinear interpolation between
    the centres of the cells. Paper, section 3.
    """
    return interpolation_matrix(grid, heat_map)
