"""Photographs with masks: which photographs and detections are shown, and where masks are drawn."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.drawing.colours import palette
from hypercolumns.reporting.scenes import DRAWING_SIDE, IGNORED_COLOUR, MAX_DETECTIONS, make_scenes
from tests.reporting.page_project import decode

CATEGORIES = (Category(4, "cat"), Category(9, "dog"))


@pytest.fixture
def truth(tmp_path):
    """Six photographs; each of the first four has an instance, and the fourth instance does not count."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full((40, 80, 3), 128, np.uint8))
    mask = np.zeros((40, 80), bool)
    mask[10:20, 10:30] = True
    instances = tuple(
        Instance(n, n, 4, masks.encode(mask), (10, 10, 30, 20), 200.0, difficult=n == 4) for n in range(1, 5)
    )
    return AnnotationSet(tuple(Image(n, "a.png", 80, 40) for n in range(1, 7)), CATEGORIES, instances, str(tmp_path))


def results(truth, scores):
    """Results for dogs: row n holds the scores in photograph n."""
    code = truth.instances[0].segmentation
    return [
        {"image_id": n, "category_id": 9, "score": score, "segmentation": code}
        for n, row in enumerate(scores, 1)
        for score in row
    ]


def test_as_many_detections_are_drawn_as_instances_count(truth):
    photographs = make_scenes(truth, results(truth, [[-7.0, 3.0], [2.5], [-1.0, 0.5]]), 6)
    assert photographs.minimum_score == 0.5
    assert [scene.detected.labels for scene in photographs.scenes] == [
        ["dog 3.00"],
        ["dog 2.50"],
        ["dog 0.50"],
        [],
        [],
        [],
    ]
    annotated = [scene.annotated.labels for scene in photographs.scenes[2:5]]
    assert annotated == [["cat"], ["cat, ignored"], []]


def test_a_crowded_photograph_shows_its_best_detections(truth):
    crowded = replace(truth, instances=truth.instances[:1] * 20)
    scene = make_scenes(crowded, results(truth, [np.linspace(0, 1, 51)]), 6).scenes[0]
    assert scene.detected.labels == [f"dog {1 - k / 50:.2f}" for k in range(MAX_DETECTIONS)]


def test_no_more_photographs_are_shown_than_exist(truth):
    for count, expected in ((1, 1), (4, 4), (6, 6), (99, 6)):
        assert len(make_scenes(truth, [], count).scenes) == expected


def test_without_an_instance_that_counts_there_are_two_detections_per_photograph_on_average(truth):
    """In six photographs the twelve best of fifteen detections are drawn, whatever the scale of their scores."""
    detections = results(truth, [[-9.0, -8.0, -7.0], [-4.0, -3.0, -2.0], [0.1, 0.2, 0.3], [1, 2, 3], [40, 50, 60]])
    for instances in ((), tuple(replace(i, crowd=True) for i in truth.instances)):
        photographs = make_scenes(replace(truth, instances=instances), detections, 6)
        assert (photographs.minimum_score, photographs.per_photograph) == (-4.0, 2)
        assert [len(scene.detected.labels) for scene in photographs.scenes] == [0, 3, 3, 3, 3, 0]
    assert make_scenes(truth, detections, 6).per_photograph is None


def drawn_inside(drawing, x, y):
    """Colour of a drawing at a place of the photographs, which are 80 x 40 pixels."""
    picture, unit = decode(drawing.picture), DRAWING_SIDE // 80
    return picture[y * unit : (y + 1) * unit, x * unit : (x + 1) * unit].reshape(-1, 3).mean(axis=0)


def test_masks_have_the_colour_of_their_category_and_are_faint_where_the_score_is_low(truth):
    cat, dog = (np.array(colour) for colour in palette(2))
    scenes = make_scenes(truth, results(truth, [[1.0], [0.0], [7.0]]), 6).scenes
    certain, unsure, above = (drawn_inside(scene.detected, 20, 15) for scene in scenes[:3])
    np.testing.assert_allclose(certain, 0.55 * 128 + 0.45 * dog, atol=12)
    np.testing.assert_allclose(unsure, 128 + 0.25 * (certain - 128), atol=12)
    np.testing.assert_allclose(above, certain, atol=2)
    annotated = [drawn_inside(scene.annotated, 20, 15) for scene in scenes[2:5]]
    np.testing.assert_allclose(annotated[0], 0.55 * 128 + 0.45 * cat, atol=12)
    np.testing.assert_allclose(annotated[1], 0.55 * 128 + 0.45 * np.array(IGNORED_COLOUR), atol=12)
    np.testing.assert_allclose(annotated[2], 128, atol=4)


@pytest.mark.parametrize(("height", "width"), [(40, 80), (1200, 2400)])
def test_a_drawing_has_the_same_size_and_masks_at_the_same_place_whatever_the_photograph(truth, height, width):
    factor = width // 80
    cv2.imwrite(str(Path(truth.image_root) / "b.png"), np.full((height, width, 3), 128, np.uint8))
    mask = np.repeat(np.repeat(masks.decode(truth.instances[0].segmentation), factor, 0), factor, 1)
    large = replace(truth.instances[0], segmentation=masks.encode(mask), box=masks.box(masks.encode(mask)))
    scene = make_scenes(replace(truth, images=(Image(1, "b.png", width, height),), instances=(large,)), [], 1).scenes[0]
    assert (scene.width, scene.height) == (DRAWING_SIDE, DRAWING_SIDE // 2)
    assert decode(scene.annotated.picture).shape == (scene.height, scene.width, 3)
    for x, y, inside in ((12, 12, True), (28, 18, True), (8, 15, False), (20, 22, False), (32, 15, False)):
        assert (np.abs(drawn_inside(scene.annotated, x, y) - 128).max() > 20) == inside


def test_a_drawing_of_a_large_photograph_is_small_even_of_noise(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "noise.png"), noise)
    images = AnnotationSet((Image(1, "noise.png", 2000, 1500),), CATEGORIES, (), str(tmp_path))
    (scene,) = make_scenes(images, [], 1).scenes
    assert len(scene.detected.picture) < 400_000


def test_an_instance_without_a_mask_is_drawn_as_its_box(truth):
    unmasked = replace(truth, instances=tuple(replace(i, segmentation=None) for i in truth.instances[:1]))
    drawing = make_scenes(unmasked, [], 6).scenes[0].annotated
    assert np.abs(drawn_inside(drawing, 10, 15) - 128).max() > 20
    np.testing.assert_allclose(drawn_inside(drawing, 20, 15), 128, atol=4)


def test_without_annotations_there_is_one_drawing_per_photograph(truth):
    scenes = make_scenes(replace(truth, instances=()), results(truth, [[1.0]]), 6).scenes
    assert all(scene.annotated is None for scene in scenes)
    assert [scene.detected.labels for scene in scenes[:2]] == [["dog 1.00"], []]


def test_without_detections_nothing_is_drawn(truth):
    photographs = make_scenes(truth, [], 2)
    assert photographs.minimum_score is None
    assert all(scene.detected.labels == [] for scene in photographs.scenes)
