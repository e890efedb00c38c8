"""Segmentation task: target maps show the instance's mask, and a perfect heat map gives that mask back."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.parameters import PredictParameters
from hypercolumns.tasks.segmentation import SegmentationTask, segment
from hypercolumns.tasks.task import coco_result

WIDTH, HEIGHT = 80, 60
SHAPE = np.hypot(*np.mgrid[-25:35, -40:40]) < 17
VOID = np.zeros((HEIGHT, WIDTH), dtype=bool)
VOID[:12, 30:50] = True


def annotations() -> AnnotationSet:
    instance = Instance(5, 1, 2, masks.encode(SHAPE), masks.box(masks.encode(SHAPE)), float(SHAPE.sum()))
    image = Image(1, "a.jpg", WIDTH, HEIGHT, masks.encode(VOID))
    return AnnotationSet((image,), (Category(2, "disc"),), (instance,), ".")


def labels(box: list[float], size: int) -> np.ndarray:
    regions = pd.DataFrame({"instance": [5]})
    return SegmentationTask(annotations(), PredictParameters()).target_maps(regions, np.array([box]), size)[0, 0]


def test_labels_are_the_pixels_under_the_locations() -> None:
    found = labels([20.0, 10.0, 60.0, 50.0], 40)
    expected = np.where(VOID & ~SHAPE, -1, SHAPE)[10:50, 20:60]
    assert np.array_equal(found, expected)


def test_void_and_locations_outside_the_photograph_are_ignored() -> None:
    found = labels([-20.0, -10.0, 100.0, 70.0], 120)
    inside = np.zeros((80, 120), dtype=bool)
    inside[10:70, 20:100] = True
    rows = ((np.arange(120) + 0.5) / 120 * 80).astype(int)
    assert np.all(found[~inside[rows]] == -1)
    assert set(np.unique(found[inside[rows]])) == {-1, 0, 1}


def test_an_instance_without_a_mask_has_no_labels() -> None:
    with_mask = annotations()
    unmasked = replace(with_mask, instances=(replace(with_mask.instances[0], segmentation=None),))
    task = SegmentationTask(unmasked, PredictParameters())
    assert np.all(task.target_maps(pd.DataFrame({"instance": [5]}), np.array([[20.0, 10.0, 60.0, 50.0]]), 40) == -1)


@pytest.mark.parametrize("expansion", [1.0, 1.2, 2.0])
def test_a_perfect_heat_map_nearly_gives_the_mask_back(expansion: float) -> None:
    x0, y0, x1, y1 = masks.box(masks.encode(SHAPE))
    half = np.array([x1 - x0, y1 - y0]) / 2 * expansion
    centre = np.array([x0 + x1, y0 + y1]) / 2
    box = [*(centre - half), *(centre + half)]
    heat = np.clip(labels(box, 50), 0, 1).astype(np.float32)
    mask = segment(heat, np.array(box), WIDTH, HEIGHT, 0.5)
    assert masks.iou([mask], [masks.encode(SHAPE)])[0, 0] > 0.93


def test_heat_at_the_threshold_gives_an_empty_mask() -> None:
    mask = segment(np.full((50, 50), 0.4, np.float32), np.array([0.0, 0, 40, 40]), WIDTH, HEIGHT, 0.4)
    assert masks.area(mask) == 0


def test_projection_onto_superpixels_that_fit_the_object_gives_its_exact_mask() -> None:
    superpixels = SHAPE.astype(np.int32)
    box = np.array(masks.box(masks.encode(SHAPE)))
    mask = segment(np.full((50, 50), 0.6, np.float32), box, WIDTH, HEIGHT, 0.5, superpixels)
    assert np.array_equal(masks.decode(mask), SHAPE)


@pytest.mark.parametrize("kind", ["detection", "ground_truth"])
def test_only_results_in_ground_truth_boxes_name_their_instance(kind: str) -> None:
    region = {"image": 1, "category": 2, "instance": 5, "kind": kind, "score": 0.5}
    result = coco_result(region | {"x0": 1.0, "y0": 2.0, "x1": 4.0, "y1": 8.0}, {"segmentation": masks.encode(SHAPE)})
    assert result["bbox"] == [1, 2, 3, 6]
    assert ("instance_id" in result) == (kind == "ground_truth")
