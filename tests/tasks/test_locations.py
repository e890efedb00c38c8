"""Pixels under the locations of a heat map."""

import numpy as np

from hypercolumns.tasks.locations import pixels_under

WIDTH, HEIGHT = 5, 4


def test_locations_outside_the_photograph_repeat_its_border() -> None:
    """With one location per pixel, a box that starts three pixels beyond the upper left corner is a padded copy."""
    photograph = np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)
    pixels = pixels_under(np.array([-3.0, -3.0, 7.0, 7.0]), 10, WIDTH, HEIGHT)
    padding = ((3, 10 - 3 - HEIGHT), (3, 10 - 3 - WIDTH))
    assert np.array_equal(photograph[pixels.at], np.pad(photograph, padding, mode="edge"))
    assert np.array_equal(pixels.inside, np.pad(np.ones((HEIGHT, WIDTH), bool), padding))
