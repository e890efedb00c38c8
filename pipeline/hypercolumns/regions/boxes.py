"""Boxes: float x0, y0, x1, y1 in pixels, end-exclusive; pixel (r, c) has its centre at (c + .5, r + .5)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Boxes = NDArray[np.float64]


def area(boxes: ArrayLike) -> NDArray[np.float64]:
    """Areas of (..., 4) boxes in square pixels; zero for boxes with x1 <= x0 or y1 <= y0.

    Examples
    --------
    >>> area([[0, 0, 4, 5], [3, 3, 3, 9]])
    array([20.,  0.])
    """
    box = np.asarray(boxes, dtype=np.float64)
    return np.maximum(box[..., 2] - box[..., 0], 0) * np.maximum(box[..., 3] - box[..., 1], 0)


def iou(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of every box of `first` (n, 4) with every box of `second` (m, 4), as (n, m).

    Two empty boxes have an IoU of zero.

    Examples
    --------
    >>> iou([[0, 0, 10, 10]], [[0, 0, 10, 5], [20, 20, 30, 30]])
    array([[0.5, 0. ]])
    """
    a = np.asarray(first, dtype=np.float64).reshape(-1, 4)
    b = np.asarray(second, dtype=np.float64).reshape(-1, 4)
    upper_left = np.maximum(a[:, None, :2], b[None, :, :2])
    lower_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    intersection = area(np.concatenate([upper_left, lower_right], axis=-1))
    union = area(a)[:, None] + area(b)[None, :] - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def expand(boxes: ArrayLike, factor: float) -> Boxes:
    """Scale (..., 4) boxes about their centres by `factor`: 1.2 makes both sides 20 % longer.

    Notes
    -----
    Paper, expanded boxes.

    Examples
    --------
    >>> expand([10, 20, 20, 60], 1.5)
    array([ 7.5, 10. , 22.5, 70. ])
    """
    box = np.asarray(boxes, dtype=np.float64)
    centre = (box[..., :2] + box[..., 2:]) / 2
    half = (box[..., 2:] - box[..., :2]) / 2 * factor
    return np.concatenate([centre - half, centre + half], axis=-1)


def clip(boxes: ArrayLike, width: int, height: int) -> Boxes:
    """Clip (..., 4) boxes to an image of `width` x `height` pixels.

    Examples
    --------
    >>> clip([-3, 4, 50, 60], width=40, height=30)
    array([ 0.,  4., 40., 30.])
    """
    return np.clip(np.asarray(boxes, dtype=np.float64), 0, [width, height, width, height])


def is_far_outside(coordinates: Sequence[float], width: int, height: int) -> bool:
    """Tell whether coordinates lie more than ten image sizes away or are infinite.

    Such boxes and polygons are errors, and pixels for all of them may not fit in memory.

    Examples
    --------
    >>> is_far_outside([-3, 4, 50, 60], width=40, height=30), is_far_outside([0, 0, 1e9, 5], width=40, height=30)
    (False, True)
    """
    reach = 10 * max(width, height)
    return not (min(coordinates) >= -reach and max(coordinates) <= reach)


def jitter(boxes: ArrayLike, share: float, rng: np.random.Generator) -> Boxes:
    """Move every side of (n, 4) boxes by a uniformly random distance of up to `share` of the width or height."""
    box = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    size = np.tile(box[:, 2:] - box[:, :2], 2)
    return box + rng.uniform(-share, share, box.shape) * size


def from_coco(boxes: ArrayLike) -> Boxes:
    """Convert COCO's x, y, width, height to x0, y0, x1, y1; shape (..., 4).

    Examples
    --------
    >>> from_coco([1, 2, 3, 6])
    array([1., 2., 4., 8.])
    """
    box = np.asarray(boxes, dtype=np.float64)
    return np.concatenate([box[..., :2], box[..., :2] + box[..., 2:]], axis=-1)


def to_coco(boxes: ArrayLike) -> Boxes:
    """Convert x0, y0, x1, y1 to COCO's x, y, width, height; shape (..., 4).

    Examples
    --------
    >>> to_coco([1, 2, 4, 8])
    array([1., 2., 3., 6.])
    """
    box = np.asarray(boxes, dtype=np.float64)
    return np.concatenate([box[..., :2], box[..., 2:] - box[..., :2]], axis=-1)
