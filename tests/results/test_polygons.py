"""Polygons enclose the pixels of their masks, for pycocotools and for the rule of even and odd crossings."""

import numpy as np
import pytest

from hypercolumns.annotations import masks
from hypercolumns.errors import InputError
from hypercolumns.results.polygons import join, polygons
from tests.results import result_scenes as scenes


def filled(polygon: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels whose centre has an odd number of edges of the polygon to its right."""
    y, x = np.mgrid[:height, :width] + 0.5
    inside = np.zeros((height, width), dtype=bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside


def united(found: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    return np.any([np.zeros(shape, dtype=bool), *(filled(polygon, *shape) for polygon in found)], axis=0)


def with_pycocotools(found: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    return masks.decode(masks.from_polygons([polygon.ravel().tolist() for polygon in found], *shape))


def random_masks() -> list[np.ndarray]:
    """Noise of any density, which has all that can happen to an outline."""
    rng = np.random.default_rng(0)
    shapes = rng.integers(1, 24, (120, 2))
    return [rng.random(tuple(shape)) < density for shape, density in zip(shapes, rng.random(120), strict=True)]


DRAWN = [
    scenes.RING,
    scenes.PIECES,
    scenes.COVERED,
    np.ones((3, 5), dtype=bool),
    np.ones((1, 1), dtype=bool),
    np.eye(6, dtype=bool),
    ~np.eye(6, dtype=bool),
]
MASKS = [mask for mask in [*DRAWN, *random_masks()] if mask.any()]


def test_without_tolerance_every_pixel_is_kept() -> None:
    for mask in MASKS:
        found = polygons(masks.encode(mask), 0)
        np.testing.assert_array_equal(united(found, mask.shape), mask)
        np.testing.assert_array_equal(with_pycocotools(found, mask.shape), mask)


def test_a_hair_of_tolerance_keeps_the_centre_of_every_pixel() -> None:
    """The outline through the middles of edges cuts corners of pixels, and no centre."""
    for mask in MASKS:
        np.testing.assert_array_equal(united(polygons(masks.encode(mask), 1e-6), mask.shape), mask)


def test_there_is_a_polygon_for_each_component_and_the_largest_is_first() -> None:
    assert [polygon.tolist() for polygon in polygons(masks.encode(scenes.PIECES), 0)] == [
        [[40, 2], [50, 2], [50, 12], [40, 12]],
        [[50, 12], [56, 12], [56, 20], [50, 20]],
        [[42, 30], [43, 30], [43, 31], [42, 31]],
    ]
    square, island = polygons(masks.encode(scenes.RING), 0)
    assert len(square) == 4 + 4 + 2, "the outline, the hole, and the ends of the seam once more"
    assert len(island) == 4
    assert polygons(masks.empty(4, 5), 0.5) == []


@pytest.mark.parametrize("tolerance", [0.5, 1.0, 3.0])
def test_no_middle_of_an_edge_is_farther_from_its_polygon_than_the_tolerance(tolerance: float) -> None:
    y, x = np.mgrid[:80, :90]
    disc = np.hypot(x - 40, (y - 38) * 1.2) < 33
    exact, (found,) = polygons(masks.encode(disc), 1e-6)[0], polygons(masks.encode(disc), tolerance)
    starts, ends = found, np.roll(found, -1, axis=0)
    along = ends - starts
    share = ((exact[:, None] - starts) * along).sum(axis=2) / (along**2).sum(axis=1)
    nearest = starts + np.clip(share, 0, 1)[..., None] * along
    assert np.linalg.norm(exact[:, None] - nearest, axis=2).min(axis=1).max() <= tolerance + 1e-9
    assert len(found) < len(exact)


def test_simple_outlines_keep_what_is_smaller_than_the_tolerance() -> None:
    """A pixel, and a line of pixels, would collapse to two corners."""
    for mask in (scenes.rectangle(42, 30, 43, 31), scenes.rectangle(10, 5, 40, 6)):
        np.testing.assert_array_equal(with_pycocotools(polygons(masks.encode(mask), 2), mask.shape), mask)


def test_joined_polygons_enclose_the_same_pixels() -> None:
    for mask in MASKS:
        found = polygons(masks.encode(mask), 0)
        np.testing.assert_array_equal(filled(join(found), *mask.shape), mask)


def test_noise_is_refused_before_it_takes_memory() -> None:
    board = np.indices((1000, 1000)).sum(axis=0) % 2 == 0
    with pytest.raises(InputError, match="border of more than 1000000 pixels"):
        polygons(masks.encode(board), 0.5)
