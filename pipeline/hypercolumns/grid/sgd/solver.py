"""Stochastic gradient descent on sampled pixels, streamed so that memory stays bounded."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier

from hypercolumns.grid.array_file import ArrayFile
from hypercolumns.grid.sgd.samples import SampleFiles, read_samples
from hypercolumns.grid.shard_files import LABELS, ShardPart
from hypercolumns.grid.solver import CellFit, constant_bias
from hypercolumns.grid.standardise import Standardisation
from hypercolumns.grid.targets import IGNORE
from hypercolumns.parameters import TrainParameters

MAX_BYTES = 2**27
"""Bytes of hypercolumns that a worker keeps; larger samples are read again in every epoch."""


@dataclass(frozen=True)
class Portion:
    """Pixels that are in memory together."""

    parts: tuple[ShardPart, ...]
    pixels: slice
    """Those drawn pixels of every region and cell."""


@dataclass(frozen=True)
class SgdSolver:
    """Fits classifiers on sampled pixels; see `Solver`."""

    files: SampleFiles
    rows: slice
    """Rows of the store that belong to the group."""
    standardisation: Standardisation

    def portions(self, limit: int) -> list[Portion]:
        """Divide the pixels of a cell into portions whose hypercolumns take at most `limit` bytes, where possible.

        A portion has some pixels of every region: regions are sorted by category, and a classifier that sees one
        category after the other learns worse. Shards are divided too only when there are more portions than pixels.
        """
        parts = self.files.parts(self.rows)
        pixels = self.files.pixels_per_cell
        bytes_per_pixel = (self.rows.stop - self.rows.start) * self.standardisation.channels * 4  # of every region
        together = max(limit // bytes_per_pixel, 1)
        cuts = [*range(0, pixels, together), pixels]
        deals = min(-(-bytes_per_pixel // limit), len(parts))
        return [Portion(tuple(parts[deal::deals]), slice(a, b)) for deal in range(deals) for a, b in pairwise(cuts)]

    def load(self, portion: Portion, cell: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Standardised hypercolumns (n, channel) and targets (n, target) of one cell."""
        drawn = portion.pixels.stop - portion.pixels.start
        regions = sum(map(len, portion.parts))
        # One array from the start, since two of them would double the memory.
        columns = np.empty((drawn * regions, self.standardisation.channels), np.float32)
        targets, last = [], 0
        for part in portion.parts:
            first, last = last, last + drawn * len(part)
            with self.files.open(part.shard) as file:
                self._fill(columns[first:last].reshape(drawn, len(part), -1), file, part.rows, cell, portion.pixels)
                known = read_samples(file, LABELS, cell, portion.pixels)[:, part.rows]
                targets.append(known.reshape(-1, known.shape[2]))
        return columns, np.concatenate(targets)

    def _fill(self, columns: NDArray[np.float32], file: ArrayFile, rows: slice, cell: int, pixels: slice) -> None:
        """Write the standardised hypercolumns of the regions `rows` of a shard into `columns` (pixel, region, channel)."""
        for (first, last), (layer, shift) in zip(
            pairwise(self.standardisation.edges), self.standardisation.shift.items(), strict=True
        ):
            part = columns[..., first:last]
            np.subtract(read_samples(file, layer, cell, pixels)[:, rows], shift, out=part)
            part *= self.standardisation.scale[layer]

    def restrict(self, layer: str) -> "SgdSolver":
        """See `Solver.restrict`."""
        return replace(self, standardisation=self.standardisation.restrict(layer))

    def fit(self, n_targets: int, cell: int, settings: TrainParameters, seed: int) -> CellFit:
        """Fit by averaged stochastic gradient descent; see `Solver.fit`. Paper, training of the classifiers."""
        weights, bias = np.zeros((n_targets, self.standardisation.channels)), np.zeros(n_targets)
        models = [_classifier(settings, seed) for _ in range(n_targets)]
        seen = np.zeros((n_targets, 2), dtype=bool)
        portions = self.portions(MAX_BYTES)
        order = np.random.default_rng([seed, cell])
        loaded, columns, targets = None, np.empty((0, 0), np.float32), np.empty((0, 0), np.int8)
        for _ in range(settings.epochs):
            for number in order.permutation(len(portions)):
                if loaded != number:
                    del columns, targets  # before the next take as much
                    columns, targets = self.load(portions[number], cell)
                    loaded = number
                for target, model in enumerate(models):
                    known = targets[:, target] != IGNORE
                    labels = targets[known, target]
                    seen[target] |= [np.any(labels == 0), np.any(labels == 1)]
                    if len(labels):
                        model.partial_fit(columns if known.all() else columns[known], labels, classes=(0, 1))
        for target, model in enumerate(models):
            if seen[target].all():
                weights[target], bias[target] = model.coef_[0], model.intercept_[0]
            else:
                bias[target] = constant_bias(bool(seen[target, 1]))
        return CellFit(weights, bias)

    def layer_logits(self, cell: int, weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """See `Solver.layer_logits`."""
        edges = self.standardisation.edges
        logits, targets = [], []
        for portion in self.portions(MAX_BYTES):
            columns, known = self.load(portion, cell)
            logits.append(np.stack([columns[:, a:b] @ weights[:, a:b].T for a, b in pairwise(edges)], axis=2))
            targets.append(known)
        return np.concatenate(logits), np.concatenate(targets)


def _classifier(settings: TrainParameters, seed: int) -> SGDClassifier:
    # A generator, not a number: a number would shuffle every epoch alike.
    shuffle = np.random.RandomState(seed)
    return SGDClassifier(loss="log_loss", alpha=settings.alpha, average=True, random_state=shuffle)
