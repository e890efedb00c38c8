"""Cells partition a heat map, and blending weights interpolate between their centres."""

import numpy as np
import pytest

from hypercolumns.grid.cells import blending_weights, cell_bounds, cell_slices


@pytest.mark.parametrize(("size", "grid"), [(50, 1), (50, 5), (50, 7), (50, 50), (12, 5)])
def test_bounds_follow_the_formula(size: int, grid: int) -> None:
    """Location i lies in cell i * grid // size."""
    cell = np.arange(size) * grid // size
    bounds = cell_bounds(size, grid)
    for k in range(grid):
        assert np.array_equal(np.flatnonzero(cell == k), np.arange(bounds[k], bounds[k + 1]))


@pytest.mark.parametrize(("size", "grid"), [(50, 1), (50, 7), (12, 5)])
def test_slices_number_cells_row_by_row(size: int, grid: int) -> None:
    """Each location is covered by exactly the cell whose row and column the formula gives."""
    covering = np.full((size, size), -1)
    for cell in range(grid**2):
        covering[cell_slices(size, grid, cell)] = cell
    along_axis = np.arange(size) * grid // size
    assert np.array_equal(covering, along_axis[:, None] * grid + along_axis)


@pytest.mark.parametrize("grid", [1, 2, 5, 10])
def test_blending_weights_are_an_interpolation(grid: int) -> None:
    """Weights are non-negative, sum to one, and give the cell at whose centre a location lies the full weight."""
    weights = blending_weights(50, grid)
    assert np.allclose(weights.sum(axis=1), 1)
    assert weights.min() >= 0
    if 50 // grid % 2:  # only then does a location lie at the centre
        centre = 50 // grid // 2
        assert weights[centre, 0] == 1
