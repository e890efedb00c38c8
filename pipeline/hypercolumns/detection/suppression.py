"""Greedy non-maximum suppression of boxes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypercolumns.regions.boxes import iou


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
