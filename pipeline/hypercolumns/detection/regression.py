"""Bounding-box regression: moves a candidate, given its features, to the box of the object it covers (R-CNN)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from hypercolumns.regions.boxes import Boxes

MAX_LOG_SCALE = np.log(2.0)
"""A side at most doubles or halves, since a linear prediction is unbounded. Ours."""


@dataclass(frozen=True)
class BoxRegressor:
    """Linear prediction of moves (see `encode_moves`) from features; one for all categories."""

    weights: NDArray[np.float32]
    """(dimensions, 4)"""
    biases: NDArray[np.float32]
    """(4,)"""

    def refine(self, boxes: Boxes, features: NDArray[np.float32]) -> Boxes:
        """Move the boxes (n, 4) as their features (n, dimensions) predict."""
        return apply_moves(boxes, features @ self.weights + self.biases)


def encode_moves(boxes: Boxes, objects: Boxes) -> NDArray[np.float64]:
    """Moves that turn `boxes` into `objects`, (n, 4) each. R-CNN (Girshick et al., 2014), appendix C.

    Returns
    -------
    (n, 4) shifts of the centre in widths and heights of the box, then logarithms of the scales of both sides.

    Examples
    --------
    >>> encode_moves(np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 0, 15, 10]])).tolist()
    [[0.5, 0.0, 0.0, 0.0]]
    """
    centre, size = _centre_and_size(boxes)
    object_centre, object_size = _centre_and_size(objects)
    return np.concatenate([(object_centre - centre) / size, np.log(object_size / size)], axis=1)


def apply_moves(boxes: Boxes, moves: NDArray[np.floating]) -> Boxes:
    """Move boxes (n, 4); the inverse of `encode_moves`, except that scales are bounded by `MAX_LOG_SCALE`.

    Examples
    --------
    >>> apply_moves(np.array([[0.0, 0, 10, 10]]), np.array([[0.5, 0, 0, 0]])).tolist()
    [[5.0, 0.0, 15.0, 10.0]]
    """
    centre, size = _centre_and_size(boxes)
    centre = centre + moves[:, :2] * size
    half = size * np.exp(np.clip(moves[:, 2:], -MAX_LOG_SCALE, MAX_LOG_SCALE)) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def fit_regressor(features: NDArray[np.float32], moves: NDArray[np.float64], penalty: float) -> BoxRegressor:
    """Ridge regression of moves (n, 4) on standardised features (n, dimensions).

    Minimises the mean squared error + penalty * sum of squared weights; mean and scale are folded into the result.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale < np.finfo(np.float32).eps] = 1
    standardised = (features - mean) / scale
    centre = moves.mean(axis=0)
    if len(features) < features.shape[1]:  # fewer examples than dimensions: the dual problem is smaller
        kernel = (standardised @ standardised.T).astype(np.float64) + penalty * len(features) * np.eye(len(features))
        solution = standardised.T @ solve(kernel, moves - centre, assume_a="pos")
    else:
        gram = (standardised.T @ standardised).astype(np.float64) + penalty * len(features) * np.eye(features.shape[1])
        solution = solve(gram, standardised.T @ (moves - centre), assume_a="pos")
    weights = solution / scale[:, None]
    return BoxRegressor(weights.astype(np.float32), (centre - mean @ weights).astype(np.float32))


def _centre_and_size(boxes: Boxes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
