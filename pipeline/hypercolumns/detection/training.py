"""Training of the detector: classifiers with rounds of hard negative mining, then box regression."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import Image
from hypercolumns.detection.candidate_set import CandidateSet, Describe
from hypercolumns.detection.detector import BOXES_PER_SLICE, Detector
from hypercolumns.detection.examples import ExampleArrays, Examples, LabelledBoxes, training_instances
from hypercolumns.detection.linear_models import BoxRegressor, LinearClassifiers, fit_classifiers, fit_regressor
from hypercolumns.detection.slices import slices
from hypercolumns.parameters import DetectionParameters

_Choice = tuple[LabelledBoxes, NDArray[np.intp]]
"""The boxes of an image, and the rows that are chosen as examples."""

_Described = tuple[LabelledBoxes, NDArray[np.intp], NDArray[np.float32]]
"""The same, and the features of the chosen rows."""


def train_detector(
    candidate_set: CandidateSet, categories: Sequence[int], settings: DetectionParameters, rng: np.random.Generator
) -> Detector:
    """Train a detector on instances and candidate boxes.

    Every image contributes the same number of regions: up to half of them positive, the rest background drawn at random
    and, in later rounds, the background that the classifiers of the previous round score highest. Memory is bounded by
    `settings.training_regions` regions and `settings.training_images` images, drawn at random.

    Parameters
    ----------
    categories
        Ids of the categories to detect; see `examples.trained_categories`.
    rng
        Draws images and regions.
    """
    candidate_set = draw_images(candidate_set, settings, rng)
    per_image = settings.training_regions // len(candidate_set.annotations.images)
    rounds = settings.hard_negative_rounds
    n_random = per_image // 4 if rounds else per_image // 2
    n_hard = per_image // (4 * rounds) if rounds else 0
    examples = Examples(candidate_set, categories, settings)

    def draw(image: Image) -> _Choice:
        boxes = examples.boxes(image)
        positive = draw_rows(boxes.positive, per_image // 2, rng)
        return boxes, np.concatenate([positive, draw_rows(boxes.background, n_random, rng)])

    for boxes, rows, features in candidate_set.map("collecting examples", _describe_all, draw):
        examples.add(boxes, rows, features)

    def fit(start: LinearClassifiers | None = None) -> LinearClassifiers:
        features, labels, _ = examples.arrays()
        return fit_classifiers(
            features, labels, len(categories), penalty=settings.penalty, iterations=settings.iterations, start=start
        )

    classifiers = fit()
    for _ in range(rounds):
        describe_hardest = partial(_describe_hardest, classifiers=classifiers, number=n_hard)
        for boxes, rows, features in candidate_set.map("looking for hard negatives", describe_hardest, examples.boxes):
            examples.add(boxes, rows, features)
        classifiers = fit(classifiers)
    regressor = fit_positive_moves(examples.arrays(), len(categories), settings.regression_penalty)
    return Detector(tuple(categories), classifiers, regressor)


def fit_positive_moves(examples: ExampleArrays, categories: int, penalty: float | None) -> BoxRegressor | None:
    """Fit a regressor to the positive examples; None without a penalty or an example."""
    features, labels, moves = examples
    positive = np.flatnonzero(labels < categories)
    if penalty is None or not len(positive):
        return None
    return fit_regressor(features[positive], moves[positive], penalty)


def _describe_all(describe: Describe, choice: _Choice) -> _Described:
    boxes, rows = choice
    return boxes, rows, describe(boxes.boxes[rows])


def _describe_hardest(
    describe: Describe, boxes: LabelledBoxes, classifiers: LinearClassifiers, number: int
) -> _Described:
    """Describe the background that the classifiers score highest."""
    rows = boxes.background
    objectness = np.zeros(len(rows))
    for part in slices(len(rows), BOXES_PER_SLICE):
        objectness[part] = classifiers.probabilities(describe(boxes.boxes[rows[part]])).sum(axis=1)
    return _describe_all(describe, (boxes, rows[np.argsort(-objectness, kind="stable")[:number]]))


def draw_images(candidate_set: CandidateSet, settings: DetectionParameters, rng: np.random.Generator) -> CandidateSet:
    """Restrict a set to `settings.training_images` of its images, drawn from those with an object, if it has more."""
    limit, annotations = settings.training_images, candidate_set.annotations
    if len(annotations.images) <= limit:
        return candidate_set
    with_object = candidate_set.only({i.image_id for i in training_instances(annotations.instances)})
    return with_object.draw(min(limit, len(with_object.annotations.images)), rng)


def draw_rows(rows: NDArray[np.intp], number: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw at most `number` of the rows without replacement, ascending."""
    return rows if len(rows) <= number else np.sort(rng.choice(rows, number, replace=False))
