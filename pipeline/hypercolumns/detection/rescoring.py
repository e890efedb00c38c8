"""The second step of detection: the best boxes of a photograph pass the network alone and are scored again (R-CNN)."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hypercolumns.annotations.model import Image, Instance
from hypercolumns.annotations.results import Result
from hypercolumns.detection.candidate_set import CandidateSet, Describe
from hypercolumns.detection.detector import Detector, best_boxes, suppress
from hypercolumns.detection.examples import BACKGROUND, label_boxes, training_instances
from hypercolumns.detection.linear_models import encode_moves, fit_classifiers, fit_regressor
from hypercolumns.detection.training import draw_images, draw_rows
from hypercolumns.parameters import DetectionParameters, RescoringParameters
from hypercolumns.regions.boxes import Boxes

PRIOR_POWER = 0.5
"""Power of the first step's probability in the final score. Ours, measured."""


@dataclass(frozen=True)
class Shortlist:
    """The boxes of a photograph that are scored again."""

    boxes: Boxes
    """(n, 4)"""
    scores: NDArray[np.float64]
    """(n, categories) probabilities in the first step."""

    @classmethod
    def of(cls, boxes: Boxes, scores: NDArray[np.float64], settings: RescoringParameters) -> "Shortlist":
        """Choose the best of the boxes (n, 4) of a photograph by their scores (n, categories)."""
        rows = suppress(boxes, scores.max(axis=1), settings.suppression_overlap, settings.boxes_per_image)
        return cls(boxes[rows], scores[rows])

    def detect(
        self, features: NDArray[np.float32], rescorer: Detector, image: Image, settings: DetectionParameters
    ) -> list[Result]:
        """Detect objects with the features (n, dimensions) of the crops of the boxes; see `detector.best_boxes`."""
        prior = self.scores**PRIOR_POWER
        return best_boxes(
            image.id, *rescorer.score(lambda _: features, self.boxes, image, prior), rescorer.categories, settings
        )


@dataclass(frozen=True)
class ChosenBoxes:
    """Boxes of one image that the second step is trained on."""

    boxes: Boxes
    """(n, 4)"""
    labels: NDArray[np.intp]
    """(n,) index of a category, or BACKGROUND."""
    objects: Boxes
    """(n, 4) boxes of the best overlapping training instances; NaN if there are none."""


def choose_shortlists(
    candidate_set: CandidateSet, detector: Detector, settings: RescoringParameters
) -> dict[int, Shortlist]:
    """Choose the boxes of every image, by its id, that are scored again."""

    def choose(describe: Describe, item: tuple[Image, Boxes]) -> tuple[Image, Shortlist]:
        image, boxes = item
        return image, Shortlist.of(*detector.score(describe, boxes, image), settings)

    chosen = candidate_set.map("choosing boxes", choose, lambda image: (image, candidate_set.boxes(image)))
    return {image.id: shortlist for image, shortlist in chosen}


def choose_examples(
    candidate_set: CandidateSet,
    detector: Detector,
    detection: DetectionParameters,
    settings: RescoringParameters,
    rng: np.random.Generator,
) -> dict[int, ChosenBoxes]:
    """Choose the boxes of every image, by its id, that the second step is trained on.

    Positives are the boxes of instances, and of those of the detector some that overlap each instance; background are
    the boxes that the detector mistakes most for objects.

    Parameters
    ----------
    detector
        The trained first step.
    detection
        Overlaps that decide about labels, and the limit of the number of images; see `training.draw_images`.
    rng
        Draws images and positives.
    """

    def score(describe: Describe, item: tuple[Image, Boxes]) -> tuple[Image, Boxes, NDArray[np.float64]]:
        image, boxes = item
        return image, *detector.score(describe, boxes, image)

    drawn = draw_images(candidate_set, detection, rng)
    chosen = {}
    for image, boxes, scores in drawn.map("choosing examples", score, lambda image: (image, drawn.boxes(image))):
        instances = drawn.annotations.instances_by_image[image.id]
        labels = label_boxes(boxes, instances, detector.categories, detection)
        chosen[image.id] = _choose(boxes, scores, instances, detector.categories, labels, settings, rng)
    return chosen


def fit_rescorer(
    chosen: Mapping[int, ChosenBoxes],
    described: Iterator[tuple[Image, NDArray[np.float32]]],
    categories: tuple[int, ...],
    settings: RescoringParameters,
) -> Detector:
    """Fit the second step.

    Parameters
    ----------
    chosen
        Boxes to train on by image id.
    described
        The images that have such boxes, by ascending id, and the features (n, dimensions) of the boxes.
    categories
        Ids of the categories, in the order of the labels.
    """
    ordered = [chosen[image_id] for image_id in sorted(chosen)]
    boxes, labels, objects = (
        np.concatenate([getattr(of_image, name) for of_image in ordered]) for name in ("boxes", "labels", "objects")
    )
    features = _joined((of_image for _, of_image in described), len(boxes))
    positive = np.flatnonzero(labels != BACKGROUND)
    targets = np.where(labels == BACKGROUND, len(categories), labels)
    with threadpool_limits(1, "blas"):
        classifiers = fit_classifiers(
            features, targets, len(categories), penalty=settings.penalty, iterations=settings.iterations
        )
        regressor = None
        if settings.regression_penalty is not None:
            moves = encode_moves(boxes[positive], objects[positive])
            regressor = fit_regressor(features[positive], moves, settings.regression_penalty)
    return Detector(categories, classifiers, regressor)


def _choose(
    boxes: Boxes,
    scores: NDArray[np.float64],
    instances: Sequence[Instance],
    categories: Sequence[int],
    labelled: tuple[NDArray[np.intp], NDArray[np.intp]],
    settings: RescoringParameters,
    rng: np.random.Generator,
) -> ChosenBoxes:
    """Choose examples among the boxes (n, 4) of an image, given their scores (n, categories) and labels."""
    trained = training_instances(instances)
    own = np.array([i.box for i in trained], dtype=np.float64).reshape(-1, 4)
    labels, matches = labelled
    rows = [
        draw_rows(np.flatnonzero((labels >= 0) & (matches == number)), settings.proposals_per_instance, rng)
        for number in range(len(trained))
    ]
    background = np.flatnonzero(labels == BACKGROUND)
    hardest = suppress(
        boxes[background],
        scores[background].max(axis=1),
        settings.suppression_overlap,
        settings.background_per_image,
    )
    chosen = np.concatenate([*rows, background[hardest]]).astype(np.intp)
    own_labels = np.array([categories.index(i.category_id) for i in trained], dtype=np.intp)
    objects = own[matches[chosen]] if trained else np.full((len(chosen), 4), np.nan)
    return ChosenBoxes(
        np.concatenate([own, boxes[chosen]]),
        np.concatenate([own_labels, labels[chosen]]),
        np.concatenate([own, objects]),
    )


def _joined(parts: Iterator[NDArray[np.float32]], total: int) -> NDArray[np.float32]:
    """Join arrays (n, dimensions) with `total` rows together, of which only one is in memory beside the result."""
    first = next(parts)
    joined = np.empty((total, first.shape[1]), np.float32)
    start = 0
    for part in itertools.chain([first], parts):
        joined[start : start + len(part)] = part
        start += len(part)
    return joined
