import numpy as np
import pytest

from hypercolumns.grid.cells import blending_weights, cell_bounds


@pytest.mark.parametrize(("size", "grid"), [(50, 1), (50, 5), (50, 7), (50, 50), (12, 5)])
def test_cells_cut_the_axis_as_the_formula_says(size: int, grid: int) -> None:
    cell = np.arange(size) * grid // size
    bounds = cell_bounds(size, grid)
    for k in range(grid):
        assert np.array_equal(np.flatnonzero(cell == k), np.arange(bounds[k], bounds[k + 1]))


@pytest.mark.parametrize("grid", [1, 2, 5, 10])
def test_shares_sum_to_one_and_are_whole_at_a_cells_centre(grid: int) -> None:
    shares = blending_weights(50, grid)
    assert np.allclose(shares.sum(axis=1), 1)
    assert shares.min() >= 0
    if 50 // grid % 2:  # only then a location lies at the centre
        centre = 50 // grid // 2
        assert shares[centre, 0] == 1
