"""Part task: target maps label only the object, and a perfect heat map gives its parts back, inside the mask."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance, Part
from hypercolumns.parameters import PredictParameters
from hypercolumns.tasks.parts import PartTask
from hypercolumns.tasks.segmentation import SegmentationTask
from hypercolumns.tasks.task import Region

WIDTH = HEIGHT = 50
BOX = np.array([0.0, 0.0, 50.0, 50.0])
CATEGORIES = (Category(1, "stone"), Category(2, "cat", parts=("head", "legs")), Category(3, "car", parts=("wheel",)))


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y0:y1, x0:x1] = True
    return mask


BODY, HEAD, LEGS = rectangle(10, 10, 40, 40), rectangle(10, 10, 40, 20), rectangle(10, 20, 40, 35)
PARTS = (Part("head", masks.encode(HEAD)), Part("legs", masks.encode(LEGS)))
SETTINGS = PredictParameters(threshold=0.5)


def task(parts: tuple[Part, ...] = PARTS, category: int = 2) -> PartTask:
    instance = Instance(7, 1, category, masks.encode(BODY), (10, 10, 40, 40), 900.0, parts=parts)
    return PartTask(AnnotationSet((Image(1, "a.jpg", WIDTH, HEIGHT),), CATEGORIES, (instance,), "."), SETTINGS)


def maps(part_task: PartTask) -> np.ndarray:
    return part_task.target_maps(pd.DataFrame({"instance": [7]}), BOX[None], 50)[0]


def single_pixels() -> NDArray[np.int32]:
    """Superpixels that leave heat as it is."""
    return np.arange(WIDTH * HEIGHT, dtype=np.int32).reshape(HEIGHT, WIDTH)


def answer(heat: np.ndarray) -> list:
    row = {"image": 1, "category": 2, "instance": 7, "kind": "ground_truth", "score": 0.5}
    row |= dict(zip(("x0", "y0", "x1", "y1"), BOX, strict=True))
    return task().answer(heat.astype(np.float32), Region(row, BOX, WIDTH, HEIGHT, single_pixels))


def decoded(result: dict) -> dict[str, np.ndarray]:
    return {part["name"]: masks.decode(part["segmentation"]) for part in result["parts"]}


def test_targets_are_the_figure_and_the_parts_of_all_categories_or_none() -> None:
    assert task().targets == ("figure", "head", "legs", "wheel")
    stones = AnnotationSet((), CATEGORIES[:1], (), ".")
    assert PartTask(stones, SETTINGS).targets == ()


def test_the_figure_is_labelled_as_in_the_segmentation_task() -> None:
    part_task = task()
    regions = pd.DataFrame({"instance": [7]})
    figure = SegmentationTask(part_task.annotations, SETTINGS).target_maps(regions, BOX[None], 50)
    assert np.array_equal(maps(part_task)[:1], figure[0])


def test_the_negatives_of_a_part_are_the_other_parts_of_the_object() -> None:
    found = maps(task())
    assert np.array_equal(found[1], np.where(HEAD, 1, np.where(LEGS, 0, -1)))
    assert np.array_equal(found[2], np.where(LEGS, 1, np.where(HEAD, 0, -1)))


def test_a_hidden_part_is_negative_and_a_part_of_another_category_is_ignored() -> None:
    found = maps(task(PARTS[:1]))
    assert np.array_equal(found[2], np.where(HEAD, 0, -1))
    assert np.all(found[3] == -1)


@pytest.mark.parametrize("category", [1, 2])
def test_an_object_without_parts_trains_only_the_figure(category: int) -> None:
    found = maps(task((), category))
    assert np.array_equal(found[0], BODY)
    assert np.all(found[1:] == -1)


def test_an_object_without_a_mask_trains_nothing() -> None:
    with_mask = task()
    instance = replace(with_mask.annotations.instances[0], segmentation=None)
    unmasked = PartTask(replace(with_mask.annotations, instances=(instance,)), SETTINGS)
    assert np.all(maps(unmasked) == -1)


def test_pixels_of_a_part_outside_the_mask_are_ignored() -> None:
    beyond = Part("head", masks.encode(rectangle(0, 0, 40, 20)))
    assert np.array_equal(maps(task((beyond, PARTS[1])))[1], np.where(HEAD, 1, np.where(LEGS, 0, -1)))


def test_heat_on_the_true_parts_gives_them_back() -> None:
    (result,) = answer(np.stack([BODY, HEAD * 0.7, LEGS * 0.6, np.ones_like(HEAD)]))
    assert np.array_equal(masks.decode(result["segmentation"]), BODY)
    found = decoded(result)
    assert list(found) == ["head", "legs"]
    assert np.array_equal(found["head"], HEAD | (BODY & ~LEGS & ~HEAD))
    assert np.array_equal(found["legs"], LEGS)
    assert result["instance_id"] == 7


def test_parts_divide_the_mask_among_them() -> None:
    heat = np.random.default_rng(0).random((4, 50, 50))
    (result,) = answer(heat)
    found = decoded(result)
    times_covered = np.sum(list(found.values()), axis=0)
    assert np.array_equal(times_covered, masks.decode(result["segmentation"]))
    assert "wheel" not in found


def test_an_empty_mask_has_no_parts() -> None:
    (result,) = answer(np.zeros((4, 50, 50)))
    assert result["parts"] == []
