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
from benchmarks.measuring import in_new_process
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.cells import cell_slices
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.exact.solver import ExactSolver
from hypercolumns.grid.problem import CellProblem
from hypercolumns.grid.standardise import Standardisation, add_moments
from hypercolumns.grid.targets import write_target_maps
from hypercolumns.parameters import TrainParameters
from hypercolumns.places.place import place_at

CELL = 6
"""The second cell of the second row: the edges of the synthetic task's discs run through it."""


@dataclass(frozen=True)
class Fit:
    """The classifier of one cell."""

    weights: NDArray[np.float64]
    """(channel,) on standardised hypercolumns."""
    bias: float
    seconds: float = 0.0
    """Seconds of the fit alone."""


def figures(store: Path, settings: TrainParameters) -> list[Figure]:
    """Measure time, memory and objective of the solver and of the script on `CELL` of the same regions."""
    with tempfile.TemporaryDirectory() as folder:
        solver = in_new_process(fit_pipeline, store, settings, Path(folder))
    script = in_new_process(fit_script, store, settings)
    reached = in_new_process(objectives, store, settings, (solver.result, script.result)).result
    return [
        Figure(
            "exact on one cell: faster than a script with LogisticRegression",
            script.seconds / solver.seconds,
            "x",
            f"{solver.seconds:.1f} and {script.seconds:.1f} s",
            Goal("at least", 1),
        ),
        Figure(
            "exact on one cell: fit alone, faster than LogisticRegression's",
            script.result.seconds / solver.result.seconds,
            "x",
            f"{solver.result.seconds:.2f} and {script.result.seconds:.2f} s; without the preparation of maps and "
            "hypercolumns, which could serve other cells",
        ),
        Figure(
            "exact on one cell: less memory than the script",
            script.peak / max(solver.peak, 1),
            "x",
            f"peaks of {solver.peak / 1e6:.0f} and {script.peak / 1e6:.0f} MB",
            Goal("at least", 1),
        ),
        Figure(
            "exact on one cell: objective, relative to the script's",
            reached[0] / reached[1],
            "x",
            f"{reached[0]:.5f} and {reached[1]:.5f}; both stop when no entry of the gradient exceeds "
            f"{settings.tolerance:g}, shortly before the optimum",
        ),
    ]


def fit_pipeline(store: Path, settings: TrainParameters, folder: Path) -> Fit:
    """Lay out the maps and fit the cell, as a worker of the training stage does."""
    opened, task = FeatureStore.open(store), SyntheticTask()
    write_target_maps(folder / "targets.zarr", task, opened, settings.heat_map)
    files = MapFiles(
        store=store,
        place=place_at(folder / "files"),
        n_regions=len(opened),
        layers=opened.layers,
        heat_map=settings.heat_map,
    )
    files.begin(folder / "targets.zarr")
    moments = add_moments(moments for file in range(files.n_files) for moments in files.lay_out(file))
    solver = ExactSolver(
        CellProblem(
            files=files,
            grid=settings.grid,
            cell=CELL,
            rows=slice(0, len(opened)),
            standardisation=Standardisation.fit(moments, opened.layers),
            n_targets=1,
            settings=settings,
            seed=0,
            device="cpu",
        )
    )
    start = time.perf_counter()
    fit = solver.fit()
    return Fit(fit.weights[0], float(fit.bias[0]), time.perf_counter() - start)


def fit_script(store: Path, settings: TrainParameters) -> Fit:
    """Fit as a user's script would: hypercolumns of all regions in the cell, and scikit-learn."""
    columns, labels = dense_hypercolumns(store, settings)
    # This C gives the same objective: mean log loss plus alpha / 2 times the squared weights.
    classifier = LogisticRegression(C=1 / (settings.alpha * len(labels)), tol=settings.tolerance, max_iter=1000)
    start = time.perf_counter()
    classifier.fit(columns, labels)
    elapsed = time.perf_counter() - start
    return Fit(classifier.coef_[0].astype(np.float64), float(classifier.intercept_[0]), elapsed)


def objectives(store: Path, settings: TrainParameters, fits: Sequence[Fit]) -> list[float]:
    """Compute the mean log loss plus penalty of each fit on the dense hypercolumns of the cell."""
    columns, labels = dense_hypercolumns(store, settings)
    values = []
    for fit in fits:
        scores = columns @ fit.weights.astype(np.float32) + np.float32(fit.bias)
        losses = np.logaddexp(0, np.where(labels == 1, -scores, scores).astype(np.float64))
        values.append(float(losses.mean() + settings.alpha / 2 * fit.weights @ fit.weights))
    return values


def dense_hypercolumns(store: Path, settings: TrainParameters) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Compute standardised hypercolumns (pixel, channel) of all regions in the cell, and labels (pixel,).

    As in the pipeline, channels are standardised over the maps and layers have equal shares; otherwise the penalty
    would have another meaning.
    """
    opened, size = FeatureStore.open(store), settings.heat_map
    rows, columns = cell_slices(size, settings.grid, CELL)
    regions, pixels = len(opened), (rows.stop - rows.start) * (columns.stop - columns.start)
    blocks = {layer: opened.read(layer, slice(0, regions)) for layer in opened.layers}
    edges = np.cumsum([0, *(block.shape[1] for block in blocks.values())])
    dense = np.empty((regions, pixels, edges[-1]), np.float32)
    for (first, last), block in zip(pairwise(edges), blocks.values(), strict=True):
        values = block.astype(np.float32)
        mean, deviation = values.mean(axis=(0, 2, 3)), values.std(axis=(0, 2, 3), dtype=np.float64)
        used = deviation > 1e-6
        scale = np.where(used, 1 / (np.where(used, deviation, 1) * np.sqrt(used.sum() * len(blocks))), 0)
        for region in range(regions):
            up = interpolate(torch.from_numpy(values[region : region + 1]), (size, size), mode="bilinear")[0]
            pixel_values = up[:, rows, columns].flatten(1).numpy().T
            dense[region, :, first:last] = (pixel_values - mean) * scale.astype(np.float32)
    maps = SyntheticTask().target_maps(opened.regions, opened.expanded_boxes, size)
    return dense.reshape(-1, edges[-1]), maps[:, 0, rows, columns].reshape(-1)
