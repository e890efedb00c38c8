"""Bounding-box regression: from the features of a candidate to the box of the object that it covers (R-CNN)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from hypercolumns.regions.boxes import Boxes

_LARGEST = np.log(2.0)  # a side at most doubles or halves; a linear prediction has no bounds of its own


@dataclass(frozen=True)
class BoxRegressor:
    """Weights (dimensions, 4) and biases (4,) of the moves that `moves` defines; one for all categories."""

    weights: NDArray[np.float32]
    biases: NDArray[np.float32]

    def refine(self, boxes: Boxes, features: NDArray[np.float32]) -> Boxes:
        """The (n, 4) boxes moved by what their features tell."""
        return move(boxes, features @ self.weights + self.biases)


def moves(boxes: Boxes, targets: Boxes) -> NDArray[np.float64]:
    """What turns `boxes` into `targets`: (n, 4) shifts of the centre in widths and heights, logarithms of the scales.

    Source: R-CNN (Girshick et al., 2014), appendix C.
    """
    centre, size = _centre_and_size(boxes)
    wanted_centre, wanted_size = _centre_and_size(targets)
    return np.concatenate([(wanted_centre - centre) / size, np.log(wanted_size / size)], axis=1)


def move(boxes: Boxes, by: NDArray[np.floating]) -> Boxes:
    """The inverse of `moves`: boxes moved by (n, 4) shifts and logarithms of scales, the latter bounded."""
    centre, size = _centre_and_size(boxes)
    centre = centre + by[:, :2] * size
    half = size * np.exp(np.clip(by[:, 2:], -_LARGEST, _LARGEST)) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def fit_regressor(features: NDArray[np.float32], by: NDArray[np.float64], penalty: float) -> BoxRegressor:
    """Ridge regression of the moves `by` (n, 4) on the standardised features (n, dimensions).

    Minimises the mean squared error + penalty * sum of squared weights.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale < np.finfo(np.float32).eps] = 1
    standard = (features - mean) / scale
    centre = by.mean(axis=0)
    if len(features) < features.shape[1]:  # fewer examples than dimensions: the dual problem is the smaller one
        kernel = (standard @ standard.T).astype(np.float64) + penalty * len(features) * np.eye(len(features))
        found = standard.T @ solve(kernel, by - centre, assume_a="pos")
    else:
        gram = (standard.T @ standard).astype(np.float64) + penalty * len(features) * np.eye(features.shape[1])
        found = solve(gram, standard.T @ (by - centre), assume_a="pos")
    weights = found / scale[:, None]
    return BoxRegressor(weights.astype(np.float32), (centre - mean @ weights).astype(np.float32))


def _centre_and_size(boxes: Boxes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
