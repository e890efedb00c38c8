import numpy as np
import pytest

from pipeline.grid.cells import blending_weights, cell_bounds, draw_locations


@pytest.mark.parametrize(("size", "grid"), [(50, 1), (50, 5), (50, 7), (50, 50), (12, 5)])
def test_cells_cut_the_axis_as_the_formula_says(size: int, grid: int) -> None:
    cell = np.arange(size) * grid // size
    bounds = cell_bounds(size, grid)
    for k in range(grid):
        assert np.array_equal(np.flatnonzero(cell == k), np.arange(bounds[k], bounds[k + 1]))


@pytest.mark.parametrize("grid", [1, 3, 5, 50])
def test_pixels_are_drawn_from_their_own_cell_and_reach_all_of_it(grid: int) -> None:
    locations = draw_locations(np.random.default_rng(0), 400, 50, grid, 3)
    rows, columns = locations // 50, locations % 50
    expected = np.arange(grid * grid)[None, :, None]
    assert np.array_equal((rows * grid // 50) * grid + columns * grid // 50, np.broadcast_to(expected, locations.shape))
    if grid == 5:
        assert len(np.unique(locations)) > 2400


@pytest.mark.parametrize("grid", [1, 2, 5, 10])
def test_shares_sum_to_one_and_are_whole_at_a_cells_centre(grid: int) -> None:
    shares = blending_weights(50, grid)
    assert np.allclose(shares.sum(axis=1), 1)
    assert shares.min() >= 0
    if 50 // grid % 2:  # only then a location lies at the centre
        centre = 50 // grid // 2
        assert shares[centre, 0] == 1
