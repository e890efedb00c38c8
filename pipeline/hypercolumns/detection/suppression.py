"""Greedy non-maximum suppression of boxes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypercolumns.regions.boxes import iou


def suppress(boxes: ArrayLike, scores: ArrayLike, overlap: float, limit: int | None = None) -> NDArray[np.intp]:
    """Rows of the boxes that stay, best first.

    A box goes when its IoU with a better box that stays exceeds `overlap`. Among equal scores the earlier row is the
    better one. At most `limit` boxes stay.
    """
    box = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    waiting = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    kept: list[np.intp] = []
    while len(waiting) and (limit is None or len(kept) < limit):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        waiting = waiting[iou(box[best], box[waiting])[0] <= overlap]
    return np.array(kept, dtype=np.intp)
