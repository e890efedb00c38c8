"""Fitting some cells of one grid, on one worker: logistic regression on pixels streamed from the store."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, SGDClassifier

from pipeline.features.store import FeatureStore
from pipeline.grid.cells import draw_locations
from pipeline.grid.model import GridSpec
from pipeline.grid.sampling import PixelSampler
from pipeline.grid.standardise import Standardisation
from pipeline.grid.targets import IGNORE, shard_slices
from pipeline.parameters import TrainParameters


@dataclass(frozen=True)
class CellFit:
    """Weights (target, cell, channel) on standardised hypercolumns, layers side by side, and bias (target, cell)."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]


@dataclass(frozen=True)
class TrainingPixels:
    """The stream of training pixels of one group of categories.

    Which pixels are drawn depends on the seed, the epoch and the shard alone, so that neither the number of
    workers nor the way cells are spread over them changes a classifier.
    """

    store: Path
    targets: Path
    rows: slice
    spec: GridSpec
    standardisation: Standardisation
    settings: TrainParameters
    seed: int

    def epoch(self, number: int, cells: Sequence[int]) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.int8]]]:
        """Of every shard, in random order, and each of `cells`.

        Yields the cell, its hypercolumns (n, channel) and its targets (target, n).
        """
        store, targets = FeatureStore.open(self.store), zarr.open_array(self.targets, mode="r")
        size, grid = self.settings.heat_map, self.spec.grid
        per_cell = max(1, round(self.settings.pixels_per_region / grid**2))
        shards = shard_slices(store, self.rows)
        for shard in np.random.default_rng([self.seed, number]).permutation(len(shards)):
            rows = shards[shard]
            sampler = PixelSampler.read(store, rows, self.spec.layers, self.standardisation, size)
            maps = np.asarray(targets[rows]).reshape(rows.stop - rows.start, targets.shape[1], -1)
            rng = np.random.default_rng([self.seed, number, rows.start])
            locations = draw_locations(rng, len(maps), size, grid, per_cell)
            for cell, columns in sampler.by_cell(locations, cells):
                labels = np.take_along_axis(maps, locations[:, None, cell], axis=2)
                yield cell, columns, labels.transpose(1, 0, 2).reshape(maps.shape[1], -1)


def fit_cells(pixels: TrainingPixels, n_targets: int, cells: Sequence[int]) -> CellFit:
    """Averaged stochastic gradient descent on the joint hypercolumns, one classifier per target and cell."""
    settings = pixels.settings
    models = {
        (target, cell): SGDClassifier(loss="log_loss", alpha=settings.alpha, average=True, random_state=pixels.seed)
        for target in range(n_targets)
        for cell in cells
    }
    for epoch in range(settings.epochs):
        for cell, columns, labels in pixels.epoch(epoch, cells):
            for target in range(n_targets):
                known = labels[target] != IGNORE
                if known.any():
                    models[target, cell].partial_fit(columns[known], labels[target][known], classes=(0, 1))
    channels = sum(len(pixels.standardisation.shift[layer]) for layer in pixels.spec.layers)
    weights = np.zeros((n_targets, len(cells), channels))
    bias = np.full((n_targets, len(cells)), -10.0)  # A cell that never had a known pixel says no.
    for target in range(n_targets):
        for position, cell in enumerate(cells):
            model = models[target, cell]
            if hasattr(model, "coef_"):
                weights[target, position], bias[target, position] = model.coef_[0], model.intercept_[0]
    return CellFit(weights, bias)


def fuse_cells(pixels: TrainingPixels, n_targets: int, cells: Sequence[int]) -> CellFit:
    """Classifiers trained on one layer each, their calibrated logits added (`fusion: per_block`)."""
    alone = []
    for layer in pixels.spec.layers:
        only = replace(
            pixels,
            spec=GridSpec((layer,), pixels.spec.grid),
            standardisation=pixels.standardisation.only(layer),
        )
        alone.append(fit_cells(only, n_targets, cells))
    weights = np.concatenate([fit.weights for fit in alone], axis=2)
    return _calibrate(pixels, CellFit(weights, alone[-1].bias), cells)


def _calibrate(pixels: TrainingPixels, alone: CellFit, cells: Sequence[int]) -> CellFit:
    """Weigh the logits of the layers' own classifiers so that their sum is calibrated.

    Logistic regression on the layers' logits over newly drawn pixels (stacking); ours. A target that is always or
    never there keeps the bias of the top layer.
    """
    edges = np.cumsum([0, *(len(pixels.standardisation.shift[layer]) for layer in pixels.spec.layers)])
    position = {cell: i for i, cell in enumerate(cells)}
    n_targets = alone.weights.shape[0]
    logits: dict[tuple[int, int], list[NDArray[np.float64]]] = {}
    known: dict[tuple[int, int], list[NDArray[np.int8]]] = {}
    for cell, columns, labels in pixels.epoch(pixels.settings.epochs, cells):
        for target in range(n_targets):
            weights = alone.weights[target, position[cell]]
            use = labels[target] != IGNORE
            parts = [columns[use, a:b] @ weights[a:b] for a, b in pairwise(edges)]
            logits.setdefault((target, cell), []).append(np.stack(parts, axis=1))
            known.setdefault((target, cell), []).append(labels[target][use])
    weights, bias = alone.weights.copy(), alone.bias.copy()
    for (target, cell), parts in logits.items():
        labels = np.concatenate(known[target, cell])
        if len(np.unique(labels)) < 2:
            continue
        stack = LogisticRegression().fit(np.concatenate(parts), labels)
        slopes = np.repeat(stack.coef_[0], np.diff(edges))
        weights[target, position[cell]] *= slopes
        bias[target, position[cell]] = stack.intercept_[0]
    return CellFit(weights, bias)
