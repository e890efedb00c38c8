"""Windows of photographs are cut to tiles, whatever their size and place."""

import tracemalloc

import numpy as np
import pytest

from hypercolumns.reporting.pictures import TILE, Window


def test_a_window_within_the_photograph_is_scaled_to_a_tile() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (2 * TILE, 3 * TILE, 3), dtype=np.uint8)
    tile = Window(5, 7, TILE).photo(picture)
    np.testing.assert_array_equal(tile, picture[7 : 7 + TILE, 5 : 5 + TILE])


def test_what_lies_outside_is_grey_and_the_rest_keeps_its_place() -> None:
    picture = np.full((TILE, TILE, 3), 200, dtype=np.uint8)
    tile = Window(-TILE, 0, 2 * TILE).photo(picture)
    assert (tile[: TILE // 2, TILE // 2 :] == 200).all()
    assert (tile[:, : TILE // 2] == 128).all()
    assert (tile[TILE // 2 :] == 128).all()


@pytest.mark.parametrize("start", [-40_000, 100, 1_000_000])
def test_a_window_of_any_size_takes_the_memory_of_its_tile(start: int) -> None:
    """Boxes of other detectors may be twenty times as large as the photograph."""
    picture = np.full((30, 40, 3), 200, dtype=np.uint8)
    tracemalloc.start()
    tile = Window(start, start, 80_000).photo(picture)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert tile.shape == (TILE, TILE, 3)
    assert peak < 5_000_000
