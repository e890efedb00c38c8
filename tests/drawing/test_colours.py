"""Colours of objects differ, and text on them is legible."""

import itertools

import numpy as np
import pytest

from hypercolumns.drawing.colours import luminance, palette, shades, text_colour


def test_neighbours_in_the_palette_are_far_apart_and_no_colour_comes_twice():
    colours = np.array(palette(60), dtype=float)
    for distance in (1, 2, 3, 4):
        assert np.linalg.norm(colours[distance:] - colours[:-distance], axis=1).min() > 50
    assert len(set(map(tuple, colours))) == 60


def test_a_longer_palette_starts_with_a_shorter_one():
    assert palette(100)[:7] == palette(7)
    assert palette(0) == []


@pytest.mark.parametrize("colour", palette(40))
def test_text_has_the_contrast_that_wcag_asks_for(colour):
    light, dark = sorted((luminance(colour), luminance(text_colour(colour))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize("count", range(1, 9))
def test_shades_of_a_colour_differ(count):
    assert len(set(shades((200, 60, 90), count))) == count
    for first, second in itertools.pairwise(shades((200, 60, 90), count)):
        assert np.abs(np.subtract(first, second)).max() > 20
