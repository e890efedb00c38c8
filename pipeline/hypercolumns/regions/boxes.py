"""Boxes: float x0, y0, x1, y1 in pixels, end-exclusive; pixel (r, c) has its centre at (c + .5, r + .5)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Boxes = NDArray[np.float64]


def area(boxes: ArrayLike) -> NDArray[np.float64]:
    """Areas in square pixels of (..., 4) boxes; a box with x1 <= x0 or y1 <= y0 has none."""
    box = np.asarray(boxes, dtype=np.float64)
    return np.maximum(box[..., 2] - box[..., 0], 0) * np.maximum(box[..., 3] - box[..., 1], 0)


def iou(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of every box of `first` (n, 4) with every box of `second` (m, 4): (n, m)."""
    a = np.asarray(first, dtype=np.float64).reshape(-1, 4)
    b = np.asarray(second, dtype=np.float64).reshape(-1, 4)
    upper_left = np.maximum(a[:, None, :2], b[None, :, :2])
    lower_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    intersection = area(np.concatenate([upper_left, lower_right], axis=-1))
    union = area(a)[:, None] + area(b)[None, :] - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def expand(boxes: ArrayLike, factor: float) -> Boxes:
    """Scale (..., 4) boxes about their centres; `factor` 1.2 makes both sides 20 % longer. Paper, expanded boxes."""
    box = np.asarray(boxes, dtype=np.float64)
    centre = (box[..., :2] + box[..., 2:]) / 2
    half = (box[..., 2:] - box[..., :2]) / 2 * factor
    return np.concatenate([centre - half, centre + half], axis=-1)


def clip(boxes: ArrayLike, width: int, height: int) -> Boxes:
    """Cut (..., 4) boxes at the borders of an image of `width` x `height` pixels."""
    return np.clip(np.asarray(boxes, dtype=np.float64), 0, [width, height, width, height])


def jitter(boxes: ArrayLike, share: float, rng: np.random.Generator) -> Boxes:
    """Move every side of (n, 4) boxes by up to `share` of the box's width or height, uniformly."""
    box = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    size = np.tile(box[:, 2:] - box[:, :2], 2)
    return box + rng.uniform(-share, share, box.shape) * size


def from_coco(boxes: ArrayLike) -> Boxes:
    """COCO's x, y, width, height as x0, y0, x1, y1; shape (..., 4)."""
    box = np.asarray(boxes, dtype=np.float64)
    return np.concatenate([box[..., :2], box[..., :2] + box[..., 2:]], axis=-1)


def to_coco(boxes: ArrayLike) -> Boxes:
    """x0, y0, x1, y1 as COCO's x, y, width, height; shape (..., 4)."""
    box = np.asarray(boxes, dtype=np.float64)
    return np.concatenate([box[..., :2], box[..., 2:] - box[..., :2]], axis=-1)
