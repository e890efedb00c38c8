"""Linear models of regions: classifiers that tell the categories apart, and a regressor that refines boxes (R-CNN)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.detection.slices import in_slices
from hypercolumns.regions.boxes import Boxes

ROWS_PER_SLICE = 256
"""Examples whose gradient is computed at a time; with thousands of dimensions they fit into a core's cache. Ours."""

COLUMNS_PER_SLICE = 512
"""Columns of a Gram matrix that are computed at a time. Ours."""

MAX_LOG_SCALE = np.log(2.0)
"""A side at most doubles or halves, since a linear prediction is unbounded. Ours."""


@dataclass(frozen=True)
class LinearModel:
    """A linear function of features."""

    weights: NDArray[np.float32]
    """(dimensions, outputs)"""
    biases: NDArray[np.float32]
    """(outputs,)"""

    def outputs(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs (n, outputs) for features (n, dimensions)."""
        return features @ self.weights + self.biases


class LinearClassifiers(LinearModel):
    """Softmax classifiers with one output per category and a last one for the background."""

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (n, categories) of features (n, dimensions); the background has the rest to one."""
        from scipy.special import softmax  # slow to import

        return softmax(self.outputs(features).astype(np.float64), axis=1)[:, :-1]


class BoxRegressor(LinearModel):
    """Linear prediction of the four moves of a box (see `encode_moves`); one for all categories."""

    def refine(self, boxes: Boxes, features: NDArray[np.float32]) -> Boxes:
        """Move the boxes (n, 4) as their features (n, dimensions) predict."""
        return apply_moves(boxes, self.outputs(features))


def fit_classifiers(
    features: NDArray[np.float32],
    labels: NDArray[np.intp],
    categories: int,
    *,
    penalty: float,
    iterations: int,
    start: LinearClassifiers | None = None,
) -> LinearClassifiers:
    """Fit multinomial logistic regression with an L2 penalty on standardised features, by L-BFGS.

    Minimises the mean cross entropy + penalty * sum of squared weights; mean and scale are folded into the result.

    Parameters
    ----------
    features
        (n, dimensions)
    labels
        (n,) 0 .. categories - 1, or `categories` for the background.
    categories
        Number of categories.
    penalty
        Weight of the L2 penalty; biases are not penalised.
    iterations
        Maximum number of L-BFGS iterations.
    start
        Where the optimisation starts; None: at zero.
    """
    from scipy.optimize import minimize  # imported here, as in `fit_regressor`, since applying a detector does without

    mean, scale = _moments(features)
    shape = (features.shape[1] + 1, categories + 1)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(shape)
        # Standardisation moves to the weights and the gradient: a standardised copy of the features takes their memory.
        raw = weights[:-1] / scale[:, None]
        single, bias = raw.astype(np.float32), (weights[-1] - mean @ raw).astype(np.float32)

        def slice_loss(rows: slice) -> tuple[float, NDArray[np.float32], NDArray[np.float32]]:
            logs = _log_softmax(features[rows] @ single + bias)
            error, truth = np.exp(logs), (np.arange(len(logs)), labels[rows])
            error[truth] -= 1
            # The narrow factor comes first: its transpose would take twice as long.
            return (
                float(logs[truth].sum(dtype=np.float64)),
                np.ascontiguousarray(error.T) @ features[rows],
                error.sum(0),
            )

        value, by_weight, by_bias = 0.0, np.zeros(raw.T.shape), np.zeros(shape[1])
        for slice_value, slice_by_weight, slice_by_bias in in_slices(slice_loss, len(labels), ROWS_PER_SLICE):
            value -= slice_value
            by_weight += slice_by_weight
            by_bias += slice_by_bias
        gradient = np.empty(shape)
        gradient[:-1] = (by_weight.T - np.outer(mean, by_bias)) / scale[:, None] / len(labels)
        gradient[:-1] += 2 * penalty * weights[:-1]
        gradient[-1] = by_bias / len(labels)
        return value / len(labels) + penalty * float((weights[:-1] ** 2).sum()), gradient.ravel()

    initial = np.zeros(shape)
    if start is not None:
        initial[:-1] = start.weights * scale[:, None]
        initial[-1] = start.biases + mean @ start.weights
    solution = minimize(loss, initial.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": iterations})
    minimum = solution.x.reshape(shape)
    weights = minimum[:-1] / scale[:, None]
    return LinearClassifiers(weights.astype(np.float32), (minimum[-1] - mean @ weights).astype(np.float32))


def _log_softmax(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithms of the softmax of each row; SciPy's takes longer than the rest of a slice."""
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


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
    from scipy.linalg import solve

    mean, scale = _moments(features)
    standardised = features - mean.astype(np.float32)
    standardised /= scale.astype(np.float32)  # in place, since the features are large
    centre = moves.mean(axis=0)
    targets = (moves - centre).astype(np.float32)  # a product with float64 would copy the features as float64
    ridge = penalty * len(features) * np.eye(min(features.shape))
    if len(features) < features.shape[1]:  # fewer examples than dimensions: the dual problem is smaller
        kernel = _upper_gram(standardised.T) + ridge
        solution = standardised.T @ solve(kernel, targets, assume_a="pos")
    else:
        gram = _upper_gram(standardised) + ridge
        solution = solve(gram, standardised.T @ targets, assume_a="pos")
    weights = solution / scale[:, None]
    return BoxRegressor(weights.astype(np.float32), (centre - mean @ weights).astype(np.float32))


def _upper_gram(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Products (m, m) of all pairs of columns of values (n, m); below the diagonal some are zero instead.

    A solver of positive definite systems reads only one triangle.
    """
    gram = np.zeros((values.shape[1],) * 2)

    def fill(columns: slice) -> None:
        gram[: columns.stop, columns] = values[:, : columns.stop].T @ values[:, columns]

    for _ in in_slices(fill, len(gram), COLUMNS_PER_SLICE):
        pass
    return gram


def _moments(features: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation (dimensions,) of features (n, dimensions); the deviation is 1 where it is zero."""
    total, squares = np.zeros(features.shape[1]), np.zeros(features.shape[1])

    def sums(rows: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        values = features[rows] - features[0]  # so that a constant has no deviation
        return values.sum(axis=0), np.einsum("ij,ij->j", values, values)

    for of_slice, squares_of_slice in in_slices(sums, len(features), ROWS_PER_SLICE):
        total += of_slice
        squares += squares_of_slice
    shift = total / len(features)
    scale = np.sqrt(np.maximum(squares / len(features) - shift**2, 0))
    scale[scale < np.finfo(np.float32).eps] = 1
    return features[0] + shift, scale


def _centre_and_size(boxes: Boxes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
