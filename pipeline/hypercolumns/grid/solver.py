"""The interface that both solvers share: fitting the classifiers of one cell."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from hypercolumns.grid.standardise import Standardisation
from hypercolumns.parameters import TrainParameters

SATURATED_LOGIT = 10.0
"""Magnitude of the logit of a classifier whose labels are all alike or all ignored: its answer is always the same."""


@dataclass(frozen=True)
class CellFit:
    """The classifiers of one cell."""

    weights: NDArray[np.float64]
    """(target, channel), layers side by side."""
    bias: NDArray[np.float64]
    """(target,)"""


class Solver(Protocol):
    """Fits classifiers on the training pixels of one group of categories, described by the channels of some layers."""

    @property
    def standardisation(self) -> Standardisation:
        """Standardisation of the layers, in the order of their channels in a hypercolumn."""

    def restrict(self, layer: str) -> Self:
        """The same solver with `layer` as its only layer."""

    def fit(self, n_targets: int, cell: int, settings: TrainParameters, seed: int) -> CellFit:
        """Fit one L2-regularised logistic regression per target: mean log loss + alpha / 2 |weights|^2.

        Parameters
        ----------
        n_targets
            Number of targets in the labels.
        cell
            Number of the cell, row by row.
        settings
            `alpha` and the options of the solver.
        seed
            Seed of whatever the solver draws.

        Returns
        -------
        Weights and biases that apply to standardised hypercolumns.
        """

    def layer_logits(self, cell: int, weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Logits of the training pixels of a cell, split into the contributions of the layers.

        Parameters
        ----------
        weights
            (target, channel) that apply to standardised hypercolumns.

        Returns
        -------
        Contributions (pixel, target, layer) and labels (pixel, target).
        """


def constant_bias(positive: bool) -> float:
    """Bias of a classifier without weights: saturated, positive if it has positive labels only, else negative.

    Examples
    --------
    >>> constant_bias(positive=False)
    -10.0
    """
    return SATURATED_LOGIT if positive else -SATURATED_LOGIT
