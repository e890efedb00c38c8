"""The detector: scores and refines candidate boxes, suppresses duplicates and keeps the best boxes of every image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypercolumns.annotations.model import Image
from hypercolumns.annotations.results import Result
from hypercolumns.detection.candidate_set import CandidateSet, Describe
from hypercolumns.detection.linear_models import BoxRegressor, LinearClassifiers
from hypercolumns.detection.results import make_detection
from hypercolumns.detection.slices import slices
from hypercolumns.errors import InputError
from hypercolumns.features.origin import Origin, require_origin
from hypercolumns.parameters import DetectionParameters
from hypercolumns.regions.boxes import Boxes, clip, iou
from hypercolumns.stores.reading import Store
from hypercolumns.stores.replacing import replacing

SCHEMA = "hypercolumns-detector/1"

BOXES_PER_SLICE = 2048
"""Boxes whose features are computed at a time; bounds memory. Ours."""


@dataclass(frozen=True)
class Detector:
    """Classifiers of regions and, optionally, a regressor that refines boxes."""

    categories: tuple[int, ...]
    """Category ids in the order of the classifiers' columns."""
    classifiers: LinearClassifiers
    regressor: BoxRegressor | None = None

    @classmethod
    def of_nothing(cls) -> "Detector":
        """Make a detector that knows no category."""
        return cls((), LinearClassifiers(np.zeros((0, 1), np.float32), np.zeros(1, np.float32)))

    def score(self, describe: Describe, boxes: Boxes, image: Image) -> tuple[Boxes, NDArray[np.float64]]:
        """Score and refine boxes (n, 4) of an image, with the function that describes them.

        Returns
        -------
        As `score_features`.
        """
        found = [(boxes[:0].copy(), np.zeros((0, len(self.categories))))]
        for part in slices(len(boxes), BOXES_PER_SLICE):
            found.append(self.score_features(describe(boxes[part]), boxes[part], image))
        refined, scores = zip(*found, strict=True)
        return np.concatenate(refined), np.concatenate(scores)

    def score_features(
        self,
        features: NDArray[np.float32],
        boxes: Boxes,
        image: Image,
        prior: NDArray[np.float64] | None = None,
    ) -> tuple[Boxes, NDArray[np.float64]]:
        """Score and refine boxes (n, 4) of an image, given their features (n, dimensions).

        Parameters
        ----------
        prior
            (n, categories) factors of the probabilities; None: 1.

        Returns
        -------
        Boxes (n, 4), clipped to the image if they were refined, and probabilities (n, categories). Boxes that are less
        than a pixel wide or high are left out.
        """
        scores, refined = self.classifiers.probabilities(features), boxes.copy()
        if self.regressor is not None:
            refined = clip(self.regressor.refine(boxes, features), image.width, image.height)
        if prior is not None:
            scores *= prior
        visible = (refined[:, 2:] - refined[:, :2] >= 1).all(axis=1)  # a refined box may leave the image
        return refined[visible], scores[visible]

    def detect(self, describe: Describe, boxes: Boxes, image: Image, settings: DetectionParameters) -> list[Result]:
        """Detect objects in an image with candidate boxes (n, 4), with the function that describes boxes.

        Returns
        -------
        Detections, best first; see `best_boxes`.
        """
        return best_boxes(image.id, *self.score(describe, boxes, image), self.categories, settings)

    def detect_in_all(self, candidate_set: CandidateSet, settings: DetectionParameters) -> list[Result]:
        """Detect objects in every image of a set."""

        def detect(describe: Describe, image_and_boxes: tuple[Image, Boxes]) -> list[Result]:
            image, boxes = image_and_boxes
            return self.detect(describe, boxes, image, settings)

        found = candidate_set.map("detecting", detect, lambda image: (image, candidate_set.boxes(image)))
        return [detection for detections in found for detection in detections]

    def save(self, path: Path, origin: Origin) -> None:
        """Write the detector, replacing what is at `path`; equal detectors give equal bytes.

        Parameters
        ----------
        origin
            What the features of boxes depend on; see `features.feature_origin` and `crops.rescoring_origin`.
        """
        with replacing(path) as store:
            for name, model in (("classifiers", self.classifiers), ("regressor", self.regressor)):
                if model is not None:
                    store.write(f"{name}/weights", model.weights, ("dimension", "output"))
                    store.write(f"{name}/biases", model.biases, ("output",))
            attributes = {"categories": list(self.categories), "regressor": self.regressor is not None}
            store.finish(SCHEMA, {**attributes, "features": origin})

    @classmethod
    def open(cls, path: Path, origin: Origin, step: str = "detector") -> "Detector":
        """Read a detector that will be given features of that origin.

        Parameters
        ----------
        origin
            See `features.feature_origin` and `crops.rescoring_origin`.
        step
            The step that writes it, for messages.

        Raises
        ------
        InputError
            When `path` does not hold a detector of this version, it is damaged, or it was trained on other features.
        """
        store = Store.open(path, SCHEMA, step, step)
        attributes: dict[str, Any] = store.attributes
        require_origin(attributes["features"], origin, path, step)

        if not attributes["categories"]:
            raise InputError(f"{path} knows no category: it was made for other parameters.", step)

        def read(name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            return store.array(f"{name}/weights")[:], store.array(f"{name}/biases")[:]

        regressor = BoxRegressor(*read("regressor")) if attributes["regressor"] else None
        return cls(tuple(attributes["categories"]), LinearClassifiers(*read("classifiers")), regressor)


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
