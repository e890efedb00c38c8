"""The second step of detection: the best boxes of a photograph pass the network alone and are scored again (R-CNN)."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import Image, Instance
from hypercolumns.annotations.results import Result
from hypercolumns.detection.candidate_set import CandidateSet, Describe
from hypercolumns.detection.detector import Detector, best_boxes, suppress
from hypercolumns.detection.examples import BACKGROUND, LabelledBoxes, label_boxes, training_instances
from hypercolumns.detection.linear_models import fit_classifiers
from hypercolumns.detection.training import draw_images, draw_rows, fit_positive_moves
from hypercolumns.parameters import DetectionParameters, RescoringParameters
from hypercolumns.regions.boxes import Boxes, iou

PRIOR_POWER = 0.5
"""Weight of the first step's probability beside the second one's in the final score, their weighted geometric mean.
Ours, measured."""

RANK_OFFSET = 10
"""Added to the rank of a box, so that the first ones are not alone among those that are scored again. Ours."""

PARTIAL_OVERLAP = 0.5
"""Boxes whose IoU with every instance is smaller are background: the first step leaves those that overlap one out, the
second one has to tell them from better ones. Ours, measured."""

CropFeaturesOf = Callable[[int], NDArray[np.float32]]
"""Given the id of an image, returns features (n, dimensions) of the crops of its boxes; see `crops.CropFeatures`."""


@dataclass(frozen=True)
class Shortlist:
    """The boxes of a photograph that are scored again."""

    boxes: Boxes
    """(n, 4)"""
    scores: NDArray[np.float64]
    """(n, categories) probabilities in the first step."""

    @classmethod
    def of(cls, boxes: Boxes, scores: NDArray[np.float64], settings: RescoringParameters) -> "Shortlist":
        """Choose boxes of a photograph.

        Their order counts besides their scores: it comes from what the image shows at their borders, and so knows
        better how well they fit.

        Parameters
        ----------
        boxes
            (n, 4) in the order of the proposals, which come best first.
        scores
            (n, categories) probabilities in the first step.
        """
        quality = scores.max(axis=1) / np.sqrt(RANK_OFFSET + np.arange(len(boxes)))
        rows = suppress(boxes, quality, settings.suppression_overlap, settings.boxes_per_image)
        return cls(boxes[rows], scores[rows])

    def detect(
        self,
        describe: Describe,
        crop_features: NDArray[np.float32],
        rescorer: Detector,
        image: Image,
        settings: DetectionParameters,
    ) -> list[Result]:
        """Detect objects with the features of the boxes in the photograph and in their crops; see `best_boxes`."""
        features = _join(describe(self.boxes), crop_features)
        boxes, product = rescorer.score_features(features, self.boxes, image, self.scores**PRIOR_POWER)
        scores = product ** (1 / (1 + PRIOR_POWER))  # a mean again: as large as a single probability
        return best_boxes(image.id, boxes, scores, rescorer.categories, settings)


def choose_shortlists(
    candidate_set: CandidateSet, detector: Detector, settings: RescoringParameters
) -> dict[int, Shortlist]:
    """Choose the boxes of every image that are scored again, by its id; images without a box are left out."""

    def choose(describe: Describe, item: tuple[Image, Boxes]) -> tuple[Image, Shortlist]:
        image, boxes = item
        return image, Shortlist.of(*detector.score(describe, boxes, image), settings)

    chosen = candidate_set.map("choosing boxes", choose, lambda image: (image, candidate_set.boxes(image)))
    return {image.id: shortlist for image, shortlist in chosen if len(shortlist.boxes)}


def choose_examples(
    candidate_set: CandidateSet,
    detector: Detector,
    detection: DetectionParameters,
    settings: RescoringParameters,
    rng: np.random.Generator,
) -> dict[int, LabelledBoxes]:
    """Choose the boxes that the second step is trained on, by id of the image; images without any are left out.

    Positives are the boxes of instances, and of those of the detector some that overlap each instance. Background are
    some that show only a part of an instance or much around it, and those that the detector mistakes most for objects.

    Parameters
    ----------
    detector
        The trained first step.
    detection
        Overlaps that decide about labels, and the most examples in memory; see `training.draw_images`.
    rng
        Draws images and examples.
    """

    def score(describe: Describe, item: tuple[Image, Boxes]) -> tuple[Image, Boxes, NDArray[np.float64]]:
        image, boxes = item
        return image, *detector.score(describe, boxes, image)

    drawn = draw_images(candidate_set, detection, rng)
    chosen = {}
    for image, boxes, scores in drawn.map("choosing examples", score, lambda image: (image, drawn.boxes(image))):
        instances = drawn.annotations.instances_by_image[image.id]
        boxes, labels, objects = _choose(boxes, scores, instances, detector.categories, detection, settings, rng)
        chosen[image.id] = LabelledBoxes(image, boxes, labels, objects)
    chosen = _at_most(detection.training_regions, chosen, rng)
    return {image_id: of_image for image_id, of_image in chosen.items() if len(of_image.boxes)}


def detect_again(
    candidate_set: CandidateSet,
    shortlists: Mapping[int, Shortlist],
    crop_features: CropFeaturesOf,
    rescorer: Detector,
    settings: DetectionParameters,
) -> list[Result]:
    """Detect objects in every image of a set, among the boxes of its shortlist and with the features of their crops."""

    def detect(describe: Describe, item: tuple[Image, Shortlist, NDArray[np.float32]]) -> list[Result]:
        image, shortlist, of_image = item
        return shortlist.detect(describe, of_image, rescorer, image, settings)

    found = candidate_set.map(
        "scoring again", detect, lambda image: (image, shortlists[image.id], crop_features(image.id))
    )
    return [detection for detections in found for detection in detections]


def fit_rescorer(
    candidate_set: CandidateSet,
    chosen: Mapping[int, LabelledBoxes],
    crop_features: CropFeaturesOf,
    categories: tuple[int, ...],
    settings: RescoringParameters,
) -> Detector:
    """Fit the second step.

    Parameters
    ----------
    candidate_set
        The images of `chosen`.
    chosen
        Boxes to train on by image id.
    categories
        Ids of the categories, in the order of the labels.
    """

    def describe_twice(describe: Describe, item: tuple[Boxes, NDArray[np.float32]]) -> NDArray[np.float32]:
        boxes, of_image = item
        return _join(describe(boxes), of_image)

    images, background = candidate_set.annotations.images, len(categories)
    targets = [chosen[image.id].targets(np.arange(len(chosen[image.id].boxes)), background) for image in images]
    labels, moves = (np.concatenate(of_images) for of_images in zip(*targets, strict=True))
    described = candidate_set.map(
        "describing", describe_twice, lambda image: (chosen[image.id].boxes, crop_features(image.id))
    )
    features = _stack(described, len(labels))
    classifiers = fit_classifiers(
        features, labels, len(categories), penalty=settings.penalty, iterations=settings.iterations
    )
    regressor = fit_positive_moves((features, labels, moves), len(categories), settings.regression_penalty)
    return Detector(categories, classifiers, regressor)


def _choose(
    boxes: Boxes,
    scores: NDArray[np.float64],
    instances: Sequence[Instance],
    categories: Sequence[int],
    detection: DetectionParameters,
    settings: RescoringParameters,
    rng: np.random.Generator,
) -> tuple[Boxes, NDArray[np.intp], Boxes]:
    """Choose examples among the boxes (n, 4) of an image, which the first step gave the scores (n, categories).

    Returns
    -------
    Boxes, labels and objects as in `LabelledBoxes`.
    """
    trained = training_instances(instances)
    truth = np.array([i.box for i in trained], dtype=np.float64).reshape(-1, 4)
    true_labels = np.array([categories.index(i.category_id) for i in trained], dtype=np.intp)
    labels, matches = label_boxes(
        boxes,
        instances,
        categories,
        positive_overlap=detection.positive_overlap,
        negative_overlap=min(PARTIAL_OVERLAP, detection.positive_overlap),
    )
    near_trained, near_ignored = (
        (iou(boxes, [i.box for i in some]) >= detection.negative_overlap).any(axis=1)
        for some in (trained, [i for i in instances if i.ignore])
    )
    background = (labels == BACKGROUND) & ~near_ignored
    rows = [
        draw_rows(np.flatnonzero(kind & (matches == number)), limit, rng)
        for number in range(len(trained))
        for kind, limit in (
            (labels >= 0, settings.positive_per_instance),
            (background & near_trained, settings.partial_per_instance),
        )
    ]
    far = np.flatnonzero(background & ~near_trained)
    hardest = suppress(boxes[far], scores[far].max(axis=1), settings.suppression_overlap, settings.background_per_image)
    chosen = np.concatenate([*rows, far[hardest]]).astype(np.intp)
    objects = truth[matches[chosen]] if trained else np.full((len(chosen), 4), np.nan)
    return (
        np.concatenate([truth, boxes[chosen]]),
        np.concatenate([true_labels, labels[chosen]]),
        np.concatenate([truth, objects]),
    )


def _at_most(number: int, chosen: Mapping[int, LabelledBoxes], rng: np.random.Generator) -> dict[int, LabelledBoxes]:
    """Draw `number` of the boxes of all images if there are more."""
    stops = np.cumsum([len(of_image.boxes) for of_image in chosen.values()])
    rows = draw_rows(np.arange(stops[-1]), number, rng)
    parts = np.split(rows, np.searchsorted(rows, stops[:-1]))
    starts = [0, *stops[:-1]]
    return {
        image_id: of_image.only(part - start)
        for (image_id, of_image), part, start in zip(chosen.items(), parts, starts, strict=True)
    }


def _join(in_photograph: NDArray[np.float32], in_crop: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features of the second step: those of the first one, then those of the crops."""
    return np.concatenate([in_photograph, in_crop], axis=1)


def _stack(parts: Iterator[NDArray[np.float32]], total: int) -> NDArray[np.float32]:
    """Stack arrays (n, dimensions) with `total` rows together, of which only one is in memory beside the result."""
    first = next(parts)
    stacked = np.empty((total, first.shape[1]), np.float32)
    start = 0
    for part in itertools.chain([first], parts):
        stacked[start : start + len(part)] = part
        start += len(part)
    return stacked
