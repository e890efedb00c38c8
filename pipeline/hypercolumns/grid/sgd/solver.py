"""Stochastic gradient descent on sampled pixels, streamed so that memory stays bounded."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier

from hypercolumns.grid.array_file import ArrayFile
from hypercolumns.grid.problem import CellFit, Solver, constant_bias
from hypercolumns.grid.sgd.samples import SampleFiles, read_samples
from hypercolumns.grid.shard_files import LABELS, ShardPart
from hypercolumns.grid.targets import IGNORE, NEGATIVE, POSITIVE

MAX_BYTES = 2**27
"""Bytes of hypercolumns that a worker keeps; the samples of a larger cell are read again in every epoch."""


@dataclass(frozen=True)
class Portion:
    """Pixels that are in memory together."""

    parts: tuple[ShardPart, ...]
    pixels: slice
    """Range of the pixels drawn per region and cell."""


@dataclass(frozen=True)
class SgdSolver(Solver[SampleFiles]):
    """Fits classifiers on sampled pixels; see `Solver`."""

    def portions(self, limit: int) -> list[Portion]:
        """Divide the pixels of a cell into portions whose hypercolumns take at most `limit` bytes, where possible.

        A portion holds some pixels of every region: regions are sorted by category, and a classifier that sees one
        category after the other learns worse. Shards are split over several portions only where one pixel of every
        region exceeds the limit.
        """
        problem = self.problem
        parts, n_pixels = problem.parts, problem.files.pixels_per_cell
        bytes_per_pixel = sum(map(len, parts)) * problem.standardisation.channels * 4  # of every region
        step = max(limit // bytes_per_pixel, 1)
        cuts = [*range(0, n_pixels, step), n_pixels]
        n_subsets = min(-(-bytes_per_pixel // limit), len(parts))
        subsets = [tuple(parts[first::n_subsets]) for first in range(n_subsets)]
        return [Portion(subset, slice(first, last)) for subset in subsets for first, last in pairwise(cuts)]

    def load(self, portion: Portion) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Read standardised hypercolumns (n, channel) and labels (n, target)."""
        n_pixels = portion.pixels.stop - portion.pixels.start
        n_regions = sum(map(len, portion.parts))
        # Allocated at once and filled part by part, since joining arrays would double the memory.
        hypercolumns = np.empty((n_pixels * n_regions, self.problem.standardisation.channels), np.float32)
        labels, last = [], 0
        for part in portion.parts:
            first, last = last, last + n_pixels * len(part)
            with self.problem.files.open(part.shard) as file:
                values = hypercolumns[first:last].reshape(n_pixels, len(part), -1)
                self._fill(values, file, part.rows, portion.pixels)
                part_labels = read_samples(file, LABELS, self.problem.cell, portion.pixels)[:, part.rows]
                labels.append(part_labels.reshape(-1, part_labels.shape[2]))
        return hypercolumns, np.concatenate(labels)

    def _fill(self, values: NDArray[np.float32], file: ArrayFile, rows: slice, pixels: slice) -> None:
        """Fill `values` (pixel, region, channel) with standardised hypercolumns of the regions `rows` of a shard."""
        standardisation = self.problem.standardisation
        for layer, channels in standardisation.slices.items():
            samples, layer_values = read_samples(file, layer, self.problem.cell, pixels)[:, rows], values[..., channels]
            np.subtract(samples, standardisation.shift[layer], out=layer_values)
            layer_values *= standardisation.scale[layer]

    def fit(self) -> CellFit:
        """Run averaged stochastic gradient descent for `settings.epochs` epochs. Paper, training of the classifiers.

        See `Solver.fit`.
        """
        n_targets, settings = self.problem.n_targets, self.problem.settings
        # With an integer as random state, every call of `partial_fit` would shuffle alike.
        shuffles = [np.random.RandomState(self.problem.seed) for _ in range(n_targets)]
        models = [
            SGDClassifier(loss="log_loss", alpha=settings.alpha, average=True, random_state=shuffle)
            for shuffle in shuffles
        ]
        seen = np.zeros((n_targets, 2), dtype=bool)
        portions = self.portions(MAX_BYTES)
        rng = np.random.default_rng([self.problem.seed, self.problem.cell])
        loaded, hypercolumns, labels = None, np.empty((0, 0), np.float32), np.empty((0, 0), np.int8)
        for _ in range(settings.epochs):
            for number in rng.permutation(len(portions)):
                if loaded != number:
                    del hypercolumns, labels  # frees them before the next portion takes as much memory
                    hypercolumns, labels = self.load(portions[number])
                    loaded = number
                for target, model in enumerate(models):
                    known = labels[:, target] != IGNORE
                    truth = labels[known, target]
                    seen[target] |= [np.any(truth == NEGATIVE), np.any(truth == POSITIVE)]
                    if len(truth):
                        samples = hypercolumns if known.all() else hypercolumns[known]
                        model.partial_fit(samples, truth, classes=(NEGATIVE, POSITIVE))
        weights, bias = np.zeros((n_targets, self.problem.standardisation.channels)), constant_bias(seen[:, 1])
        for target in np.flatnonzero(seen.all(axis=1)).tolist():
            weights[target], bias[target] = models[target].coef_[0], models[target].intercept_[0]
        return CellFit(weights, bias)

    def layer_logits(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """See `Solver.layer_logits`."""
        layers = self.problem.standardisation.slices.values()
        logits, labels = [], []
        for portion in self.portions(MAX_BYTES):
            hypercolumns, portion_labels = self.load(portion)
            logits.append(np.stack([hypercolumns[:, layer] @ weights[:, layer].T for layer in layers], axis=2))
            labels.append(portion_labels)
        return np.concatenate(logits), np.concatenate(labels)
