"""The gallery: which instances it shows, and what its pictures show."""

import cv2
import numpy as np
import pytest

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.parameters import Parameters
from hypercolumns.reporting import gallery
from hypercolumns.reporting.gallery import AGREED, EXTRA, MISSED, choose, make_card
from hypercolumns.reporting.pictures import TILE, Window
from hypercolumns.tasks.heat_maps import HeatMap
from tests.reporting.page_project import decode

PARAMETERS = Parameters.model_validate({"regions": {"expansion": 1.2}, "predict": {"threshold": 0.4}})


@pytest.mark.parametrize("seed", range(10))
def test_the_choice_shows_every_category_and_spans_the_range(seed):
    rng = np.random.default_rng(seed)
    ious, categories = rng.random(200), rng.integers(0, 8, 200)
    categories[:3] = 9
    chosen = choose(ious.tolist(), categories.tolist(), 24)
    assert len(set(chosen)) == 24
    assert {categories[position] for position in chosen} == set(categories)
    shown = ious[chosen]
    assert (np.diff(shown) <= 0).all()
    np.testing.assert_allclose(np.quantile(shown, [0.1, 0.5, 0.9]), np.quantile(ious, [0.1, 0.5, 0.9]), atol=0.12)


def test_evenly_spaced_ranks_are_chosen_within_one_category():
    ious = np.random.default_rng(0).permutation(101) / 100
    chosen = choose(ious.tolist(), [1] * 101, 5)
    np.testing.assert_allclose(ious[chosen], [1, 0.75, 0.5, 0.25, 0])


@pytest.mark.parametrize(("instances", "count", "expected"), [(0, 5, 0), (3, 5, 3), (10, 1, 1), (10, 2, 2)])
def test_the_choice_is_as_large_as_asked_or_as_the_number_of_instances(instances, count, expected):
    chosen = choose(np.linspace(0, 1, instances).tolist(), list(range(instances)), count)
    assert len(chosen) == len(set(chosen)) == expected


@pytest.mark.parametrize(
    ("box", "inside"), [((10, 10, 30, 20), True), ((80, 40, 100, 60), True), ((-10, -10, 110, 70), False)]
)
def test_the_window_contains_the_box_and_lies_inside_the_image_if_it_fits(box, inside):
    window = Window.around(np.array(box, dtype=float), width=100, height=60)
    assert window.x <= box[0]
    assert window.y <= box[1]
    assert window.x + window.side >= box[2]
    assert window.y + window.side >= box[3]
    assert (window.x >= 0 and window.x + window.side <= 100) == inside
    np.testing.assert_allclose(
        window.to_tile(np.array([window.x, window.y, window.x + window.side, window.y + window.side])),
        [0, 0, TILE, TILE],
    )


@pytest.fixture
def scene(tmp_path):
    """A grey photograph of 96 x 96 pixels with one instance, the left half of the square from 24 to 72."""
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((96, 96, 3), 120, dtype=np.uint8))
    truth = np.zeros((96, 96), dtype=bool)
    truth[24:72, 24:48] = True
    instance = Instance(5, 1, 1, masks.encode(truth), (24.0, 24.0, 48.0, 72.0), float(truth.sum()))
    return AnnotationSet((Image(1, "grey.png", 96, 96),), (Category(1, "cat"),), (instance,), str(tmp_path))


def test_colours_show_which_masks_a_pixel_belongs_to(scene):
    predicted = np.zeros((96, 96), dtype=bool)
    predicted[48:72, 24:60] = True
    card = make_card(scene, scene.instances[0], masks.encode(predicted), 0.4, None, PARAMETERS)
    window = Window.around(np.array([21.6, 19.2, 50.4, 76.8]), 96, 96)
    picture = decode(card.masks)

    def colour_at(x, y):
        column, row = ((np.array([x, y]) + 0.5 - [window.x, window.y]) * TILE / window.side).astype(int)
        return picture[row - 3 : row + 3, column - 3 : column + 3].reshape(-1, 3).mean(axis=0)

    for (x, y), colour in (((35, 60), AGREED), ((35, 35), MISSED), ((54, 60), EXTRA)):
        np.testing.assert_allclose(colour_at(x, y), 0.45 * 120 + 0.55 * np.array(colour), atol=12)
    np.testing.assert_allclose(colour_at(60, 30), 120, atol=6)
    assert card.heat is None
    assert card.pixels == 24 * 48


def test_heat_is_drawn_inside_its_box(scene):
    """A heat map that is hot only in its right half brightens the right half of its box."""
    heat = np.zeros((50, 50), dtype=np.uint8)
    heat[:, 25:] = 255
    box = np.array([24.0, 24.0, 72.0, 72.0])
    card = make_card(scene, scene.instances[0], scene.instances[0].segmentation, 1.0, HeatMap(box, heat), PARAMETERS)
    window = Window.around(box, 96, 96)
    bright = decode(card.heat).sum(axis=2) > 500
    x0, y0, x1, y1 = window.to_tile(np.array([48.0, 24.0, 72.0, 72.0]))
    expected = np.zeros((TILE, TILE), dtype=bool)
    expected[round(y0) : round(y1), round(x0) : round(x1)] = True
    assert (bright & expected).sum() / (bright | expected).sum() > 0.93


def test_the_colours_of_the_legend_run_from_dark_to_bright():
    light = [sum(map(int, colour[4:-1].split())) for colour in gallery.colour_scale()]
    assert light == sorted(light)
