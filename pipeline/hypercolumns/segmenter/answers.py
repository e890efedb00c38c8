"""Answers of trained models for one photograph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import Image


@dataclass(frozen=True)
class Answers:
    """The answers of all tasks for the n boxes in a photograph, the box of the highest score first.

    Attributes
    ----------
    image
        Size and name of the photograph.
    photograph
        (height, width, 3) RGB from 0 to 255, turned as its EXIF tag says.
    boxes
        (n, 4) x0, y0, x1, y1 in pixels, before they are expanded.
    scores
        (n,) probability that the box is right; that of a given box, 1 if it has none. Results of masks have scores of
        their own, which the quality of the mask changes, and boxes that fit the mask.
    categories
        (n,) ids of the categories.
    names
        Names of the categories, n of them.
    results
        By task, for each box: COCO results, one or, for keypoints, one per hypothesis; none if the category does not
        have the task's targets.
    heat
        By task: (n, target, size, size) probabilities from 0 to 1 over the expanded boxes; 0 for targets that the
        category does not have.
    targets
        By task: names of the targets.
    expanded_boxes
        (n, 4) boxes that heat maps cover; may extend beyond the photograph.
    """

    image: Image
    photograph: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    categories: NDArray[np.int64]
    names: tuple[str, ...]
    results: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]]
    heat: Mapping[str, NDArray[np.float32]]
    targets: Mapping[str, tuple[str, ...]]
    expanded_boxes: NDArray[np.float64]

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.boxes)

    @property
    def masks(self) -> NDArray[np.bool_]:
        """(n, height, width) masks of the task segmentation; empty masks if the model does not have this task."""
        height, width = self.photograph.shape[:2]
        found = np.zeros((len(self), height, width), dtype=bool)
        for mask, results in zip(found, self.results.get("segmentation", ()), strict=False):
            mask[:] = masks.decode(results[0]["segmentation"])
        return found

    def coco_results(self, task: str) -> list[Mapping[str, Any]]:
        """COCO results of a task for all boxes."""
        return [result for of_box in self.results[task] for result in of_box]
