"""What fitting the classifiers of one cell takes and gives, whatever the solver."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from hypercolumns.grid.standardise import Standardisation
from hypercolumns.parameters import TrainParameters

SATURATED_LOGIT = 10.0
"""Logit of a classifier whose pixels are all alike, or that has none: it always or never says yes."""


@dataclass(frozen=True)
class CellFit:
    """Weights (target, channel), layers side by side, and biases (target,) of one cell's classifiers."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]


class Solver(Protocol):
    """Fits classifiers on the training pixels of one group of categories, seen through some layers."""

    @property
    def standardisation(self) -> Standardisation:
        """Standardisation of the layers, in their order."""

    def restrict(self, layer: str) -> Self:
        """The same solver, seeing the pixels through `layer` alone."""

    def fit(self, n_targets: int, cell: int, settings: TrainParameters, seed: int) -> CellFit:
        """Fit one L2-regularised logistic regression per target: mean log loss + alpha / 2 |weights|^2.

        Weights are those on standardised hypercolumns.
        """

    def layer_logits(self, cell: int, weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Split the logits of a cell's pixels into the contribution of each layer.

        Parameters
        ----------
        weights
            (target, channel) on standardised hypercolumns.

        Returns
        -------
        Contributions (pixel, target, layer) and labels (pixel, target).
        """


def constant_bias(positive: bool) -> float:
    """The bias of a classifier without weights that has seen one kind of label, or none."""
    return SATURATED_LOGIT if positive else -SATURATED_LOGIT
