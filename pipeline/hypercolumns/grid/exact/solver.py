"""Logistic regression on every pixel, without sampling and without hypercolumns: loss and gradient at map resolution.

A score is interpolation times (map times weights): weights meet a map at its own resolution, in the window that a cell
can see, and the gradient goes back the same way. All targets of a cell share one pass over its windows.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypercolumns.grid.exact.cell_data import CellData
from hypercolumns.grid.exact.lbfgs import minimise
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.exact.reader import CellReader
from hypercolumns.grid.shard_files import ShardPart
from hypercolumns.grid.solver import CellFit, constant_bias
from hypercolumns.grid.standardise import Standardisation
from hypercolumns.grid.targets import NEGATIVE, POSITIVE
from hypercolumns.parameters import TrainParameters

MAX_BYTES = 2**28
"""Bytes of windows and scores that a worker keeps; larger cells are read again in every evaluation."""

BIAS_FLATNESS = 1 / 16
"""Inverse curvature along the bias, relative to one along a weight: standardised hypercolumns have length one, in their
strongest direction about a quarter. With this and the start at the shares of the labels a fit takes half the
evaluations. Measured, ours."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExactSolver:
    """Fits classifiers on every pixel; see `Solver`."""

    files: MapFiles
    grid: int
    rows: slice
    """Rows of the store that belong to the group."""
    standardisation: Standardisation
    device: torch.device

    @property
    def parts(self) -> list[ShardPart]:
        """Where the regions of the group lie."""
        return self.files.parts(self.rows)

    def restrict(self, layer: str) -> "ExactSolver":
        """See `Solver.restrict`."""
        return replace(self, standardisation=self.standardisation.restrict(layer))

    def fit(self, n_targets: int, cell: int, settings: TrainParameters, seed: int) -> CellFit:
        """Run L-BFGS until no entry of the gradient exceeds `settings.tolerance`.

        The objective is that of scikit-learn's `LogisticRegression` with C = 1 / (alpha * pixels). Ours.
        """
        del seed  # nothing is drawn
        weights, bias = np.zeros((n_targets, self.standardisation.channels)), np.zeros(n_targets)
        reader = self._reader(cell)
        by_part = np.stack([_count_labels(reader.labels(part)) for part in self.parts])
        counts: NDArray[np.int64] = by_part.sum(axis=0)
        bias[:] = [constant_bias(bool(positive)) for _, positive in counts]
        mixed = np.flatnonzero((counts > 0).all(axis=1))
        if len(mixed):
            portions = self._portions(reader, mixed, by_part[:, mixed].sum(axis=2) > 0)
            found, solved = self._minimise(portions, counts[mixed], settings)
            weights[mixed], bias[mixed] = found[:, :-1], found[:, -1]
            if not solved.all():
                names = ", ".join(str(target) for target in mixed[~solved])
                logger.warning(
                    f"train.tolerance of {settings.tolerance:g} was not reached in cell {cell} of K = {self.grid} for "
                    f"targets {names}: it is finer than float32, or train.alpha ({settings.alpha:g}) too small."
                )
        return CellFit(weights, bias)

    def layer_logits(self, cell: int, weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """See `Solver.layer_logits`."""
        reader, targets = self._reader(cell), np.arange(len(weights))
        by_layer = []
        for first, last in pairwise(self.standardisation.edges):
            alone = torch.zeros(weights.shape, device=self.device)
            alone[:, first:last] = torch.from_numpy(weights[:, first:last])
            by_layer.append(alone)
        logits, labels = [], []
        for part in self.parts:
            data = reader.load([part], targets)
            scores = torch.stack([data.scores(alone) for alone in by_layer], dim=3)
            logits.append(scores.flatten(1, 2).transpose(0, 1).cpu().numpy())
            labels.append(reader.labels(part).reshape(len(weights), -1).T)
        return np.concatenate(logits), np.concatenate(labels)

    def _portions(self, reader: CellReader, targets: NDArray[np.int64], known: NDArray[np.bool_]) -> "list[_Portion]":
        """Divide all parts into portions, neighbours that know the same `targets` together; kept in memory if they fit.

        `known` (part, target) says which targets any label of a part tells about.
        """
        portions = []
        for _, neighbours in groupby(range(len(self.parts)), key=lambda part: known[part].tolist()):
            first, *rest = neighbours
            problems = np.flatnonzero(known[first])
            if len(problems):
                parts = self.parts[first : first + 1 + len(rest)]
                portions += [
                    _Portion(reader, some, targets[problems], torch.from_numpy(problems).to(self.device))
                    for some in reader.divide(parts, len(problems), MAX_BYTES)
                ]
        if sum(reader.n_bytes(portion.parts, len(portion.targets)) for portion in portions) <= MAX_BYTES:
            return [replace(portion, kept=portion.load()) for portion in portions]
        return portions

    def _minimise(
        self, portions: "list[_Portion]", counts: NDArray[np.int64], settings: TrainParameters
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Weights and, last, the bias of targets that have both kinds of labels, and whether the tolerance is met."""
        n_pixels = torch.from_numpy(counts.sum(axis=1).astype(np.float64)).to(self.device)

        def evaluate(at: Tensor, problems: Tensor) -> tuple[Tensor, Tensor]:
            loss, gradient = torch.zeros_like(at[:, 0]), torch.zeros_like(at)
            weights, bias = at[:, :-1].float(), at[:, -1].float()
            for portion in portions:
                here, there = portion.find(problems)
                if not len(here):
                    continue
                losses, slopes = portion.load().select(there).loss_and_gradient(weights[here], bias[here])
                loss[here] += losses
                gradient[here] += slopes
            penalty = settings.alpha * at
            penalty[:, -1] = 0
            count = n_pixels[problems]
            return loss / count + (penalty * at).sum(dim=1) / 2, gradient / count[:, None] + penalty

        channels = self.standardisation.channels
        start = torch.zeros((len(counts), channels + 1), dtype=torch.float64, device=self.device)
        # Before it sees any feature, a classifier says how often its target is there.
        start[:, -1] = torch.from_numpy(np.log(counts[:, 1] / counts[:, 0]))
        flatness = torch.ones_like(start[0])
        flatness[-1] = BIAS_FLATNESS
        found, solved = minimise(evaluate, start, settings.tolerance, flatness=flatness)
        return found.cpu().numpy(), solved.cpu().numpy()

    def _reader(self, cell: int) -> CellReader:
        return CellReader(self.files, self.grid, cell, self.standardisation, self.device)


@dataclass(frozen=True)
class _Portion:
    """Parts that are read together, and the targets that any of their labels tells about."""

    reader: CellReader
    parts: Sequence[ShardPart]
    targets: NDArray[np.int64]
    problems: Tensor
    """(target,) ascending: the place of each target among the problems that are solved."""
    kept: CellData | None = None

    def load(self) -> CellData:
        """The data, read again in every evaluation unless it is kept."""
        return self.reader.load(self.parts, self.targets) if self.kept is None else self.kept

    def find(self, problems: Tensor) -> tuple[Tensor, Tensor]:
        """Positions among `problems`, ascending, of this portion's targets, and positions of these among its targets."""
        here = torch.isin(problems, self.problems).nonzero()[:, 0]
        return here, torch.searchsorted(self.problems, problems[here])


def _count_labels(labels: NDArray[np.int8]) -> NDArray[np.int64]:
    """Negative and positive pixels (target, 2) of labels (target, pixel, region)."""
    return np.stack([(labels == value).sum(axis=(1, 2)) for value in (NEGATIVE, POSITIVE)], axis=1)
