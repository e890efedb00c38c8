"""Linear classifiers of regions: one per category and one for the background, with probabilities that sum to one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax


@dataclass(frozen=True)
class LinearClassifiers:
    """Weights (dimensions, categories + 1) and biases (categories + 1,); the last column is the background."""

    weights: NDArray[np.float32]
    biases: NDArray[np.float32]

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, categories) probabilities; what is missing to one belongs to the background."""
        return softmax((features @ self.weights + self.biases).astype(np.float64), axis=1)[:, :-1]


def fit(
    features: NDArray[np.float32],
    labels: NDArray[np.intp],
    categories: int,
    penalty: float,
    iterations: int,
    start: LinearClassifiers | None = None,
) -> LinearClassifiers:
    """Multinomial logistic regression with an L2 penalty on standardised features, by L-BFGS.

    Minimises mean cross entropy + penalty * sum of squared weights; mean and scale are folded into the result.

    Parameters
    ----------
    features
        (n, dimensions)
    labels
        (n,) 0 .. categories - 1, or `categories` for the background.
    penalty, iterations
        Of the optimisation, which starts at `start`, or at zero.
    """
    mean = features.mean(axis=0)
    scale = features.std(axis=0)
    scale[scale < np.finfo(np.float32).eps] = 1
    standard = features - mean
    standard /= scale
    truth = np.zeros((len(labels), categories + 1), dtype=np.float32)
    truth[np.arange(len(labels)), labels] = 1
    shape = (features.shape[1] + 1, categories + 1)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(shape)
        small = weights.astype(np.float32)
        logs = log_softmax(standard @ small[:-1] + small[-1], axis=1)
        error = (np.exp(logs) - truth) / len(truth)
        gradient = np.empty(shape)
        gradient[:-1] = standard.T @ error + 2 * penalty * weights[:-1]
        gradient[-1] = error.sum(axis=0)
        value = -float((logs * truth).sum(dtype=np.float64)) / len(truth) + penalty * float((weights[:-1] ** 2).sum())
        return value, gradient.ravel()

    first = np.zeros(shape)
    if start is not None:
        first[:-1] = start.weights * scale[:, None]
        first[-1] = start.biases + mean @ start.weights
    found = minimize(loss, first.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": iterations}).x.reshape(shape)
    weights = found[:-1] / scale[:, None]
    return LinearClassifiers(weights.astype(np.float32), (found[-1] - mean @ weights).astype(np.float32))
