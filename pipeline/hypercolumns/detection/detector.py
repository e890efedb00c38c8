"""The detector: scores and refines candidate boxes, suppresses duplicates and keeps the best boxes of every image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypercolumns.annotations.model import Image
from hypercolumns.annotations.results import Result
from hypercolumns.detection.candidate_set import CandidateSet, Describe
from hypercolumns.detection.linear_models import BoxRegressor, LinearClassifiers
from hypercolumns.detection.results import make_detection
from hypercolumns.detection.slices import slices
from hypercolumns.parameters import DetectionParameters
from hypercolumns.regions.boxes import Boxes, clip, iou
from hypercolumns.scratch.checked_files import Arrays

BOXES_PER_SLICE = 2048
"""Boxes whose features are computed at a time; bounds memory. Ours."""


@dataclass(frozen=True)
class Detector:
    """Classifiers of regions and, optionally, a regressor that refines boxes."""

    categories: tuple[int, ...]
    """Category ids in the order of the classifiers' columns."""
    classifiers: LinearClassifiers
    regressor: BoxRegressor | None = None

    def score(self, describe: Describe, boxes: Boxes, image: Image) -> tuple[Boxes, NDArray[np.float64]]:
        """Score and refine boxes (n, 4) of an image, with the function that describes them.

        Returns
        -------
        Boxes (n, 4), clipped to the image if they were refined, and probabilities (n, categories). Boxes that are less
        than a pixel wide or high are left out.
        """
        scores = np.zeros((len(boxes), len(self.categories)))
        refined = boxes.copy()
        for part in slices(len(boxes), BOXES_PER_SLICE):
            features = describe(boxes[part])
            scores[part] = self.classifiers.probabilities(features)
            if self.regressor is not None:
                refined[part] = clip(self.regressor.refine(boxes[part], features), image.width, image.height)
        visible = (refined[:, 2:] - refined[:, :2] >= 1).all(axis=1)  # a refined box may leave the image
        return refined[visible], scores[visible]

    def detect(self, candidate_set: CandidateSet, settings: DetectionParameters) -> list[Result]:
        """Detect objects in every image; see `best_boxes`."""

        def detect_in_image(describe: Describe, image_and_boxes: tuple[Image, Boxes]) -> list[Result]:
            image, boxes = image_and_boxes
            return best_boxes(image.id, *self.score(describe, boxes, image), self.categories, settings)

        found = candidate_set.map("detecting", detect_in_image, lambda image: (image, candidate_set.boxes(image)))
        return [detection for detections in found for detection in detections]

    def arrays(self) -> Arrays:
        """Weights, biases and category ids by name; `from_arrays` makes an equal detector of them."""
        arrays: Arrays = {
            "categories": np.array(self.categories, dtype=np.int64),
            "classifiers_weights": self.classifiers.weights,
            "classifiers_biases": self.classifiers.biases,
        }
        if self.regressor is not None:
            arrays |= {"regressor_weights": self.regressor.weights, "regressor_biases": self.regressor.biases}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "Detector":
        """Make a detector from the arrays that `arrays` returned."""
        categories = tuple(arrays["categories"].tolist())
        classifiers = LinearClassifiers(arrays["classifiers_weights"], arrays["classifiers_biases"])
        if "regressor_weights" not in arrays:
            return cls(categories, classifiers)
        return cls(categories, classifiers, BoxRegressor(arrays["regressor_weights"], arrays["regressor_biases"]))


def best_boxes(
    image_id: int, boxes: Boxes, scores: NDArray[np.float64], categories: Sequence[int], settings: DetectionParameters
) -> list[Result]:
    """Keep the best detections of one image.

    Suppression runs within each category; then the `settings.max_per_image` best of all categories remain.

    Parameters
    ----------
    boxes
        (n, 4)
    scores
        (n, categories)
    categories
        Category ids in the order of the columns of `scores`.

    Returns
    -------
    Detections, best first.
    """
    limit = settings.max_per_image
    found = []
    for column, category in enumerate(categories):
        rows = suppress(boxes, scores[:, column], settings.suppression_overlap, limit)
        found += [make_detection(image_id, category, boxes[row], scores[row, column]) for row in rows]
    return sorted(found, key=lambda d: -d["score"])[:limit]


def suppress(boxes: ArrayLike, scores: ArrayLike, overlap: float, limit: int | None = None) -> NDArray[np.intp]:
    """Rows of the boxes to keep, best first.

    A box is dropped when its IoU with a better box that is kept exceeds `overlap`. Among equal scores the earlier row
    is the better one.

    Parameters
    ----------
    boxes, scores
        (n, 4) and (n,).
    limit
        Maximum number of boxes to keep; None: no limit.

    Examples
    --------
    >>> suppress([[0, 0, 5, 5], [0, 0, 5, 6], [9, 9, 12, 12]], [0.2, 0.8, 0.5], overlap=0.5).tolist()
    [1, 2]
    """
    box = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    remaining = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    kept: list[np.intp] = []
    while len(remaining) and (limit is None or len(kept) < limit):
        best, remaining = remaining[0], remaining[1:]
        kept.append(best)
        remaining = remaining[iou(box[best], box[remaining])[0] <= overlap]
    return np.array(kept, dtype=np.intp)
