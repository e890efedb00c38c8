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

from pipeline.grid.fit import CellFit, constant_bias
from pipeline.grid.lbfgs import minimise
from pipeline.grid.maps import Maps
from pipeline.grid.reading import CellReader
from pipeline.grid.source import ShardRows
from pipeline.grid.standardise import Standardisation
from pipeline.grid.targets import NEGATIVE, POSITIVE
from pipeline.grid.windows import CellData
from pipeline.parameters import TrainParameters

AT_ONCE = 2**28
"""Bytes of windows and scores that a worker holds; larger cells are read again in every evaluation."""

BIAS_FLATNESS = 1 / 16
"""Of the bias, beside one for weights: standardised hypercolumns have length one, in their strongest direction about a
quarter. With this and the start at the shares of the labels a fit takes half the evaluations. Measured, ours."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AllPixels:
    """Every pixel of one group of categories, seen through some of the layers; see `Pixels`."""

    maps: Maps
    grid: int
    rows: slice
    """Of the store: the group's."""
    standardisation: Standardisation
    device: torch.device

    @property
    def shards(self) -> list[ShardRows]:
        """Those of the store that hold regions of the group."""
        return self.maps.shards_of(self.rows)

    def only(self, layer: str) -> "AllPixels":
        """See `Pixels`."""
        return replace(self, standardisation=self.standardisation.only(layer))

    def fit(self, n_targets: int, cell: int, settings: TrainParameters, seed: int) -> CellFit:
        """L-BFGS until no entry of the gradient exceeds `settings.tolerance`.

        The objective is that of scikit-learn's `LogisticRegression` with C = 1 / (alpha * pixels). Ours.
        """
        del seed  # nothing is drawn
        weights, bias = np.zeros((n_targets, self.standardisation.channels)), np.zeros(n_targets)
        reader = self._reader(cell)
        table = np.stack([_counts(reader.labels(shard)) for shard in self.shards])
        counts: NDArray[np.int64] = table.sum(axis=0)
        bias[:] = [constant_bias(bool(positive)) for _, positive in counts]
        unsure = np.flatnonzero((counts > 0).all(axis=1))
        if len(unsure):
            parts = self._parts(reader, unsure, table[:, unsure].sum(axis=2) > 0)
            found, solved = self._minimise(parts, counts[unsure], settings)
            weights[unsure], bias[unsure] = found[:, :-1], found[:, -1]
            if not solved.all():
                names = ", ".join(str(target) for target in unsure[~solved])
                logger.warning(
                    f"train.tolerance of {settings.tolerance:g} was not reached in cell {cell} of K = {self.grid} for "
                    f"targets {names}: it is finer than float32, or train.alpha ({settings.alpha:g}) too small."
                )
        return CellFit(weights, bias)

    def layer_logits(self, cell: int, weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """See `Pixels`."""
        reader, everything = self._reader(cell), np.arange(len(weights))
        given = []
        for first, last in pairwise(self.standardisation.edges):
            alone = torch.zeros(weights.shape, device=self.device)
            alone[:, first:last] = torch.from_numpy(weights[:, first:last])
            given.append(alone)
        logits, labels = [], []
        for shard in self.shards:
            data = reader.load([shard], everything)
            parts = torch.stack([data.scores(alone) for alone in given], dim=3)
            logits.append(parts.flatten(1, 2).transpose(0, 1).cpu().numpy())
            labels.append(reader.labels(shard).reshape(len(weights), -1).T)
        return np.concatenate(logits), np.concatenate(labels)

    def _parts(self, reader: CellReader, targets: NDArray[np.int64], known: NDArray[np.bool_]) -> "list[_Part]":
        """All shards, neighbours that know the same `targets` together: `known` (shard, target).

        They stay in memory when `AT_ONCE` allows.
        """
        parts = []
        for _, same in groupby(range(len(self.shards)), key=lambda shard: known[shard].tolist()):
            first, *rest = same
            own = np.flatnonzero(known[first])
            if len(own):
                some = self.shards[first : first + 1 + len(rest)]
                of_part = reader.portions(some, len(own), AT_ONCE)
                parts += [
                    _Part(reader, shards, targets[own], torch.from_numpy(own).to(self.device)) for shards in of_part
                ]
        if sum(reader.size(part.shards, len(part.targets)) for part in parts) <= AT_ONCE:
            return [replace(part, kept=part.load()) for part in parts]
        return parts

    def _minimise(
        self, parts: "list[_Part]", counts: NDArray[np.int64], settings: TrainParameters
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Weights and, last, the bias of targets that have both kinds of labels, and whether the tolerance is met."""
        pixels = torch.from_numpy(counts.sum(axis=1).astype(np.float64)).to(self.device)

        def evaluate(at: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
            loss, gradient = torch.zeros_like(at[:, 0]), torch.zeros_like(at)
            weights, bias = at[:, :-1].float(), at[:, -1].float()
            for part in parts:
                here, there = part.positions(which)
                if not len(here):
                    continue
                some, slopes = part.load().only(there).loss_and_gradient(weights[here], bias[here])
                loss[here] += some
                gradient[here] += slopes
            penalty = settings.alpha * at
            penalty[:, -1] = 0
            count = pixels[which]
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
        return CellReader(self.maps, self.grid, cell, self.standardisation, self.device)


@dataclass(frozen=True)
class _Part:
    """Shards that are read together, and the targets that any of their labels tell of."""

    reader: CellReader
    shards: Sequence[ShardRows]
    targets: NDArray[np.int64]
    problems: Tensor
    """(target,) ascending: the place of each among the problems that are solved."""
    kept: CellData | None = None

    def load(self) -> CellData:
        """What is seen there; read again in every evaluation unless it is kept."""
        return self.reader.load(self.shards, self.targets) if self.kept is None else self.kept

    def positions(self, which: Tensor) -> tuple[Tensor, Tensor]:
        """Where in the problems `which`, ascending, the targets of this part are, and where among these they are."""
        here = torch.isin(which, self.problems).nonzero()[:, 0]
        return here, torch.searchsorted(self.problems, which[here])


def _counts(labels: NDArray[np.int8]) -> NDArray[np.int64]:
    """(target, 2) negative and positive pixels of labels (target, pixel, region)."""
    return np.stack([(labels == value).sum(axis=(1, 2)) for value in (NEGATIVE, POSITIVE)], axis=1)
