"""The K x K cells of a box: the locations that each cell covers, and the weights that blend their answers."""

import numpy as np
from numpy.typing import NDArray

from hypercolumns.regions.interpolation import interpolation_matrix


def cell_bounds(heat_map: int, grid: int) -> NDArray[np.int64]:
    """Bounds of the cells along one axis: location i lies in cell i * grid // heat_map.

    Parameters
    ----------
    heat_map
        Locations per side of a heat map.
    grid
        Cells per side.

    Returns
    -------
    (grid + 1,) the first location of every cell, then `heat_map`.

    Examples
    --------
    >>> cell_bounds(heat_map=10, grid=3).tolist()
    [0, 4, 7, 10]
    """
    return -(-np.arange(grid + 1) * heat_map // grid)


def cell_slices(heat_map: int, grid: int, cell: int) -> tuple[slice, slice]:
    """Rows and columns of a heat map that one cell covers; cells are numbered row by row.

    Examples
    --------
    >>> cell_slices(heat_map=10, grid=3, cell=5)
    (slice(4, 7, None), slice(7, 10, None))
    """
    bounds, (row, column) = cell_bounds(heat_map, grid).tolist(), divmod(cell, grid)
    return slice(bounds[row], bounds[row + 1]), slice(bounds[column], bounds[column + 1])


def blending_weights(heat_map: int, grid: int) -> NDArray[np.float64]:
    """Weight of each cell in the blended answer at each location, along one axis.

    The weight of cell (a, b) at location (i, j) is the product of two such weights: bilinear interpolation between
    the centres of the cells. Paper, section 3.

    Returns
    -------
    (heat_map, grid), rows sum to one.

    Examples
    --------
    >>> blending_weights(heat_map=4, grid=2).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    return interpolation_matrix(grid, heat_map)
