"""Logistic regression on every pixel, without sampling and without hypercolumns: loss and gradient at map resolution.

A score is interpolation times (map times weights): weights meet a map at its own resolution, in the window that a cell
can see, and the gradient goes back the same way. All targets of a cell share one pass over its windows.
"""

import logging
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.grid.fit import CellFit, constant_bias
from pipeline.grid.lbfgs import minimise
from pipeline.grid.maps import Maps
from pipeline.grid.reading import CellReader, Shard
from pipeline.grid.standardise import Standardisation
from pipeline.grid.targets import NEGATIVE, POSITIVE
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
    def shards(self) -> list[Shard]:
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
        for batch in _batches(reader, self.shards):
            bias[batch.targets] = [constant_bias(bool(positive)) for _, positive in batch.counts]
            unsure = batch.only(np.flatnonzero((batch.counts > 0).all(axis=1)))
            if len(unsure.targets):
                found = self._minimise(reader, unsure, settings)
                weights[unsure.targets], bias[unsure.targets] = found[:, :-1], found[:, -1]
        return CellFit(weights, bias)

    def layer_logits(self, cell: int, weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """See `Pixels`."""
        reader, edges = self._reader(cell), self.standardisation.edges
        shift, scale = self.standardisation.shift, self.standardisation.scale
        alone = [replace(reader, standardisation=Standardisation({n: shift[n]}, {n: scale[n]})) for n in shift]
        given = [torch.from_numpy(weights[:, a:b]).to(self.device).float() for a, b in pairwise(edges)]
        everything = np.arange(len(weights))
        logits, labels = [], []
        for shard in self.shards:
            parts = [own.load([shard], everything).scores(w) for own, w in zip(alone, given, strict=True)]
            logits.append(torch.stack(parts, dim=3).flatten(1, 2).transpose(0, 1).cpu().numpy())
            labels.append(reader.labels(shard).reshape(len(weights), -1).T)
        return np.concatenate(logits), np.concatenate(labels)

    def _minimise(self, reader: CellReader, batch: "_Batch", settings: TrainParameters) -> NDArray[np.float64]:
        """Weights and, last, the bias of targets that have both kinds of labels."""
        portions = reader.portions(batch.shards, len(batch.targets), AT_ONCE)
        kept = reader.load(portions[0], batch.targets) if len(portions) == 1 else None
        pixels = torch.from_numpy(batch.counts.sum(axis=1).astype(np.float64)).to(self.device)

        def evaluate(at: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
            weights, bias = at[:, :-1].float(), at[:, -1].float()
            loss, gradient = torch.zeros_like(at[:, 0]), torch.zeros_like(at)
            for shards in portions:
                data = reader.load(shards, batch.targets) if kept is None else kept
                part, slopes = data.only(which).loss_and_gradient(weights, bias)
                loss += part
                gradient += slopes
                del data  # before the next takes as much
            penalty = settings.alpha * at
            penalty[:, -1] = 0
            count = pixels[which]
            return loss / count + (penalty * at).sum(dim=1) / 2, gradient / count[:, None] + penalty

        channels = self.standardisation.channels
        start = torch.zeros((len(batch.targets), channels + 1), dtype=torch.float64, device=self.device)
        # Before it sees any feature, a classifier says how often its target is there.
        start[:, -1] = torch.from_numpy(np.log(batch.counts[:, 1] / batch.counts[:, 0]))
        flatness = torch.ones_like(start[0])
        flatness[-1] = BIAS_FLATNESS
        found, solved = minimise(evaluate, start, settings.tolerance, flatness=flatness)
        if not solved.all():
            names = ", ".join(str(target) for target in batch.targets[~solved.cpu().numpy()])
            logger.warning(
                f"train.tolerance of {settings.tolerance:g} was not reached in cell {reader.cell} of K = {self.grid} "
                f"for targets {names}: it is finer than float32, or train.alpha ({settings.alpha:g}) too small."
            )
        return found.cpu().numpy()

    def _reader(self, cell: int) -> CellReader:
        return CellReader(self.maps, self.grid, cell, self.standardisation, self.device)


@dataclass(frozen=True)
class _Batch:
    """Targets that are fitted together."""

    targets: NDArray[np.int64]
    shards: list[Shard]
    """Where any of their labels counts."""
    counts: NDArray[np.int64]
    """(target, 2) pixels that are negative and positive."""

    def only(self, which: NDArray[np.int64]) -> "_Batch":
        """That of some of the targets, given by their indices."""
        return replace(self, targets=self.targets[which], counts=self.counts[which])


def _batches(reader: CellReader, shards: list[Shard]) -> list[_Batch]:
    """All targets, together where the same shards know them, since only those need be read for them."""
    counts = []
    for shard in shards:
        labels = reader.labels(shard)
        counts.append(np.stack([(labels == value).sum(axis=(1, 2)) for value in (NEGATIVE, POSITIVE)], axis=1))
    table = np.array(counts)
    known = table.any(axis=2)
    batches = []
    for knows in np.unique(known, axis=1).T:
        targets = np.flatnonzero((known == knows[:, None]).all(axis=0))
        own = [shard for shard, there in zip(shards, knows, strict=True) if there]
        batches.append(_Batch(targets, own, table[:, targets].sum(axis=0)))
    return batches
