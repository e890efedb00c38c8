"""Stochastic gradient descent on sampled pixels, streamed so that memory stays bounded."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier

from pipeline.grid.fit import CellFit, constant_bias
from pipeline.grid.sampling import Sampling, read_samples
from pipeline.grid.shard_file import ShardFile
from pipeline.grid.source import LABELS, ShardRows
from pipeline.grid.standardise import Standardisation
from pipeline.grid.targets import IGNORE
from pipeline.parameters import TrainParameters

AT_ONCE = 2**27
"""Bytes of hypercolumns that a worker holds; larger samples are read again in every epoch."""


@dataclass(frozen=True)
class Portion:
    """Pixels that are in memory together: `pixels` of every region and cell of `shards`."""

    shards: tuple[ShardRows, ...]
    """With the rows that belong to the group."""
    pixels: slice


@dataclass(frozen=True)
class SampledPixels:
    """The sampled pixels of one group of categories, seen through some of the sampled layers."""

    sampling: Sampling
    rows: slice
    """Of the store: the group's."""
    standardisation: Standardisation

    def portions(self, limit: int) -> list[Portion]:
        """All pixels of a cell in portions whose hypercolumns take at most `limit` bytes, where that is possible.

        A portion has some pixels of every region: regions are sorted by category, and a classifier that sees one
        category after the other learns worse. Only when there are more portions than pixels, shards are dealt out.
        """
        own = self.sampling.shards_of(self.rows)
        pixels = self.sampling.pixels_per_cell
        size = (self.rows.stop - self.rows.start) * self.standardisation.channels * 4  # of one pixel of every region
        together = max(limit // size, 1)
        cuts = [*range(0, pixels, together), pixels]
        deals = min(-(-size // limit), len(own))
        return [Portion(tuple(own[deal::deals]), slice(a, b)) for deal in range(deals) for a, b in pairwise(cuts)]

    def load(self, portion: Portion, cell: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Standardised hypercolumns (n, channel) and targets (n, target) of one cell."""
        drawn = portion.pixels.stop - portion.pixels.start
        regions = sum(own.stop - own.start for _, own in portion.shards)
        # One array from the start, since two of them would double the memory.
        columns = np.empty((drawn * regions, self.standardisation.channels), np.float32)
        targets, last = [], 0
        for shard, own in portion.shards:
            first, last = last, last + drawn * (own.stop - own.start)
            with self.sampling.open(shard) as file:
                part = columns[first:last].reshape(drawn, own.stop - own.start, -1)
                self._fill(part, file, own, cell, portion.pixels)
                known = read_samples(file, LABELS, cell, portion.pixels)[:, own]
                targets.append(known.reshape(-1, known.shape[2]))
        return columns, np.concatenate(targets)

    def _fill(self, columns: NDArray[np.float32], file: ShardFile, own: slice, cell: int, pixels: slice) -> None:
        """Write the standardised hypercolumns of regions `own` into `columns` (pixel, region, channel)."""
        for (first, last), (layer, shift) in zip(
            pairwise(self.standardisation.edges), self.standardisation.shift.items(), strict=True
        ):
            part = columns[..., first:last]
            np.subtract(read_samples(file, layer, cell, pixels)[:, own], shift, out=part)
            part *= self.standardisation.scale[layer]

    def only(self, layer: str) -> "SampledPixels":
        """See `Pixels`."""
        return replace(self, standardisation=self.standardisation.only(layer))

    def fit(self, n_targets: int, cell: int, settings: TrainParameters, seed: int) -> CellFit:
        """Averaged stochastic gradient descent; see `Pixels`. Paper, training of the classifiers."""
        weights, bias = np.zeros((n_targets, self.standardisation.channels)), np.zeros(n_targets)
        models = [_classifier(settings, seed) for _ in range(n_targets)]
        seen = np.zeros((n_targets, 2), dtype=bool)
        portions = self.portions(AT_ONCE)
        order = np.random.default_rng([seed, cell])
        loaded, columns, targets = None, np.empty((0, 0), np.float32), np.empty((0, 0), np.int8)
        for _ in range(settings.epochs):
            for number in order.permutation(len(portions)):
                if loaded != number:
                    del columns, targets  # before the next take as much
                    columns, targets = self.load(portions[number], cell)
                    loaded = number
                for target, model in enumerate(models):
                    use = targets[:, target] != IGNORE
                    labels = targets[use, target]
                    seen[target] |= [np.any(labels == 0), np.any(labels == 1)]
                    if len(labels):
                        model.partial_fit(columns if use.all() else columns[use], labels, classes=(0, 1))
        for target, model in enumerate(models):
            if seen[target].all():
                weights[target], bias[target] = model.coef_[0], model.intercept_[0]
            else:
                bias[target] = constant_bias(bool(seen[target, 1]))
        return CellFit(weights, bias)

    def layer_logits(self, cell: int, weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """See `Pixels`."""
        edges = self.standardisation.edges
        logits, targets = [], []
        for portion in self.portions(AT_ONCE):
            columns, known = self.load(portion, cell)
            logits.append(np.stack([columns[:, a:b] @ weights[:, a:b].T for a, b in pairwise(edges)], axis=2))
            targets.append(known)
        return np.concatenate(logits), np.concatenate(targets)


def _classifier(settings: TrainParameters, seed: int) -> SGDClassifier:
    # A generator, not a number: a number would shuffle every epoch alike.
    shuffle = np.random.RandomState(seed)
    return SGDClassifier(loss="log_loss", alpha=settings.alpha, average=True, random_state=shuffle)
