"""The detector: scores and refined boxes of candidates, per-category suppression, the best boxes of every image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import Image
from hypercolumns.annotations.results import Result
from hypercolumns.detection.candidate_set import CandidateSet
from hypercolumns.detection.classifiers import LinearClassifiers
from hypercolumns.detection.regression import BoxRegressor
from hypercolumns.detection.results import make
from hypercolumns.detection.suppression import suppress
from hypercolumns.parameters import DetectionParameters
from hypercolumns.regions.boxes import Boxes, clip


@dataclass(frozen=True)
class Detector:
    """Classifiers of regions; `categories` are the ids that their columns stand for."""

    categories: tuple[int, ...]
    classifiers: LinearClassifiers
    regressor: BoxRegressor | None = None

    def score(self, photographs: CandidateSet, image: Image) -> tuple[Boxes, NDArray[np.float64]]:
        """Refined boxes (n, 4) of the candidates of an image, and their probabilities (n, categories)."""
        boxes = photographs.boxes(image)
        features = photographs.describe(image, boxes)
        scores = self.classifiers.probabilities(features)
        if self.regressor is not None:
            boxes = clip(self.regressor.refine(boxes, features), image.width, image.height)
        visible = (boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)  # a refined box may leave the image
        return boxes[visible], scores[visible]

    def detect(self, photographs: CandidateSet, settings: DetectionParameters) -> list[Result]:
        """The best boxes of every image."""
        found = []
        for image in photographs.each("detecting"):
            boxes, scores = self.score(photographs, image)
            found += best_boxes(image.id, boxes, scores, self.categories, settings)
        return found


def best_boxes(
    image_id: int,
    boxes: Boxes,
    scores: NDArray[np.float64],
    categories: Sequence[int],
    settings: DetectionParameters,
) -> list[Result]:
    """The best detections of one image, from its (n, 4) boxes and their (n, categories) scores.

    Suppression runs within each category; then the `settings.max_per_image` best of all stay.
    """
    limit = settings.max_per_image
    found = []
    for column, category in enumerate(categories):
        rows = suppress(boxes, scores[:, column], settings.suppression_overlap, limit)
        found += [make(image_id, category, boxes[row], scores[row, column]) for row in rows]
    return sorted(found, key=lambda d: -d["score"])[:limit]
