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
from hypercolumns.grid.targets import IGNORE, NEGATIVE, POSITIVE
from hypercolumns.parameters import TrainParameters

MAX_BYTES = 2**27
"""Bytes of hypercolumns that a worker keeps; the samples of a larger cell are read again in every epoch."""


@dataclass(frozen=True)
class Portion:
    """Pixels that are in memory together."""

    parts: tuple[ShardPart, ...]
    pixels: slice
    """Which of the pixels drawn per region and cell."""


@dataclass(frozen=True)
class SgdSolver:
    """Fits classifiers on sampled pixels; see `Solver`."""

    files: SampleFiles
    rows: slice
    """Rows of the store that belong to the group of categories."""
    standardisation: Standardisation

    def portions(self, limit: int) -> list[Portion]:
        """Divide the pixels of a cell into portions whose hypercolumns take at most `limit` bytes, where possible.

        A portion holds some pixels of every region: regions are sorted by category, and a classifier that sees one
        category after the other learns worse. Shards are split over several portions only where one pixel of every
        region exceeds the limit.
        """
        parts = self.files.parts(self.rows)
        n_pixels = self.files.pixels_per_cell
        bytes_per_pixel = (self.rows.stop - self.rows.start) * self.standardisation.channels * 4  # of every region
        step = max(limit // bytes_per_pixel, 1)
        cuts = [*range(0, n_pixels, step), n_pixels]
        n_subsets = min(-(-bytes_per_pixel // limit), len(parts))
        subsets = [tuple(parts[first::n_subsets]) for first in range(n_subsets)]
        return [Portion(subset, slice(first, last)) for subset in subsets for first, last in pairwise(cuts)]

    def load(self, portion: Portion, cell: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Read standardised hypercolumns (n, channel) and labels (n, target) of one cell."""
        n_pixels = portion.pixels.stop - portion.pixels.start
        n_regions = sum(map(len, portion.parts))
        # Allocated at once and filled part by part, since joining arrays would double the memory.
        hypercolumns = np.empty((n_pixels * n_regions, self.standardisation.channels), np.float32)
        labels, last = [], 0
        for part in portion.parts:
            first, last = last, last + n_pixels * len(part)
            with self.files.open(part.shard) as file:
                values = hypercolumns[first:last].reshape(n_pixels, len(part), -1)
                self._fill(values, file, part.rows, cell, portion.pixels)
                part_labels = read_samples(file, LABELS, cell, portion.pixels)[:, part.rows]
                labels.append(part_labels.reshape(-1, part_labels.shape[2]))
        return hypercolumns, np.concatenate(labels)

    def _fill(self, values: NDArray[np.float32], file: ArrayFile, rows: slice, cell: int, pixels: slice) -> None:
        """Fill `values` (pixel, region, channel) with standardised hypercolumns of the regions `rows` of a shard."""
        for (first, last), (layer, shift) in zip(
            pairwise(self.standardisation.edges), self.standardisation.shift.items(), strict=True
        ):
            layer_values = values[..., first:last]
            np.subtract(read_samples(file, layer, cell, pixels)[:, rows], shift, out=layer_values)
            layer_values *= self.standardisation.scale[layer]

    def restrict(self, layer: str) -> "SgdSolver":
        """See `Solver.restrict`."""
        return replace(self, standardisation=self.standardisation.restrict(layer))

    def fit(self, n_targets: int, cell: int, settings: TrainParameters, seed: int) -> CellFit:
        """Run averaged stochastic gradient descent for `settings.epochs` epochs. Paper, training of the classifiers.

        See `Solver.fit`.
        """
        weights, bias = np.zeros((n_targets, self.standardisation.channels)), np.zeros(n_targets)
        models = [_classifier(settings, seed) for _ in range(n_targets)]
        seen = np.zeros((n_targets, 2), dtype=bool)
        portions = self.portions(MAX_BYTES)
        rng = np.random.default_rng([seed, cell])
        loaded, hypercolumns, labels = None, np.empty((0, 0), np.float32), np.empty((0, 0), np.int8)
        for _ in range(settings.epochs):
            for number in rng.permutation(len(portions)):
                if loaded != number:
                    del hypercolumns, labels  # frees them before the next portion takes as much memory
                    hypercolumns, labels = self.load(portions[number], cell)
                    loaded = number
                for target, model in enumerate(models):
                    known = labels[:, target] != IGNORE
                    truth = labels[known, target]
                    seen[target] |= [np.any(truth == NEGATIVE), np.any(truth == POSITIVE)]
                    if len(truth):
                        samples = hypercolumns if known.all() else hypercolumns[known]
                        model.partial_fit(samples, truth, classes=(NEGATIVE, POSITIVE))
        for target, model in enumerate(models):
            if seen[target].all():
                weights[target], bias[target] = model.coef_[0], model.intercept_[0]
            else:
                bias[target] = constant_bias(bool(seen[target, 1]))
        return CellFit(weights, bias)

    def layer_logits(self, cell: int, weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """See `Solver.layer_logits`."""
        edges = self.standardisation.edges
        logits, labels = [], []
        for portion in self.portions(MAX_BYTES):
            hypercolumns, portion_labels = self.load(portion, cell)
            logits.append(np.stack([hypercolumns[:, a:b] @ weights[:, a:b].T for a, b in pairwise(edges)], axis=2))
            labels.append(portion_labels)
        return np.concatenate(logits), np.concatenate(labels)


def _classifier(settings: TrainParameters, seed: int) -> SGDClassifier:
    # With an integer seed, every call of `partial_fit` would shuffle alike.
    shuffle = np.random.RandomState(seed)
    return SGDClassifier(loss="log_loss", alpha=settings.alpha, average=True, random_state=shuffle)
