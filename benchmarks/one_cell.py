"""One cell on every pixel: the exact solver beside scikit-learn's LogisticRegression on dense hypercolumns."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import interpolate

from benchmarks.figures import Figure, Goal
from benchmarks.inputs import SyntheticTask
from benchmarks.measuring import apart
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.cells import cell_bounds
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.exact.solver import ExactSolver
from hypercolumns.grid.standardise import Standardisation
from hypercolumns.grid.targets import write_target_maps
from hypercolumns.parameters import TrainParameters

CELL = 6
"""The second in the second row, through which the edges of the discs of a synthetic task run."""


@dataclass(frozen=True)
class Fit:
    """Weights (channel,) on standardised hypercolumns, the bias, and the seconds of the fit alone."""

    weights: NDArray[np.float64]
    bias: float
    seconds: float = 0.0


def figures(store: Path, settings: TrainParameters) -> list[Figure]:
    """Time, memory and agreement of the two on `CELL` of the same regions."""
    with tempfile.TemporaryDirectory() as folder:
        own = apart(fit_pipeline, store, settings, Path(folder))
    script = apart(fit_script, store, settings)
    reached = apart(objectives, store, settings, (own.result, script.result)).result
    return [
        Figure(
            "exact on one cell: faster than a script with LogisticRegression",
            script.seconds / own.seconds,
            "x",
            f"{own.seconds:.1f} and {script.seconds:.1f} s",
            Goal("at least", 1),
        ),
        Figure(
            "exact on one cell: fit alone, faster than LogisticRegression's",
            script.result.seconds / own.result.seconds,
            "x",
            f"{own.result.seconds:.2f} and {script.result.seconds:.2f} s; maps and hypercolumns lie ready, and could "
            "serve other cells",
        ),
        Figure(
            "exact on one cell: less memory than the script",
            script.peak / max(own.peak, 1),
            "x",
            f"peaks of {own.peak / 1e6:.0f} and {script.peak / 1e6:.0f} MB",
            Goal("at least", 1),
        ),
        Figure(
            "exact on one cell: objective, over the script's",
            reached[0] / reached[1],
            "x",
            f"{reached[0]:.5f} and {reached[1]:.5f}; both stop where no entry of the gradient exceeds "
            f"{settings.tolerance:g}, short of the optimum",
        ),
    ]


def fit_pipeline(store: Path, settings: TrainParameters, folder: Path) -> Fit:
    """Lay out the maps and fit the cell, as a worker of the stage does."""
    opened, task = FeatureStore.open(store), SyntheticTask()
    write_target_maps(folder / "targets.zarr", task, opened, settings.heat_map)
    files = MapFiles(store, folder / "targets.zarr", folder, opened.shards, opened.layers, settings.heat_map)
    moments = [files.lay_out(shard) for shard in range(len(opened.shards))]
    total = {layer: sum((part[layer] for part in moments[1:]), moments[0][layer]) for layer in opened.layers}
    standardisation = Standardisation.fit(total, opened.layers)
    rows = slice(0, len(opened))
    solver = ExactSolver(files, settings.grid, rows, standardisation, torch.device("cpu"))
    start = time.perf_counter()
    fit = solver.fit(1, CELL, settings, 0)
    return Fit(fit.weights[0], float(fit.bias[0]), time.perf_counter() - start)


def fit_script(store: Path, settings: TrainParameters) -> Fit:
    """What a user would write: every region's hypercolumns in the cell, and scikit-learn."""
    columns, labels = dense(store, settings)
    # The same objective: the mean log loss and alpha / 2 times the squared weights.
    classifier = LogisticRegression(C=1 / (settings.alpha * len(labels)), tol=settings.tolerance, max_iter=1000)
    start = time.perf_counter()
    classifier.fit(columns, labels)
    taken = time.perf_counter() - start
    return Fit(classifier.coef_[0].astype(np.float64), float(classifier.intercept_[0]), taken)


def objectives(store: Path, settings: TrainParameters, fits: Sequence[Fit]) -> list[float]:
    """Mean log loss and penalty of each fit on the dense hypercolumns of the cell."""
    columns, labels = dense(store, settings)
    found = []
    for fit in fits:
        scores = columns @ fit.weights.astype(np.float32) + np.float32(fit.bias)
        losses = np.logaddexp(0, np.where(labels == 1, -scores, scores).astype(np.float64))
        found.append(float(losses.mean() + settings.alpha / 2 * fit.weights @ fit.weights))
    return found


def dense(store: Path, settings: TrainParameters) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Standardised hypercolumns (pixel, channel) of all regions in the cell, and labels (pixel,).

    Channels are standardised over the maps and layers have equal shares, as in the pipeline, so that the penalty means
    the same.
    """
    opened, size = FeatureStore.open(store), settings.heat_map
    bounds, (row, column) = cell_bounds(size, settings.grid), divmod(CELL, settings.grid)
    high, wide = (slice(bounds[i], bounds[i + 1]) for i in (row, column))
    regions, pixels = len(opened), (high.stop - high.start) * (wide.stop - wide.start)
    blocks = {layer: opened.read(layer, slice(0, regions)) for layer in opened.layers}
    edges = np.cumsum([0, *(block.shape[1] for block in blocks.values())])
    columns = np.empty((regions, pixels, edges[-1]), np.float32)
    for (first, last), block in zip(pairwise(edges), blocks.values(), strict=True):
        values = block.astype(np.float32)
        mean, deviation = values.mean(axis=(0, 2, 3)), values.std(axis=(0, 2, 3), dtype=np.float64)
        used = deviation > 1e-6
        scale = np.where(used, 1 / (np.where(used, deviation, 1) * np.sqrt(used.sum() * len(blocks))), 0)
        for region in range(regions):
            up = interpolate(torch.from_numpy(values[region : region + 1]), (size, size), mode="bilinear")[0]
            columns[region, :, first:last] = (up[:, high, wide].flatten(1).numpy().T - mean) * scale.astype(np.float32)
    maps = SyntheticTask().target_maps(opened.regions, opened.expanded_boxes, size)
    return columns.reshape(-1, edges[-1]), maps[:, 0, high, wide].reshape(-1)
