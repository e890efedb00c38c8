"""The detector: scores and refines candidate boxes, suppresses duplicates and keeps the best boxes of every image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypercolumns.annotations.model import Image
from hypercolumns.annotations.results import Result
from hypercolumns.detection.candidate_set import CandidateSet
from hypercolumns.detection.linear_models import BoxRegressor, LinearClassifiers
from hypercolumns.detection.results import make_detection
from hypercolumns.parameters import DetectionParameters
from hypercolumns.regions.boxes import Boxes, clip, iou


@dataclass(frozen=True)
class Detector:
    """Classifiers of regions and, optionally, a regressor that refines boxes."""

    categories: tuple[int, ...]
    """Category ids in the order of the classifiers' columns."""
    classifiers: LinearClassifiers
    regressor: BoxRegressor | None = None

    def score(self, candidate_set: CandidateSet, image: Image) -> tuple[Boxes, NDArray[np.float64]]:
        """Score and refine the candidates of an image.

        Returns
        -------
        Boxes (n, 4), clipped to the image if they were refined, and probabilities (n, categories). Boxes that are less
        than a pixel wide or high are left out.
        """
        boxes = candidate_set.boxes(image)
        features = candidate_set.describe(image, boxes)
        scores = self.classifiers.probabilities(features)
        if self.regressor is not None:
            boxes = clip(self.regressor.refine(boxes, features), image.width, image.height)
        visible = (boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)  # a refined box may leave the image
        return boxes[visible], scores[visible]

    def detect(self, candidate_set: CandidateSet, settings: DetectionParameters) -> list[Result]:
        """Detect objects in every image; see `best_boxes`."""
        found = []
        for image in candidate_set.images("detecting"):
            found += best_boxes(image.id, *self.score(candidate_set, image), self.categories, settings)
        return found


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
