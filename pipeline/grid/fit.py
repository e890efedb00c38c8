"""What fitting the classifiers of a cell needs and gives, however it is done."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.grid.maps import Maps
from pipeline.grid.sampling import Sampling
from pipeline.grid.standardise import Standardisation
from pipeline.parameters import TrainParameters

SURE = 10.0
"""Logit of a cell whose pixels are all alike, or that has none: it always or never says yes."""


@dataclass(frozen=True)
class CellProblem:
    """All that fitting one cell's classifiers takes; goes to a worker."""

    source: Sampling | Maps
    grid: int
    cell: int
    rows: slice
    """Of the store: the group's."""
    standardisation: Standardisation
    n_targets: int
    settings: TrainParameters
    seed: int
    device: str
    """Of the exact solver: cpu or cuda."""


@dataclass(frozen=True)
class CellFit:
    """Weights (target, channel), layers side by side, and bias (target,) of one cell's classifiers."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]


class Pixels(Protocol):
    """The training pixels of one group of categories, seen through some layers, and a solver for them."""

    @property
    def standardisation(self) -> Standardisation:
        """Of the layers, in their order."""

    def only(self, layer: str) -> Self:
        """The same pixels seen through `layer` alone."""

    def fit(self, n_targets: int, cell: int, settings: TrainParameters, seed: int) -> CellFit:
        """One L2-regularised logistic regression per target: mean log loss + alpha / 2 |weights|^2.

        Weights are those on standardised hypercolumns.
        """

    def layer_logits(self, cell: int, weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Each layer's part in the logits of a cell's pixels, (pixel, target, layer), and labels (pixel, target).

        `weights` (target, channel) are on standardised hypercolumns.
        """


def constant_bias(positive: bool) -> float:
    """The bias of a classifier without weights that has seen one kind of label, or none."""
    return SURE if positive else -SURE
