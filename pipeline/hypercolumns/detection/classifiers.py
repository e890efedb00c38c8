"""Linear classifiers of regions: softmax over the categories and the background."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax


@dataclass(frozen=True)
class LinearClassifiers:
    """Softmax classifiers; the last column is the background."""

    weights: NDArray[np.float32]
    """(dimensions, categories + 1)"""
    biases: NDArray[np.float32]
    """(categories + 1,)"""

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (n, categories) of features (n, dimensions); the background has the rest to one."""
        return softmax((features @ self.weights + self.biases).astype(np.float64), axis=1)[:, :-1]


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
    mean = features.mean(axis=0)
    scale = features.std(axis=0)
    scale[scale < np.finfo(np.float32).eps] = 1
    standardised = features - mean  # and divided in place, since the features are large
    standardised /= scale
    truth = np.zeros((len(labels), categories + 1), dtype=np.float32)
    truth[np.arange(len(labels)), labels] = 1
    shape = (features.shape[1] + 1, categories + 1)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(shape)
        single = weights.astype(np.float32)
        logs = log_softmax(standardised @ single[:-1] + single[-1], axis=1)
        error = (np.exp(logs) - truth) / len(truth)
        gradient = np.empty(shape)
        gradient[:-1] = standardised.T @ error + 2 * penalty * weights[:-1]
        gradient[-1] = error.sum(axis=0)
        value = -float((logs * truth).sum(dtype=np.float64)) / len(truth) + penalty * float((weights[:-1] ** 2).sum())
        return value, gradient.ravel()

    initial = np.zeros(shape)
    if start is not None:
        initial[:-1] = start.weights * scale[:, None]
        initial[-1] = start.biases + mean @ start.weights
    solution = minimize(loss, initial.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": iterations})
    minimum = solution.x.reshape(shape)
    weights = minimum[:-1] / scale[:, None]
    return LinearClassifiers(weights.astype(np.float32), (minimum[-1] - mean @ weights).astype(np.float32))
