"""Photographs with masks: which photographs and detections are shown, and where masks and labels are drawn."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.reporting.page import create_environment
from hypercolumns.reporting.scenes import DRAWING_SIDE, MAX_DETECTIONS, make_scenes, outline

CATEGORIES = (Category(4, "cat"), Category(9, "dog"))


def fill(path, height, width):
    """Pixels inside an SVG path whose units are half pixels, by the even-odd rule."""
    rings = [[tuple(map(float, p.split())) for p in ring.rstrip("Z").split("L")] for ring in path.split("M")[1:]]
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.array(ring).round().astype(np.int32) for ring in rings], 1)
    return mask[1::2, 1::2].astype(bool)


@pytest.mark.parametrize("seed", range(5))
def test_a_path_covers_its_mask_but_not_its_holes(seed):
    blobs = cv2.GaussianBlur(np.random.default_rng(seed).random((60, 80)), (0, 0), 5) > 0.5
    mask = np.ascontiguousarray(blobs)
    drawn = fill(outline(mask, 2.0), 120, 160)
    inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    outer = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    assert mask.any()
    assert not mask.all()
    assert not (inner & ~drawn).any()
    assert not (drawn & ~outer).any()


def test_an_empty_mask_has_an_empty_path():
    assert outline(np.zeros((4, 4), bool), 1.0) == ""


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
    assert [[shape.label for shape in scene.detected] for scene in photographs.scenes] == [
        ["dog 3.00"],
        ["dog 2.50"],
        ["dog 0.50"],
        [],
        [],
        [],
    ]
    annotated = [[shape.label for shape in scene.annotated] for scene in photographs.scenes[2:5]]
    assert annotated == [["cat"], ["cat, ignored"], []]


def test_a_crowded_photograph_shows_its_best_detections_with_labels_apart(truth):
    scene = make_scenes(truth, results(truth, [np.full(50, 1.0)]), 6).scenes[0]
    assert len(scene.detected) == MAX_DETECTIONS
    places = [shape.place for shape in scene.detected]
    for i, a in enumerate(places):
        assert 0 <= a.x <= a.x + a.width <= scene.width
        assert 0 <= a.y <= a.y + a.height <= scene.height
        assert all(
            a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y
            for b in places[:i]
        )
    assert (scene.width, scene.height) == (DRAWING_SIDE, DRAWING_SIDE / 2)


def test_no_more_photographs_are_shown_than_exist(truth):
    for count, expected in ((1, 1), (4, 4), (6, 6), (99, 6)):
        assert len(make_scenes(truth, [], count).scenes) == expected


def test_without_an_instance_that_counts_there_are_two_detections_per_photograph_on_average(truth):
    """In six photographs the twelve best of fifteen detections are drawn, whatever the scale of their scores."""
    detections = results(truth, [[-9.0, -8.0, -7.0], [-4.0, -3.0, -2.0], [0.1, 0.2, 0.3], [1, 2, 3], [40, 50, 60]])
    for instances in ((), tuple(replace(i, crowd=True) for i in truth.instances)):
        photographs = make_scenes(replace(truth, instances=instances), detections, 6)
        assert (photographs.minimum_score, photographs.per_photograph) == (-4.0, 2)
        assert [len(scene.detected) for scene in photographs.scenes] == [0, 3, 3, 3, 3, 0]
    assert make_scenes(truth, detections, 6).per_photograph is None


def test_an_instance_without_a_mask_is_drawn_as_its_box(truth):
    """Six SVG units are a pixel here, and the label is where that of the mask was."""
    unmasked = replace(truth, instances=tuple(replace(i, segmentation=None) for i in truth.instances[:1]))
    (shape,) = make_scenes(unmasked, [], 6).scenes[0].annotated
    (masked,) = make_scenes(truth, [], 6).scenes[0].annotated
    assert (shape.is_box, masked.is_box) == (True, False)
    assert shape.path == "M60.0 60.0H180.0V120.0H60.0Z"
    assert (shape.place, shape.label) == (masked.place, masked.label)


def test_without_detections_nothing_is_drawn(truth):
    photographs = make_scenes(truth, [], 2)
    assert photographs.minimum_score is None
    assert all(scene.detected == [] for scene in photographs.scenes)


def test_a_label_away_from_its_object_has_a_line_to_it_on_the_page(truth):
    """Eight labels have no room around an object of twelve SVG units, and those that touch it have no line."""
    mask = np.zeros((40, 80), bool)
    mask[0:2, 0:2] = True
    detections = [r | {"segmentation": masks.encode(mask)} for r in results(truth, [np.full(8, 1.0)])]
    scene = make_scenes(truth, detections, 6).scenes[0]
    macros = create_environment().get_template("macros.html.jinja").module
    page = str(macros.drawing(scene, 1, scene.detected, "detected", True))
    away = sum(shape.place.leader is not None for shape in scene.detected)
    assert 0 < away < 8
    assert page.count('class="leader"') == away
    assert page.count("<rect ") == page.count("<text ") == 8
