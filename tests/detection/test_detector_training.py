"""What trains the detector, and that it recovers what a linear model can."""

import dataclasses

import numpy as np
import pytest

from hypercolumns.detection.detector import best_boxes
from hypercolumns.detection.examples import BACKGROUND, UNUSED, Examples, assign, trained_categories
from hypercolumns.detection.training import train
from hypercolumns.errors import InputError
from hypercolumns.parameters import DetectionParameters
from hypercolumns.regions.boxes import from_coco, iou
from tests.detection.detection_scenes import candidates, instance, scenes, separable

SETTINGS = DetectionParameters(penalty=1e-4, iterations=200, regression_penalty=None)
BOX = [10, 10, 40, 40]


def _labels(boxes: list[list[float]], *instances: object) -> list[int]:
    return assign(np.array(boxes, dtype=float), instances, (3, 7), SETTINGS)[0].tolist()  # type: ignore[arg-type]


def test_overlap_decides_what_a_box_shows() -> None:
    boxes = [BOX, [10, 10, 40, 30], [10, 10, 40, 22], [10, 10, 40, 18], [60, 10, 90, 40]]
    assert _labels(boxes, instance(1, 1, 7, BOX)) == [1, 1, UNUSED, BACKGROUND, BACKGROUND]


def test_ignored_instances_are_neither_examples_nor_background() -> None:
    assert _labels([BOX, [60, 10, 90, 40]], instance(1, 1, 3, BOX, difficult=True)) == [UNUSED, BACKGROUND]


def test_the_inside_of_a_crowd_is_no_background() -> None:
    assert _labels([[20, 20, 25, 25], [70, 0, 75, 5]], instance(1, 1, 3, [5, 5, 60, 60], crowd=True)) == [
        UNUSED,
        BACKGROUND,
    ]


def test_an_object_in_front_of_an_ignored_one_still_teaches() -> None:
    assert _labels([BOX], instance(1, 1, 3, BOX, difficult=True), instance(2, 1, 7, BOX)) == [1]


def test_an_image_without_instances_is_all_background() -> None:
    assert _labels([BOX]) == [BACKGROUND]


def test_no_example_is_used_twice() -> None:
    annotations = scenes(1, seed=0)
    examples = Examples(separable(annotations), (3, 7), SETTINGS)
    image = annotations.images[0]
    first = examples.background(image)[:5]
    examples.add(image, first)
    assert not set(first) & set(examples.background(image))


def test_hard_negatives_recover_separable_objects() -> None:
    """Where features tell objects apart, every object of new images is found, above all else."""
    detector = train(separable(scenes(20, seed=1)), (3, 7), SETTINGS, np.random.default_rng(0))
    test = scenes(15, seed=2)
    found = detector.detect(separable(test), SETTINGS)
    for image, instances in test.instances_by_image.items():
        best = [d for d in found if d["image_id"] == image][:2]
        for truth in instances:
            overlaps = [
                iou(from_coco(d["bbox"]), truth.box)[0, 0] for d in best if d["category_id"] == truth.category_id
            ]
            assert max(overlaps, default=0) > 0.6


def test_hard_negatives_are_the_background_that_looks_most_like_objects() -> None:
    """With few random negatives, a round of hard ones lowers what the classifiers give to the worst background."""
    annotations = scenes(12, seed=3)
    photographs = separable(annotations)
    small = SETTINGS.model_copy(update={"training_regions": 12 * 16})

    def worst(rounds: int) -> float:
        settings = small.model_copy(update={"hard_negative_rounds": rounds})
        detector = train(photographs, (3, 7), settings, np.random.default_rng(0))
        likeness = []
        for image in annotations.images:
            examples = Examples(photographs, (3, 7), settings)
            boxes = examples.boxes(image)[examples.background(image)]
            likeness.append(detector.classifiers.probabilities(photographs.describe(image, boxes)).sum(axis=1))
        return float(np.sort(np.concatenate(likeness))[-20:].mean())

    assert worst(2) < worst(0)


def test_memory_is_bounded_by_the_training_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def fit(features: np.ndarray, *rest: object) -> object:
        sizes.append(len(features))
        return original(features, *rest)  # type: ignore[arg-type]

    from hypercolumns.detection import training

    original = training.fit
    monkeypatch.setattr(training, "fit", fit)
    settings = SETTINGS.model_copy(update={"training_regions": 160, "hard_negative_rounds": 3})
    train(separable(scenes(8, seed=1)), (3, 7), settings, np.random.default_rng(0))
    assert len(sizes) == 4
    assert sizes[0] < sizes[-1] <= 160


def test_more_images_than_there_is_room_for_are_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    from hypercolumns.detection import training

    sizes = []
    original = training.fit
    monkeypatch.setattr(
        training, "fit", lambda features, *rest: (sizes.append(len(features)), original(features, *rest))[1]
    )
    settings = SETTINGS.model_copy(update={"training_regions": 70, "hard_negative_rounds": 1})
    train(separable(scenes(30, seed=1)), (3, 7), settings, np.random.default_rng(0))
    assert sizes[-1] <= 70


def test_regression_moves_boxes_towards_their_objects() -> None:
    """With features that give the shift of a candidate away, refined boxes overlap more than the candidates."""
    annotations = scenes(10, seed=4)
    base = separable(annotations)

    def describe(image: object, boxes: np.ndarray) -> np.ndarray:
        own = np.array([i.box for i in annotations.instances_by_image[image.id]])  # type: ignore[attr-defined]
        nearest = own[iou(boxes, own).argmax(axis=1)]
        return np.hstack([base.describe(image, boxes), (nearest - boxes) / 30]).astype(np.float32)  # type: ignore[arg-type]

    photographs = dataclasses.replace(base, describe=describe)
    settings = SETTINGS.model_copy(update={"regression_penalty": 1e-3})
    detector = train(photographs, (3, 7), settings, np.random.default_rng(0))
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
    assert trained_categories(scenes(5, seed=0)) == (3, 7)


def test_no_training_instance_at_all_is_an_error() -> None:
    annotations = scenes(2, seed=0)
    ignored = tuple(dataclasses.replace(i, difficult=True) for i in annotations.instances)
    with pytest.raises(InputError, match=r"no category \(cat, dog, yak\) has a training instance"):
        trained_categories(dataclasses.replace(annotations, instances=ignored))


def test_the_best_boxes_of_all_categories_stay() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 11], [50, 50, 60, 60.0]])
    scores = np.array([[0.9, 0.1], [0.8, 0.3], [0.2, 0.4]])
    settings = DetectionParameters(max_per_image=3)
    found = best_boxes(4, boxes, scores, (3, 7), settings)
    assert [(d["category_id"], d["score"]) for d in found] == [(3, 0.9), (7, 0.4), (7, 0.3)]


def test_an_image_without_candidates_or_instances_is_no_problem() -> None:
    full = scenes(6, seed=5)
    annotations = dataclasses.replace(full, instances=tuple(i for i in full.instances if i.image_id != 2))
    base = separable(annotations)
    photographs = dataclasses.replace(
        base, candidates=lambda image_id: np.zeros((0, 4)) if image_id == 2 else base.candidates(image_id)
    )
    settings = SETTINGS.model_copy(update={"regression_penalty": 1.0})
    detector = train(photographs, (3, 7), settings, np.random.default_rng(0))
    assert {d["image_id"] for d in detector.detect(photographs, settings)} == {1, 3, 4, 5, 6}
