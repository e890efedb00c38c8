"""Segmentation task: target maps show the instance's mask, and a perfect heat map gives that mask back."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.features.schema import BOX
from hypercolumns.parameters import PredictParameters
from hypercolumns.tasks.segmentation import SegmentationTask, cut_out, expected_iou
from hypercolumns.tasks.task import Region, coco_result

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


def single_pixels() -> NDArray[np.int32]:
    """Superpixels that leave heat as it is."""
    return np.arange(WIDTH * HEIGHT, dtype=np.int32).reshape(HEIGHT, WIDTH)


def region(
    box: Sequence[float],
    kind: str = "detection",
    score: float = 0.5,
    superpixels: Callable[[], NDArray[np.int32]] = single_pixels,
) -> Region:
    row = {"image": 1, "category": 2, "instance": 5, "kind": kind, "score": score}
    return Region(row | dict(zip(BOX, box, strict=True)), np.array(box), WIDTH, HEIGHT, superpixels)


@pytest.mark.parametrize("expansion", [1.0, 1.2, 2.0])
def test_a_perfect_heat_map_nearly_gives_the_mask_back(expansion: float) -> None:
    x0, y0, x1, y1 = masks.box(masks.encode(SHAPE))
    half = np.array([x1 - x0, y1 - y0]) / 2 * expansion
    centre = np.array([x0 + x1, y0 + y1]) / 2
    box = [*(centre - half), *(centre + half)]
    heat = np.clip(labels(box, 50), 0, 1).astype(np.float32)
    answer = cut_out(heat, region(box), PredictParameters(threshold=0.5))
    assert masks.iou([answer["segmentation"]], [masks.encode(SHAPE)])[0, 0] > 0.93


def test_heat_at_the_threshold_gives_an_empty_mask_without_a_score_in_the_box_of_the_detection() -> None:
    (answer,) = SegmentationTask(annotations(), PredictParameters(threshold=0.4)).answer(
        np.full((1, 50, 50), 0.4, np.float32), region([0.0, 0, 40, 40])
    )
    assert masks.area(answer["segmentation"]) == 0
    assert answer["score"] == 0
    assert answer["bbox"] == [0, 0, 40, 40]


def test_superpixels_that_fit_the_object_give_its_exact_mask() -> None:
    box = masks.box(masks.encode(SHAPE))
    on_superpixels = region(box, superpixels=lambda: SHAPE.astype(np.int32))
    settings = PredictParameters(threshold=0.5, superpixels=1)
    answer = cut_out(np.full((50, 50), 0.6, np.float32), on_superpixels, settings)
    assert np.array_equal(masks.decode(answer["segmentation"]), SHAPE)


def test_a_mask_and_its_score_follow_from_heat_mixed_with_superpixels() -> None:
    heat = np.zeros((40, 40), np.float32)
    heat[10:30, 5:35] = 0.8
    labels = np.zeros((HEIGHT, WIDTH), np.int32)
    labels[20:40, 25:60] = 1  # five columns more than the heat
    box = [20.0, 10.0, 60.0, 50.0]  # a location per pixel
    mean = 600 * 0.8 / 700
    pure = cut_out(heat, region(box), PredictParameters(overlap_weight=0.5, threshold=0.2))
    mixed = cut_out(
        heat,
        region(box, superpixels=lambda: labels),
        PredictParameters(overlap_weight=0.5, threshold=0.2, superpixels=0.3),
    )
    assert pure["bbox"] == [25, 20, 30, 20]
    assert mixed["bbox"] == [25, 20, 35, 20]  # .3 times the mean exceeds the threshold
    overlap = 600 * (0.7 * 0.8 + 0.3 * mean) + 100 * 0.3 * mean
    assert mixed["score"] == pytest.approx((0.5 * overlap / 700) ** 0.5, abs=1e-6)


@pytest.mark.parametrize("weight", [0, 0.5, 0.8])
def test_the_score_is_a_weighted_mean_with_the_expected_iou_of_the_mask(weight: float) -> None:
    heat = np.zeros((40, 40), np.float32)
    heat[10:30, 5:35], heat[:10] = 0.8, 0.3
    box = [20.0, 10.0, 60.0, 50.0]
    answer = cut_out(heat, region(box), PredictParameters(overlap_weight=weight))
    assert answer["bbox"] == [25, 20, 30, 20]
    quality = 600 * 0.8 / (600 + 400 * 0.3)
    assert answer["score"] == pytest.approx(0.5 ** (1 - weight) * quality**weight, abs=1e-6)


def test_better_masks_never_rank_lower() -> None:
    """Not even with scores of any scale from a file."""
    sharp, blurred, empty = (np.full((40, 40), level, np.float32) for level in (0.99, 0.5, 0.0))
    box = [20.0, 10.0, 60.0, 50.0]
    for score in (-1.5, 0.0, 0.2, 30.0):
        results = [
            SegmentationTask(annotations(), PredictParameters()).answer(heat[None], region(box, score=score))[0]
            for heat in (empty, blurred, sharp)
        ]
        scores = [result["score"] for result in results]
        assert scores == sorted(scores)


def test_the_expected_iou_is_that_of_expected_areas() -> None:
    rng = np.random.default_rng(0)
    heat = rng.random((40, 50)).astype(np.float32)
    mask = heat > 0.4
    drawn = rng.random((400, 40, 50)) < heat
    overlap, union = (drawn & mask).sum((1, 2)).mean(), (drawn | mask).sum((1, 2)).mean()
    assert expected_iou(heat, mask) == pytest.approx(overlap / union, rel=2e-3)
    assert expected_iou(mask.astype(np.float32), mask) == 1


def test_an_answer_in_the_box_of_an_instance_keeps_its_box_and_score() -> None:
    heat = np.full((1, 50, 50), 0.3, np.float32)
    heat[0, 20:30, 20:30] = 0.9
    settings = PredictParameters()
    box = [20.0, 10.0, 60.0, 50.0]
    (answer,) = SegmentationTask(annotations(), settings).answer(heat, region(box, "ground_truth"))
    assert answer["bbox"] == [20, 10, 40, 40]
    assert answer["score"] == 0.5


@pytest.mark.parametrize("kind", ["detection", "ground_truth"])
def test_only_results_in_ground_truth_boxes_name_their_instance(kind: str) -> None:
    result = coco_result(region([1, 2, 4, 8], kind).row, {"segmentation": masks.encode(SHAPE)})
    assert result["bbox"] == [1, 2, 3, 6]
    assert ("instance_id" in result) == (kind == "ground_truth")
