"""The detector trains on the right boxes, and finds objects that a linear model can separate."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hypercolumns.annotations.model import Image, Instance
from hypercolumns.detection import training
from hypercolumns.detection.detector import Detector, best_boxes
from hypercolumns.detection.examples import BACKGROUND, UNUSED, Examples, label_boxes, trained_categories
from hypercolumns.detection.linear_models import LinearClassifiers, fit_classifiers
from hypercolumns.detection.training import train_detector
from hypercolumns.errors import InputError
from hypercolumns.parameters import DetectionParameters
from hypercolumns.regions.boxes import Boxes, from_coco, iou
from hypercolumns.stores.verification import verify
from tests.detection.detection_scenes import (
    KnownFeatures,
    candidates,
    make_instance,
    scenes,
    separable,
    separable_features,
)

SETTINGS = DetectionParameters(penalty=1e-4, iterations=200, regression_penalty=None)
BOX = [10, 10, 40, 40]


def _labels(boxes: list[list[float]], *instances: Instance) -> list[int]:
    labels, _ = label_boxes(
        np.array(boxes, dtype=float),
        instances,
        (3, 7),
        positive_overlap=SETTINGS.positive_overlap,
        negative_overlap=SETTINGS.negative_overlap,
    )
    return labels.tolist()


def test_overlap_decides_the_label() -> None:
    """High overlap gives the category, low overlap background; in between a box is not used."""
    boxes = [BOX, [10, 10, 40, 30], [10, 10, 40, 22], [10, 10, 40, 18], [60, 10, 90, 40]]
    assert _labels(boxes, make_instance(1, 1, 7, BOX)) == [1, 1, UNUSED, BACKGROUND, BACKGROUND]


def test_difficult_instances_are_neither_examples_nor_background() -> None:
    """A box on a difficult instance is not used; elsewhere it is background."""
    assert _labels([BOX, [60, 10, 90, 40]], make_instance(1, 1, 3, BOX, difficult=True)) == [UNUSED, BACKGROUND]


def test_the_inside_of_a_crowd_is_not_background() -> None:
    """A small box inside a crowd is not used, although its IoU with the crowd is low."""
    crowd = make_instance(1, 1, 3, [5, 5, 60, 60], crowd=True)
    assert _labels([[20, 20, 25, 25], [70, 0, 75, 5]], crowd) == [UNUSED, BACKGROUND]


def test_an_object_in_front_of_a_difficult_one_is_an_example() -> None:
    """The difficult instance does not hide the other one."""
    assert _labels([BOX], make_instance(1, 1, 3, BOX, difficult=True), make_instance(2, 1, 7, BOX)) == [1]


def test_an_image_without_instances_is_all_background() -> None:
    """Without instances there is nothing to overlap."""
    assert _labels([BOX]) == [BACKGROUND]


def test_no_example_is_used_twice() -> None:
    """Boxes that were added as background are not offered as background again."""
    annotations = scenes(1, seed=0)
    examples = Examples(separable(annotations), (3, 7), SETTINGS)
    image = annotations.images[0]
    boxes = examples.boxes(image)
    examples.add(boxes, boxes.background[:5], np.zeros((5, 3), np.float32))
    assert set(examples.boxes(image).background) == set(boxes.background[5:])
    assert set(examples.boxes(image).positive) == set(boxes.positive)


def test_separable_objects_are_found() -> None:
    """With features that separate objects, the two best detections of each new image are its two objects."""
    detector = train_detector(separable(scenes(20, seed=1)), (3, 7), SETTINGS, np.random.default_rng(0))
    test = scenes(15, seed=2)
    found = detector.detect_in_all(separable(test), SETTINGS)
    for image, instances in test.instances_by_image.items():
        best = [d for d in found if d["image_id"] == image][:2]
        for truth in instances:
            overlaps = [
                iou(from_coco(d["bbox"]), truth.box)[0, 0] for d in best if d["category_id"] == truth.category_id
            ]
            assert max(overlaps, default=0) > 0.6


def test_hard_negatives_lower_the_scores_of_background() -> None:
    """With few random negatives, mining lowers the scores of the background that scores highest."""
    annotations = scenes(12, seed=3)
    features = separable_features(annotations)
    candidate_set = separable(annotations, features)
    small = SETTINGS.model_copy(update={"training_regions": 12 * 16})

    def highest_background_scores(rounds: int) -> float:
        settings = small.model_copy(update={"hard_negative_rounds": rounds})
        detector = train_detector(candidate_set, (3, 7), settings, np.random.default_rng(0))
        objectness = []
        for image in annotations.images:
            boxes = Examples(candidate_set, (3, 7), settings).boxes(image)
            described = features.describe(image, boxes.boxes[boxes.background])
            objectness.append(detector.classifiers.probabilities(described).sum(axis=1))
        return float(np.sort(np.concatenate(objectness))[-20:].mean())

    assert highest_background_scores(2) < highest_background_scores(0)


@pytest.mark.parametrize(("images", "regions", "rounds"), [(8, 160, 3), (30, 70, 1)])
def test_memory_is_bounded_by_the_training_regions(
    monkeypatch: pytest.MonkeyPatch, images: int, regions: int, rounds: int
) -> None:
    """Rounds add examples, never more than allowed, even with too many images for the minimum of each."""
    sizes = []

    def recording(features: NDArray[np.float32], *args: Any, **options: Any) -> LinearClassifiers:
        sizes.append(len(features))
        return fit_classifiers(features, *args, **options)

    monkeypatch.setattr(training, "fit_classifiers", recording)
    settings = SETTINGS.model_copy(update={"training_regions": regions, "hard_negative_rounds": rounds})
    train_detector(separable(scenes(images, seed=1)), (3, 7), settings, np.random.default_rng(0))
    assert len(sizes) == 1 + rounds
    assert sizes[0] < sizes[-1] <= regions


def test_regression_moves_boxes_towards_their_objects() -> None:
    """With features that reveal the shift of a candidate, refined boxes overlap objects more than candidates do."""
    annotations = scenes(10, seed=4)
    overlaps = separable_features(annotations)

    def describe(image: Image, boxes: Boxes) -> NDArray[np.float32]:
        objects = np.array([i.box for i in annotations.instances_by_image[image.id]])
        nearest = objects[iou(boxes, objects).argmax(axis=1)]
        return np.hstack([overlaps.describe(image, boxes), (nearest - boxes) / 30]).astype(np.float32)

    candidate_set = separable(annotations, KnownFeatures(describe))
    settings = SETTINGS.model_copy(update={"regression_penalty": 1e-3})
    detector = train_detector(candidate_set, (3, 7), settings, np.random.default_rng(0))
    before, after = [], []
    for image in annotations.images:
        truth = [i.box for i in annotations.instances_by_image[image.id]]
        boxes = candidates(annotations, image.id)
        near = iou(boxes, truth).max(axis=1) > 0.6
        assert detector.regressor is not None
        refined = detector.regressor.refine(boxes, describe(image, boxes))
        before += iou(boxes, truth).max(axis=1)[near].tolist()
        after += iou(refined, truth).max(axis=1)[near].tolist()
    assert np.mean(after) > np.mean(before) + 0.05


def test_categories_without_training_instances_are_left_out() -> None:
    """The third category has no instance."""
    assert trained_categories(scenes(5, seed=0)) == (3, 7)


def test_no_training_instance_at_all_is_an_error() -> None:
    """The error lists the categories."""
    annotations = scenes(2, seed=0)
    ignored = tuple(dataclasses.replace(i, difficult=True) for i in annotations.instances)
    with pytest.raises(InputError, match=r"no category \(cat, dog, yak\) has a training instance"):
        trained_categories(dataclasses.replace(annotations, instances=ignored))


def test_the_best_boxes_of_all_categories_are_kept() -> None:
    """Suppression runs within each category, the limit counts over all categories."""
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 11], [50, 50, 60, 60.0]])
    scores = np.array([[0.9, 0.1], [0.8, 0.3], [0.2, 0.4]])
    settings = DetectionParameters(max_per_image=3)
    found = best_boxes(4, boxes, scores, (3, 7), settings)
    assert [(d["category_id"], d["score"]) for d in found] == [(3, 0.9), (7, 0.4), (7, 0.3)]


def test_an_image_without_candidates_or_instances_is_skipped() -> None:
    """Training and detection go on with the other images."""
    full = scenes(6, seed=5)
    annotations = dataclasses.replace(full, instances=tuple(i for i in full.instances if i.image_id != 2))
    base = separable(annotations)
    candidate_set = dataclasses.replace(
        base, candidates=lambda image_id: np.zeros((0, 4)) if image_id == 2 else base.candidates(image_id)
    )
    settings = SETTINGS.model_copy(update={"regression_penalty": 1.0})
    detector = train_detector(candidate_set, (3, 7), settings, np.random.default_rng(0))
    assert {d["image_id"] for d in detector.detect_in_all(candidate_set, settings)} == {1, 3, 4, 5, 6}


@pytest.mark.parametrize("penalty", [None, 1.0])
def test_a_saved_detector_detects_the_same(penalty: float | None, tmp_path: Path) -> None:
    """With and without a regressor; it is refused for other features than those that it was trained on."""
    candidate_set = separable(scenes(4, seed=6))
    settings = SETTINGS.model_copy(update={"regression_penalty": penalty})
    detector = train_detector(candidate_set, (3, 7), settings, np.random.default_rng(0))
    detector.save(tmp_path / "d.zarr", {"backbone": "a", "cells": 3})
    again = Detector.open(tmp_path / "d.zarr", {"backbone": "a", "cells": 3})
    assert again.detect_in_all(candidate_set, settings) == detector.detect_in_all(candidate_set, settings)
    assert verify(tmp_path / "d.zarr").is_sound
    with pytest.raises(InputError, match=r"d\.zarr was trained on features of another network.*cells was 3, and is 2"):
        Detector.open(tmp_path / "d.zarr", {"backbone": "a", "cells": 2})
    assert (again.regressor is None) == (penalty is None)


def test_photographs_without_an_object_are_not_among_few_that_are_drawn() -> None:
    """They would leave nothing to learn; with room for all photographs they are background."""
    annotations = scenes(6, seed=0)
    only = dataclasses.replace(annotations, instances=annotations.instances_by_image[4])
    settings = SETTINGS.model_copy(update={"training_regions": 64})
    drawn = training.draw_images(separable(only), settings, np.random.default_rng(0))
    assert [image.id for image in drawn.annotations.images] == [4]
    room = settings.model_copy(update={"training_regions": 6 * 32})
    assert len(training.draw_images(separable(only), room, np.random.default_rng(0)).annotations.images) == 6


def test_without_a_positive_example_there_is_no_regressor() -> None:
    examples = np.zeros((3, 2), np.float32), np.full(3, 2), np.full((3, 4), np.nan)
    assert training.fit_positive_moves(examples, 2, 1.0) is None
