"""Training: the pipeline's grids from a store against a script that upsamples, concatenates and fits scikit-learn."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from distributed import Client
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler
from torch.nn.functional import interpolate

from benchmarks import one_cell
from benchmarks.figures import Figure, Goal, Section
from benchmarks.inputs import T_NET, SyntheticTask, channels, dense_bytes, synthetic_store
from benchmarks.measuring import Cost, in_new_process
from benchmarks.sizes import Sizes
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.scoring import heat_maps
from hypercolumns.grid.sgd.samples import draw_locations
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.training import train_grids
from hypercolumns.parameters import TrainParameters

SOLVERS: Mapping[str, TrainParameters] = {
    "SGD on sampled pixels": TrainParameters(solver="sgd"),
    "exact on every pixel": TrainParameters(solver="exact"),
}
"""Settings that are measured, by name. The table gets the rows of every entry."""

N_COMPARED = 8
"""Number of regions on whose pixels, all of them, the classifiers are compared."""


def figures(sizes: Sizes) -> Section:
    """Measure time, memory and accuracy of every solver and of the script."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store.zarr"
        synthetic_store(store, sizes.training_regions, T_NET)
        costs = _measure(folder, store, max(1, sizes.repeats // 2))
        half = Path(folder) / "half.zarr"
        synthetic_store(half, -(-sizes.training_regions // 2), T_NET)
        on_one_cell = one_cell.figures(half, SOLVERS["exact on every pixel"])
    script = costs["script"]
    results = [
        Figure(
            "straightforward script, SGDClassifier on sampled pixels",
            _seconds(script),
            "s",
            f"peak {_peak(script) / 1e6:.0f} MB, {_accuracy(script):.1%} of the pixels right",
        )
    ]
    for name in SOLVERS:
        solver = costs[name]
        results += [
            Figure(
                f"{name}: faster than the script",
                float(np.median([a.seconds / b.seconds for a, b in zip(script, solver, strict=True)])),
                "x",
                f"{_seconds(solver):.1f} and {_seconds(script):.1f} s",
                Goal("at least", 1),
            ),
            Figure(
                f"{name}: less memory than the script",
                _peak(script) / max(_peak(solver), 1),
                "x",
                f"peaks of {_peak(solver) / 1e6:.0f} and {_peak(script) / 1e6:.0f} MB",
                Goal("at least", 1),
            ),
            Figure(
                f"{name}: share of pixels right, minus the script's",
                _accuracy(solver) - _accuracy(script),
                "",
                f"{_accuracy(solver):.1%} and {_accuracy(script):.1%}",
            ),
        ]
    settings = SOLVERS["SGD on sampled pixels"]
    return Section(
        "Training",
        f"T-Net blocks ({channels(T_NET)} channels, random values after a ReLU) of {sizes.training_regions} regions, "
        f"K = {settings.grid}, alpha = {settings.alpha:g}, one thread. SGD takes "
        f"{settings.pixels_per_region} pixels per region and {settings.epochs} epochs, the exact solver all "
        f"{settings.heat_map**2} pixels. The first script reads the same store, upsamples a region's blocks with "
        "torch, concatenates them, keeps the same pixels as SGD, standardises and fits scikit-learn's "
        "SGDClassifier per cell. Both solvers are compared with it, although the exact one learns from "
        f"{settings.heat_map**2 / settings.pixels_per_region:.0f} times its pixels. On one cell, all of its pixels in "
        "half of the regions are used: the script upsamples, concatenates and fits scikit-learn's LogisticRegression "
        "(L-BFGS, the same objective and tolerance); the exact solver lays out the maps, which serve all cells, and "
        "fits the cell; both objectives are computed on the script's hypercolumns. The pipeline runs with one Dask "
        "worker inside the measured process. The dense hypercolumns of a region take "
        f"{dense_bytes(T_NET) / 1e6:.2f} MB.",
        (*results, *on_one_cell),
    )


def _measure(folder: str, store: Path, rounds: int) -> dict[str, list[Cost]]:
    """Measure the script and every solver in turn; gives the costs by name."""
    costs: dict[str, list[Cost]] = {name: [] for name in ("script", *SOLVERS)}
    for _ in range(rounds):
        costs["script"].append(in_new_process(fit_script, store, TrainParameters(solver="sgd")))
        for name, settings in SOLVERS.items():
            costs[name].append(in_new_process(fit_pipeline, store, settings, folder))
    return costs


def _seconds(costs: list[Cost]) -> float:
    return float(np.median([cost.seconds for cost in costs]))


def _peak(costs: list[Cost]) -> float:
    return float(np.median([cost.peak for cost in costs]))


def _accuracy(costs: list[Cost]) -> float:
    return float(costs[0].result)


def fit_pipeline(store: Path, settings: TrainParameters, folder: str) -> float:
    """Train a grid as the stage does; gives the share of pixels that it gets right."""
    os.chdir(folder)  # for its scratch files
    task = SyntheticTask()
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        spec = GridSpec(FeatureStore.open(store).layers, settings.grid)
        (model,) = train_grids(store, task, [spec], settings, client, scratch=store.parent)
    return share_right(store, model)


def fit_script(store: Path, settings: TrainParameters) -> float:
    """Train as a user's script would: hypercolumns of every region, sampled pixels of them, scikit-learn.

    Gives the share of pixels that it gets right.
    """
    opened, task = FeatureStore.open(store), SyntheticTask()
    per_cell = max(1, round(settings.pixels_per_region / settings.grid**2))
    size, cells = settings.heat_map, settings.grid**2
    columns: list[NDArray[np.float32]] = []
    labels: list[NDArray[np.int8]] = []
    for rows in opened.parts:
        rng = np.random.default_rng([0, settings.grid, rows.start])
        drawn = draw_locations(rng, rows.stop - rows.start, size, settings.grid, per_cell)
        maps = task.target_maps(opened.regions[rows], opened.expanded_boxes[rows], size)
        blocks = [torch.from_numpy(opened.read(layer, rows)).float() for layer in opened.layers]
        for region, at in enumerate(drawn):
            up = [interpolate(b[region : region + 1], (size, size), mode="bilinear") for b in blocks]
            dense = torch.cat(up, dim=1)[0].flatten(1).T
            columns.append(dense[at.ravel()].numpy().reshape(cells, per_cell, -1))
            labels.append(maps[region, 0].ravel()[at])
    x, y = np.concatenate(columns, axis=1), np.concatenate(labels, axis=1)
    scaler = StandardScaler(copy=False).fit(x.reshape(-1, x.shape[2]))
    # Unit length on average, as in the pipeline: scikit-learn's default step size needs it.
    scale = (scaler.scale_ * np.sqrt(x.shape[2])).astype(np.float32)
    weights, bias = np.zeros((cells, x.shape[2]), np.float32), np.zeros(cells, np.float32)
    for cell in range(cells):
        if len(np.unique(y[cell])) < 2:
            bias[cell] = 10.0 if y[cell, 0] else -10.0
            continue
        classifier = SGDClassifier(
            loss="log_loss", alpha=settings.alpha, average=True, max_iter=settings.epochs, tol=None, random_state=0
        )
        classifier.fit((x[cell] - scaler.mean_.astype(np.float32)) / scale, y[cell])
        weights[cell] = classifier.coef_[0] / scale
        bias[cell] = classifier.intercept_[0] - weights[cell] @ scaler.mean_
    edges = np.cumsum([block.shape[1] for block in blocks])[:-1]
    parts = dict(zip(opened.layers, np.split(weights[None, None], edges, axis=-1), strict=True))
    spec = GridSpec(opened.layers, settings.grid)
    return share_right(store, GridModel(spec, size, task.targets, ("shared",), {1: 0}, parts, bias[None, None]))


def share_right(store: Path, model: GridModel) -> float:
    """Share of all pixels of the first regions, which the model was trained on, that the model gets right."""
    opened, rows = FeatureStore.open(store), slice(0, N_COMPARED)
    heat = heat_maps(model, 0, {layer: opened.read(layer, rows) for layer in opened.layers})
    truth = SyntheticTask().target_maps(opened.regions[rows], opened.expanded_boxes[rows], model.heat_map)
    return float(((heat > 0.5) == truth).mean())
