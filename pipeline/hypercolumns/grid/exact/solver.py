"""Logistic regression on every pixel, without sampling or building hypercolumns: loss and gradient at map resolution.

Interpolation is linear, so the score of a pixel is the interpolation of (map times weights). Weights are applied to the
window of a cell at the resolution of the map, and the gradient goes back the same way. All targets of a cell share one
pass over its windows.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from operator import itemgetter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypercolumns.grid.exact.cell_data import CellData
from hypercolumns.grid.exact.lbfgs import minimise
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.exact.reader import CellReader
from hypercolumns.grid.problem import CellFit, Solver, constant_bias
from hypercolumns.grid.shard_files import ShardPart
from hypercolumns.grid.targets import NEGATIVE, POSITIVE

MAX_BYTES = 2**28
"""Bytes of windows and scores that a worker keeps; the data of a larger cell are read again in every evaluation."""

BIAS_INVERSE_CURVATURE = 1 / 16
"""Inverse curvature along the bias, relative to a weight: the root mean square of standardised hypercolumns is about a
quarter in their strongest direction, that of the bias's constant input is one. With this, and biases that start at the
log odds of the labels, a fit takes half the evaluations. Measured, ours."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExactSolver(Solver[MapFiles]):
    """Fits classifiers on every pixel; see `Solver`."""

    def fit(self) -> CellFit:
        """Run L-BFGS until no entry of the gradient exceeds `settings.tolerance`.

        The objective is that of scikit-learn's `LogisticRegression` with C = 1 / (penalty * pixels), where the weights
        that are penalised are the difference from `problem.origin` if there is one. Ours. A target whose labels are
        all alike gets a saturated bias, or with an origin stays there. The seed is not used, since nothing is drawn.
        See `Solver.fit`.
        """
        problem, settings = self.problem, self.problem.settings
        part_counts = np.stack([_count_labels(self._reader.labels(part)) for part in problem.parts])
        counts: NDArray[np.int64] = part_counts.sum(axis=0)
        if problem.origin is None:
            weights, bias = np.zeros((len(counts), problem.standardisation.channels)), constant_bias(counts[:, 1] > 0)
        else:
            weights, bias = problem.origin.weights.copy(), problem.origin.bias.copy()
        mixed = np.flatnonzero((counts > 0).all(axis=1))
        if len(mixed):
            portions = self._portions(mixed, part_counts[:, mixed].sum(axis=2) > 0)
            minima, solved = self._minimise(portions, counts[mixed], mixed)
            weights[mixed], bias[mixed] = minima[:, :-1], minima[:, -1]
            if not solved.all():
                targets = ", ".join(str(target) for target in mixed[~solved])
                penalty = "alpha" if problem.origin is None else "adaptation"
                logger.warning(
                    f"train.tolerance of {settings.tolerance:g} was not reached in cell {problem.cell} of K = "
                    f"{problem.grid} for targets {targets}: it is finer than float32 allows, or train.{penalty} "
                    f"({getattr(settings, penalty):g}) is too small."
                )
        return CellFit(weights, bias)

    def layer_logits(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """See `Solver.layer_logits`."""
        layer_weights = []
        for channels in self.problem.standardisation.slices.values():
            masked = torch.zeros(weights.shape, device=self.problem.device)
            masked[:, channels] = torch.from_numpy(weights[:, channels])
            layer_weights.append(masked)
        logits, labels = [], []
        for part in self.problem.parts:
            data = self._reader.load([part], np.arange(len(weights)))
            scores = torch.stack([data.scores(masked) for masked in layer_weights], dim=3)
            logits.append(scores.flatten(1, 2).transpose(0, 1).cpu().numpy())
            labels.append(self._reader.labels(part).reshape(len(weights), -1).T)
        return np.concatenate(logits), np.concatenate(labels)

    @cached_property
    def _reader(self) -> CellReader:
        return CellReader(self.problem)

    def _portions(self, targets: NDArray[np.int64], known: NDArray[np.bool_]) -> "list[_Portion]":
        """Divide all parts into portions, each of neighbours that have labels for the same targets.

        Portions keep their data in memory if all of them fit.

        Parameters
        ----------
        targets
            (n,) indices of the targets that are fitted.
        known
            (part, n) whether a part has labels for each of them.
        """
        portions = []
        for known_targets, neighbours in groupby(zip(self.problem.parts, known.tolist(), strict=True), itemgetter(1)):
            problems = np.flatnonzero(known_targets)
            if len(problems):
                indices = torch.from_numpy(problems).to(self.problem.device)
                parts = [part for part, _ in neighbours]
                runs = self._reader.divide(parts, len(problems), MAX_BYTES)
                portions += [_Portion(self._reader, run, targets[problems], indices) for run in runs]
        if sum(self._reader.n_bytes(portion.parts, len(portion.targets)) for portion in portions) <= MAX_BYTES:
            return [replace(portion, kept=portion.load()) for portion in portions]
        return portions

    @property
    def _penalty(self) -> float:
        """Penalty beside the mean loss. The fewer regions a category has, the nearer it stays to the shared grid."""
        problem, settings = self.problem, self.problem.settings
        if problem.origin is None:
            return settings.alpha
        return settings.adaptation * problem.files.n_regions / (problem.rows.stop - problem.rows.start)

    def _minimise(
        self, portions: "list[_Portion]", counts: NDArray[np.int64], targets: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Weights with the bias last (target, channel + 1), and whether each target reached the tolerance (target,).

        `counts` (target, 2) are the numbers of negative and positive pixels of `targets` (target,), none of them zero.
        """
        origin = self.problem.origin
        n_pixels = torch.from_numpy(counts.sum(axis=1).astype(np.float64)).to(self.problem.device)

        def evaluate(points: Tensor, problems: Tensor) -> tuple[Tensor, Tensor]:
            loss, gradient = torch.zeros_like(points[:, 0]), torch.zeros_like(points)
            classifiers = (points + offset[problems]).float()
            weights, bias = classifiers[:, :-1], classifiers[:, -1]
            for portion in portions:
                rows, targets = portion.match(problems)
                if not len(rows):
                    continue
                losses, gradients = portion.load().select(targets).loss_and_gradient(weights[rows], bias[rows])
                loss[rows] += losses
                gradient[rows] += gradients
            pull = self._penalty * points
            pull[:, -1] = 0
            count = n_pixels[problems]
            return loss / count + (pull * points).sum(dim=1) / 2, gradient / count[:, None] + pull

        shape = (len(counts), self.problem.standardisation.channels + 1)
        start = torch.zeros(shape, dtype=torch.float64, device=self.problem.device)
        offset = torch.zeros_like(start)
        if origin is None:
            # The bias starts at the log odds of the labels, its optimum while all weights are zero.
            start[:, -1] = torch.from_numpy(np.log(counts[:, 1] / counts[:, 0]))
        else:
            offset[:] = torch.from_numpy(np.column_stack([origin.weights[targets], origin.bias[targets]]))
        inverse_curvature = torch.ones_like(start[0])
        inverse_curvature[-1] = BIAS_INVERSE_CURVATURE
        minima, solved = minimise(evaluate, start, self.problem.settings.tolerance, inverse_curvature=inverse_curvature)
        return (minima + offset).cpu().numpy(), solved.cpu().numpy()


@dataclass(frozen=True)
class _Portion:
    """Parts that are in memory together, and the targets for which they have labels."""

    reader: CellReader
    parts: Sequence[ShardPart]
    targets: NDArray[np.int64]
    problems: Tensor
    """(target,) ascending: index of each target's problem among those that are minimised."""
    kept: CellData | None = None

    def load(self) -> CellData:
        """The data, read again at every call unless they are kept."""
        return self.reader.load(self.parts, self.targets) if self.kept is None else self.kept

    def match(self, problems: Tensor) -> tuple[Tensor, Tensor]:
        """Find the targets of this portion among `problems`, which ascend: indices into `problems` and `targets`."""
        rows = torch.isin(problems, self.problems).nonzero()[:, 0]
        return rows, torch.searchsorted(self.problems, problems[rows])


def _count_labels(labels: NDArray[np.int8]) -> NDArray[np.int64]:
    """Numbers of negative and positive pixels (target, 2) in labels (target, pixel, region)."""
    return np.stack([(labels == value).sum(axis=(1, 2)) for value in (NEGATIVE, POSITIVE)], axis=1)
