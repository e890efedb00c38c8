"""Stochastic gradient descent on sampled pixels, streamed so that memory stays bounded."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier

from pipeline.grid.fit import CellFit, constant_bias
from pipeline.grid.sampling import Sampling
from pipeline.grid.standardise import Standardisation
from pipeline.grid.targets import IGNORE
from pipeline.parameters import TrainParameters

AT_ONCE = 2**27
"""Bytes of hypercolumns that a worker holds; larger samples are read again in every epoch."""


@dataclass(frozen=True)
class Portion:
    """Pixels that are in memory together: `pixels` of every region and cell of `shards`."""

    shards: tuple[tuple[slice, slice], ...]
    """Each with the rows of it that belong to the group."""
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
        targets = [self.sampling.read(shard, "targets", cell)[own, portion.pixels] for shard, own in portion.shards]
        # One array from the start, since two of them would double the memory.
        columns = np.empty((sum(known[..., 0].size for known in targets), self.standardisation.channels), np.float32)
        last = 0
        for (shard, own), known in zip(portion.shards, targets, strict=True):
            whole = columns[last : last + known[..., 0].size].reshape(*known.shape[:2], -1)
            last += known[..., 0].size
            first = 0
            for layer, shift in self.standardisation.shift.items():
                part = whole[..., first : first + len(shift)]
                values = self.sampling.read(shard, layer, cell)[own]
                np.subtract(values if values.shape[1] == 1 else values[:, portion.pixels], shift, out=part)
                part *= self.standardisation.scale[layer]
                first += len(shift)
        return columns, np.concatenate([known.reshape(-1, known.shape[2]) for known in targets])

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
