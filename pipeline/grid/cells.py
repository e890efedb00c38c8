"""The K x K cells of a box: which locations they hold, how pixels are drawn from them, how they blend."""

import numpy as np
from numpy.typing import NDArray

from pipeline.regions.interpolation import interpolation_matrix


def cell_bounds(heat_map: int, grid: int) -> NDArray[np.int64]:
    """First location of every cell along one axis, and the end: (grid + 1,).

    Location i lies in cell i * grid // heat_map.
    """
    return -(-np.arange(grid + 1) * heat_map // grid)


def draw_locations(
    rng: np.random.Generator, regions: int, heat_map: int, grid: int, pixels_per_cell: int
) -> NDArray[np.int64]:
    """Training pixels, uniform over each cell, with replacement. Paper, section 3.

    Returns
    -------
    (regions, grid * grid, pixels_per_cell) flat locations row * heat_map + column; cells in row-major order.
    """
    bounds = cell_bounds(heat_map, grid)
    shape = (regions, grid, grid, pixels_per_cell)
    start, length = bounds[:-1], np.diff(bounds)
    rows = start[:, None, None] + (rng.random(shape) * length[:, None, None]).astype(np.int64)
    columns = start[:, None] + (rng.random(shape) * length[:, None]).astype(np.int64)
    return (rows * heat_map + columns).reshape(regions, grid * grid, pixels_per_cell)


def blending_weights(heat_map: int, grid: int) -> NDArray[np.float64]:
    """The share that cell a of one axis has in the answer at location i: (heat_map, grid), rows sum to one.

    The share of cell (a, b) at location (i, j) is the product of two such weights: bilinear interpolation
    between the centres of the cells. Paper, section 3.
    """
    return interpolation_matrix(grid, heat_map)
