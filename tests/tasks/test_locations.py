"""Locations of a heat map and the pixels under them."""

import numpy as np

from hypercolumns.tasks.locations import pixels_under

WIDTH, HEIGHT = 5, 4


def test_a_location_per_pixel_is_that_pixel_and_those_outside_hold_the_border() -> None:
    """A box of one location per pixel, three pixels beyond the upper left corner: a shifted, padded copy."""
    photograph = np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)
    pixels = pixels_under(np.array([-3.0, -3.0, 7.0, 7.0]), 10, WIDTH, HEIGHT)
    padding = ((3, 10 - 3 - HEIGHT), (3, 10 - 3 - WIDTH))
    assert np.array_equal(photograph[pixels.at], np.pad(photograph, padding, mode="edge"))
    assert np.array_equal(pixels.inside, np.pad(np.ones((HEIGHT, WIDTH), bool), padding))
