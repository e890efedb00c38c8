"""Fitting the classifiers of some cells of one grid, on one worker: logistic regression on sampled pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, SGDClassifier

from pipeline.grid.sampling import Sampling
from pipeline.grid.standardise import Standardisation
from pipeline.grid.targets import IGNORE
from pipeline.parameters import TrainParameters

AT_ONCE = 2**27
"""Bytes of hypercolumns that a worker holds; larger samples are read again in every epoch."""

SURE = 10.0
"""Logit of a cell whose pixels are all alike, or that has none: it always or never says yes."""


@dataclass(frozen=True)
class CellFit:
    """Weights (target, cell, channel) on standardised hypercolumns, layers side by side, and bias (target, cell)."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]


@dataclass(frozen=True)
class Portion:
    """Pixels that are in memory together: `pixels` of every region and cell of `shards`."""

    shards: tuple[slice, ...]
    pixels: slice


@dataclass(frozen=True)
class TrainingPixels:
    """The sampled pixels of one group of categories, seen through some of the sampled layers."""

    sampling: Sampling
    rows: slice
    """Of the store: the group's."""
    standardisation: Standardisation

    @property
    def channels(self) -> int:
        return sum(len(shift) for shift in self.standardisation.shift.values())

    def portions(self, limit: int) -> list[Portion]:
        """All pixels of a cell in portions whose hypercolumns take at most `limit` bytes, where that is possible.

        A portion has some pixels of every region: regions are sorted by category, and a classifier that sees one
        category after the other learns worse. Only when there are more portions than pixels, shards are dealt out.
        """
        own = [s for s in self.sampling.shards if s.start < self.rows.stop and s.stop > self.rows.start]
        pixels = self.sampling.pixels_per_cell
        size = (self.rows.stop - self.rows.start) * pixels * self.channels * 4
        n_portions = -(-size // limit)
        cuts = [int(edge) for edge in np.linspace(0, pixels, min(n_portions, pixels) + 1)]
        deals = min(-(-n_portions // pixels), len(own))
        return [Portion(tuple(own[deal::deals]), slice(a, b)) for deal in range(deals) for a, b in pairwise(cuts)]

    def load(self, portion: Portion, cell: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Standardised hypercolumns (n, channel) and targets (n, target) of one cell."""
        columns, targets = [], []
        for shard in portion.shards:
            own = slice(max(self.rows.start - shard.start, 0), min(self.rows.stop, shard.stop) - shard.start)
            known = self.sampling.read(shard, "targets", cell)[own, portion.pixels]
            whole = np.empty((*known.shape[:2], self.channels), dtype=np.float32)
            first = 0
            for layer, shift in self.standardisation.shift.items():
                part = whole[..., first : first + len(shift)]
                values = self.sampling.read(shard, layer, cell)[own]
                np.subtract(values if values.shape[1] == 1 else values[:, portion.pixels], shift, out=part)
                part *= self.standardisation.scale[layer]
                first += len(shift)
            columns.append(whole.reshape(-1, self.channels))
            targets.append(known.reshape(-1, known.shape[2]))
        return np.concatenate(columns), np.concatenate(targets)


def fit_cells(
    pixels: TrainingPixels, n_targets: int, cells: Sequence[int], settings: TrainParameters, seed: int
) -> CellFit:
    """Averaged stochastic gradient descent on joint hypercolumns, one classifier per target and cell."""
    weights = np.zeros((n_targets, len(cells), pixels.channels))
    bias = np.zeros((n_targets, len(cells)))
    portions = pixels.portions(AT_ONCE)
    for position, cell in enumerate(cells):
        models = [_classifier(settings, seed) for _ in range(n_targets)]
        seen = np.zeros((n_targets, 2), dtype=bool)
        order = np.random.default_rng([seed, cell])
        loaded = None
        for _ in range(settings.epochs):
            for number in order.permutation(len(portions)):
                if loaded != number:
                    columns, targets = pixels.load(portions[number], cell)
                    loaded = number
                for target, model in enumerate(models):
                    use = targets[:, target] != IGNORE
                    labels = targets[use, target]
                    seen[target] |= [np.any(labels == 0), np.any(labels == 1)]
                    if len(labels):
                        model.partial_fit(columns if use.all() else columns[use], labels, classes=(0, 1))
        for target, model in enumerate(models):
            if seen[target].all():
                weights[target, position], bias[target, position] = model.coef_[0], model.intercept_[0]
            else:
                bias[target, position] = SURE if seen[target, 1] else -SURE
    return CellFit(weights, bias)


def fuse_cells(
    pixels: TrainingPixels, n_targets: int, cells: Sequence[int], settings: TrainParameters, seed: int
) -> CellFit:
    """Classifiers trained on one layer each, their calibrated logits added (`fusion: per_block`)."""
    layers = list(pixels.standardisation.shift)
    alone = []
    for layer in layers:
        only = TrainingPixels(pixels.sampling, pixels.rows, pixels.standardisation.only(layer))
        alone.append(fit_cells(only, n_targets, cells, settings, seed))
    weights = np.concatenate([fit.weights for fit in alone], axis=2)
    return _calibrate(pixels, CellFit(weights, alone[-1].bias), cells)


def _calibrate(pixels: TrainingPixels, alone: CellFit, cells: Sequence[int]) -> CellFit:
    """Weigh the logits of the layers' own classifiers so that their sum is calibrated.

    Logistic regression on the layers' logits over the training pixels (stacking); ours. A target that is always or
    never there keeps the bias of the top layer.
    """
    edges = np.cumsum([0, *(len(shift) for shift in pixels.standardisation.shift.values())])
    weights, bias = alone.weights.copy(), alone.bias.copy()
    for position, cell in enumerate(cells):
        logits, targets = [], []
        for portion in pixels.portions(AT_ONCE):
            columns, known = pixels.load(portion, cell)
            parts = [columns[:, a:b] @ alone.weights[:, position, a:b].T for a, b in pairwise(edges)]
            logits.append(np.stack(parts, axis=2))
            targets.append(known)
        by_layer, labels = np.concatenate(logits), np.concatenate(targets)
        for target in range(len(weights)):
            use = labels[:, target] != IGNORE
            if len(np.unique(labels[use, target])) < 2:
                continue
            stack = LogisticRegression().fit(by_layer[use, target], labels[use, target])
            weights[target, position] *= np.repeat(stack.coef_[0], np.diff(edges))
            bias[target, position] = stack.intercept_[0]
    return CellFit(weights, bias)


def _classifier(settings: TrainParameters, seed: int) -> SGDClassifier:
    # A generator, not a number: a number would shuffle every epoch alike.
    shuffle = np.random.RandomState(seed)
    return SGDClassifier(loss="log_loss", alpha=settings.alpha, average=True, random_state=shuffle)
