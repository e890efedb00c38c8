"""Training pixels are drawn from their cells."""

import numpy as np
import pytest

from hypercolumns.grid.sgd.samples import draw_locations


@pytest.mark.parametrize("grid", [1, 3, 5, 50])
def test_pixels_are_drawn_from_all_of_their_cell(grid: int) -> None:
    """Every location drawn for a cell lies in it, and nearly all locations are drawn by 400 regions."""
    locations = draw_locations(np.random.default_rng(0), 400, 50, grid, 3)
    rows, columns = locations // 50, locations % 50
    expected = np.arange(grid * grid)[None, :, None]
    assert np.array_equal((rows * grid // 50) * grid + columns * grid // 50, np.broadcast_to(expected, locations.shape))
    if grid == 5:
        assert len(np.unique(locations)) > 2400
