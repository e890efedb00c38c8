import numpy as np
import pytest

from hypercolumns.grid.sgd.samples import draw_locations


@pytest.mark.parametrize("grid", [1, 3, 5, 50])
def test_pixels_are_drawn_from_their_own_cell_and_reach_all_of_it(grid: int) -> None:
    locations = draw_locations(np.random.default_rng(0), 400, 50, grid, 3)
    rows, columns = locations // 50, locations % 50
    expected = np.arange(grid * grid)[None, :, None]
    assert np.array_equal((rows * grid // 50) * grid + columns * grid // 50, np.broadcast_to(expected, locations.shape))
    if grid == 5:
        assert len(np.unique(locations)) > 2400
