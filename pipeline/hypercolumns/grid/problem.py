"""Fitting the classifiers of one cell: the problem that is sent to a worker, and the interface of its solvers."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from hypercolumns.grid.shard_files import ShardFiles, ShardPart
from hypercolumns.grid.standardise import Standardisation
from hypercolumns.parameters import TrainParameters

SATURATED_LOGIT = 10.0
"""Magnitude of the logit of a classifier whose labels are all alike or all ignored: its answer is always the same."""

Files = TypeVar("Files", bound=ShardFiles)


@dataclass(frozen=True, kw_only=True)
class CellProblem(Generic[Files]):
    """Everything needed to fit the classifiers of one cell: one L2-regularised logistic regression per target.

    Each minimises mean log loss + penalty / 2 |weights - origin|^2 over the training pixels of one group of categories;
    without an origin the penalty is alpha.
    """

    files: Files
    """Samples for the SGD solver, or maps for the exact one."""
    grid: int
    """Cells per side."""
    cell: int
    """Number of the cell, row by row."""
    rows: slice
    """Rows of the store that belong to the group of categories."""
    standardisation: Standardisation
    """Standardisation of the layers, in the order of their channels in a hypercolumn."""
    n_targets: int
    """Number of targets in the labels."""
    settings: TrainParameters
    """`alpha` and the options of the solver."""
    seed: int
    """Seed of whatever the solver draws."""
    device: str
    """Device of the exact solver: cpu or cuda."""
    origin: "CellFit | None" = None
    """Classifiers of standardised hypercolumns near which those of a category stay, by `settings.adaptation` over the
    category's share of the regions; None: near zero, by `settings.alpha`."""

    @property
    def parts(self) -> list[ShardPart]:
        """The parts of shards that hold the regions of the group."""
        return self.files.parts(self.rows)


@dataclass(frozen=True)
class CellFit:
    """The classifiers of one cell."""

    weights: NDArray[np.float64]
    """(target, channel), layers side by side."""
    bias: NDArray[np.float64]
    """(target,)"""


@dataclass(frozen=True)
class Solver(ABC, Generic[Files]):
    """Fits the classifiers of one cell, on all layers jointly."""

    problem: CellProblem[Files]

    def restrict(self, layer: str) -> Self:
        """The same solver with `layer` as its only layer."""
        standardisation = self.problem.standardisation.restrict(layer)
        return replace(self, problem=replace(self.problem, standardisation=standardisation))

    @abstractmethod
    def fit(self) -> CellFit:
        """Fit the classifiers; their weights and biases apply to standardised hypercolumns."""

    @abstractmethod
    def layer_logits(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Logits of the training pixels, split into the contributions of the layers.

        Parameters
        ----------
        weights
            (target, channel) that apply to standardised hypercolumns.

        Returns
        -------
        Contributions (pixel, target, layer) and labels (pixel, target).
        """


def constant_bias(positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Biases of classifiers without weights: saturated, positive for those that have positive labels only.

    Examples
    --------
    >>> constant_bias(np.array([True, False])).tolist()
    [10.0, -10.0]
    """
    return np.where(positive, SATURATED_LOGIT, -SATURATED_LOGIT)
