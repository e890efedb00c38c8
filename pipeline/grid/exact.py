"""Logistic regression on every pixel, without sampling and without hypercolumns: loss and gradient at map resolution.

A score is interpolation times (map times weights): weights meet a map at its own resolution, in the window that a cell
can see, and the gradient goes back the same way. All targets of a cell share one pass over its windows.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.grid.fit import CellFit, constant_bias
from pipeline.grid.lbfgs import minimise
from pipeline.grid.maps import Maps
from pipeline.grid.standardise import Standardisation
from pipeline.grid.targets import IGNORE, NEGATIVE, POSITIVE
from pipeline.grid.windows import CellData, Interpolation, LayerWindow
from pipeline.parameters import TrainParameters

AT_ONCE = 2**28
"""Bytes of windows and scores that a worker holds; larger cells are read again in every evaluation."""

BIAS_FLATNESS = 1 / 16
"""Of the bias, beside one for weights: standardised hypercolumns have length one, in their strongest direction about a
quarter. With this and the start at the shares of the labels a fit takes half the evaluations. Measured, ours."""

Shard = tuple[slice, slice]
"""A shard of the store, and the rows of it that belong to the group."""

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
        everything = np.arange(n_targets)
        # Batches share regions: what fits into memory is read once for all of them.
        whole = self._load_if_small(self.shards, cell, everything, AT_ONCE // 2)  # a batch may take as much again
        for batch in self._batches(cell):
            both = (batch.counts > 0).all(axis=1)
            bias[batch.targets] = [constant_bias(bool(positive)) for _, positive in batch.counts]
            if both.any():
                own = batch.targets[both]
                if whole is None:
                    kept = self._load_if_small(batch.shards, cell, own, AT_ONCE)
                else:
                    kept = whole.only(torch.from_numpy(own).to(self.device)).of(self._positions(batch.shards))
                found = self._minimise(cell, own, kept, batch.shards, batch.counts[both], settings)
                weights[own], bias[own] = found[:, :-1], found[:, -1]
        return CellFit(weights, bias)

    def layer_logits(self, cell: int, weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """See `Pixels`."""
        targets = np.arange(len(weights))
        given = self._by_layer(torch.from_numpy(weights).to(self.device))
        logits, labels = [], []
        for shards in self._portions(self.shards, cell, targets, AT_ONCE):
            scores = torch.stack(list(self.load(shards, cell, targets).layer_scores(given)), dim=3)
            logits.append(scores.flatten(1, 2).transpose(0, 1).cpu().numpy())
            labels.append(self._labels(shards, cell).reshape(len(targets), -1).T)
        return np.concatenate(logits), np.concatenate(labels)

    def load(self, shards: Sequence[Shard], cell: int, targets: NDArray[np.int64]) -> CellData:
        """The standardised windows of all layers, and the labels of some targets, of the regions in `shards`."""
        labels = self._labels(shards, cell)[targets]
        layers = []
        for name in self.standardisation.shift:
            shift = torch.from_numpy(self.standardisation.shift[name]).to(self.device)
            scale = torch.from_numpy(self.standardisation.scale[name]).to(self.device)
            window = self.maps.window(shards[0][0], name, self.grid, cell)
            height, width, _, channels = window.values.shape
            # One tensor from the start, filled a shard at a time: copies of all would double the memory.
            values, last = torch.empty((height, width, labels.shape[2], channels), device=self.device), 0
            for shard, own in shards:
                half = torch.from_numpy(np.array(self.maps.window(shard, name, self.grid, cell).values[:, :, own]))
                part = values[:, :, last : last + half.shape[2]]
                part.copy_(half).sub_(shift).mul_(scale)
                last += half.shape[2]
            values = values.flatten(0, 1)
            if window.is_identity:
                interpolation = None
            else:
                axes = [torch.from_numpy(axis).to(self.device) for axis in (window.vertical, window.horizontal)]
                interpolation = Interpolation(*axes)
            if interpolation is not None and len(values) >= labels.shape[1]:  # once, not in every evaluation
                values = interpolation.apply(values[None].flatten(2)).view(-1, *values.shape[1:])
                interpolation = None
            layers.append(LayerWindow(values.flatten(0, 1), interpolation))
        known, positive = torch.from_numpy(labels != IGNORE), torch.from_numpy(labels == POSITIVE)
        return CellData(tuple(layers), known.to(self.device).float(), positive.to(self.device).float())

    def _labels(self, shards: Sequence[Shard], cell: int) -> NDArray[np.int8]:
        """(target, pixel, region) of the group's regions."""
        labels = np.concatenate([self.maps.labels(s, self.grid, cell)[..., own] for s, own in shards], axis=3)
        return labels.reshape(len(labels), -1, labels.shape[-1])

    def _load_if_small(
        self, shards: Sequence[Shard], cell: int, targets: NDArray[np.int64], limit: int
    ) -> CellData | None:
        fits = len(self._portions(shards, cell, targets, limit)) == 1
        return self.load(shards, cell, targets) if fits else None

    def _positions(self, shards: Sequence[Shard]) -> Tensor:
        """Of the regions in `shards` among those of all shards of the group."""
        lengths = [own.stop - own.start for _, own in self.shards]
        there = np.repeat([shard in shards for shard in self.shards], lengths)
        return torch.from_numpy(np.flatnonzero(there)).to(self.device)

    def _portions(
        self, shards: Sequence[Shard], cell: int, targets: NDArray[np.int64], limit: int
    ) -> list[Sequence[Shard]]:
        """Consecutive shards whose windows and scores take at most `limit` bytes, at least one each."""
        pixels = self._labels(shards[:1], cell).shape[1]
        windows = [self.maps.window(shards[0][0], name, self.grid, cell).values for name in self.standardisation.shift]
        # Scores take five times the room of labels while they are made.
        numbers = sum(min(w.shape[0] * w.shape[1], pixels) * w.shape[3] for w in windows) + 5 * pixels * len(targets)
        per_region = 4 * numbers
        largest = max(own.stop - own.start for _, own in shards)
        together = max(limit // (per_region * largest), 1)
        return [shards[first : first + together] for first in range(0, len(shards), together)]

    def _batches(self, cell: int) -> list["_Batch"]:
        """Targets by the shards that know them, since only those need be read for them."""
        counts = []
        for shard in self.shards:
            labels = self._labels([shard], cell)
            counts.append(np.stack([(labels == value).sum(axis=(1, 2)) for value in (NEGATIVE, POSITIVE)], axis=1))
        table = np.array(counts)
        known = table.any(axis=2)
        batches = []
        for knows in np.unique(known, axis=1).T:
            targets = np.flatnonzero((known == knows[:, None]).all(axis=0))
            shards = [shard for shard, there in zip(self.shards, knows, strict=True) if there]
            batches.append(_Batch(targets, shards, table[:, targets].sum(axis=0)))
        return batches

    def _minimise(
        self,
        cell: int,
        targets: NDArray[np.int64],
        kept: CellData | None,
        shards: Sequence[Shard],
        counts: NDArray[np.int64],
        settings: TrainParameters,
    ) -> NDArray[np.float64]:
        """Weights and, last, the bias of `targets`, of which so many pixels are negative and positive: `counts`.

        Without `kept` the windows in `shards` are read portion by portion in every evaluation.
        """
        portions = self._portions(shards, cell, targets, AT_ONCE)
        count = torch.from_numpy(counts.sum(axis=1).astype(np.float64)).to(self.device)

        def evaluate(at: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
            weights, bias = self._by_layer(at[:, :-1]), at[:, -1].float()
            loss, gradient = torch.zeros_like(at[:, 0]), torch.zeros_like(at)
            for data in [kept] if kept is not None else (self.load(some, cell, targets) for some in portions):
                part, slopes = data.only(which).loss_and_gradient(weights, bias)
                loss += part
                gradient += slopes
                del data  # before the next takes as much
            penalty = settings.alpha * at
            penalty[:, -1] = 0
            pixels = count[which]
            return loss / pixels + (penalty * at).sum(dim=1) / 2, gradient / pixels[:, None] + penalty

        start = torch.zeros((len(targets), self.standardisation.channels + 1), dtype=torch.float64, device=self.device)
        # Before it sees any feature, a classifier says how often its target is there.
        start[:, -1] = torch.from_numpy(np.log(counts[:, 1] / counts[:, 0]))
        flatness = torch.ones_like(start[0])
        flatness[-1] = BIAS_FLATNESS
        found, solved = minimise(evaluate, start, settings.tolerance, flatness=flatness)
        if not solved.all():
            names = ", ".join(str(target) for target in targets[~solved.cpu().numpy()])
            logger.warning(
                f"train.tolerance of {settings.tolerance:g} was not reached in cell {cell} of K = {self.grid} for "
                f"targets {names}: it is finer than float32, or train.alpha ({settings.alpha:g}) too small."
            )
        return found.cpu().numpy()

    def _by_layer(self, weights: Tensor) -> list[Tensor]:
        """(target, channel of all layers) in float32 parts, one per layer."""
        return [weights[:, a:b].float() for a, b in pairwise(self.standardisation.edges)]


@dataclass(frozen=True)
class _Batch:
    """Targets that are fitted together."""

    targets: NDArray[np.int64]
    shards: list[Shard]
    """Where any of their labels counts."""
    counts: NDArray[np.int64]
    """(target, 2) pixels that are negative and positive."""
