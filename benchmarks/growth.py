"""Growth: time and memory of training and prediction for 1, 4 and 16 times the regions, and for two Dask workers."""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from distributed import Client

from benchmarks.figures import Figure, Goal, Section
from benchmarks.inputs import SMALL, SyntheticTask, channels, synthetic_store
from benchmarks.measuring import apart
from benchmarks.sizes import Sizes
from pipeline.cluster import connect
from pipeline.features.store import FeatureStore
from pipeline.grid.model import GridSpec
from pipeline.grid.training import train_grids
from pipeline.parameters import ComputeParameters, PredictParameters, TrainParameters
from pipeline.tasks.prediction import predict

FACTORS = (1, 4, 16)

GROWING = TrainParameters(solver="sgd", grid=1)
"""One cell, so that its samples exceed what a worker keeps in memory at every size, as they do in large data sets."""

SPREAD = TrainParameters()
"""For two workers: the default, whose 25 cells they share."""


def figures(sizes: Sizes) -> Section:
    """Slopes over regions, and the gain of a second worker."""
    with tempfile.TemporaryDirectory() as folder:
        stores = {factor: Path(folder) / f"{factor}.zarr" for factor in FACTORS}
        for factor, path in stores.items():
            synthetic_store(path, factor * sizes.growth_regions, SMALL)
        costs = {factor: apart(_one_process, path, folder) for factor, path in stores.items()}
        workers = [
            [apart(_workers, stores[4], folder, n).result for n in (1, 2)] for _ in range(max(1, sizes.repeats // 2))
        ]
    most = max(FACTORS)
    per_region = {f: cost.result / (f * sizes.growth_regions) * 1e3 for f, cost in costs.items()}
    peaks = {f: cost.peak / 1e6 for f, cost in costs.items()}
    gains = [one / two for one, two in workers]
    found = (
        Figure(
            f"time per region, {most} x the regions over 1 x",
            per_region[most] / per_region[1],
            "x",
            ", ".join(f"{f} x: {value:.2f} ms" for f, value in per_region.items()),
            Goal("at most", 1.15),
            "what other processes did in the meantime counts in: the three sizes run one after the other",
        ),
        Figure(
            f"peak memory, {most} x the regions over 1 x",
            peaks[most] / peaks[1],
            "x",
            ", ".join(f"{f} x: {value:.0f} MB" for f, value in peaks.items()),
            Goal("at most", 1.25),
            "a worker keeps up to 128 MB of a cell's samples, and parts of them twice while it reads the next; "
            "tables and results grow too; read from the code, not profiled",
        ),
        Figure("train and predict, per region on one core", per_region[most], "ms"),
        Figure(
            "two Dask workers over one",
            float(np.median(gains)),
            "x",
            ", ".join(f"{one:.1f} and {two:.1f} s" for one, two in workers),
            Goal("at least", 1.7),
            f"this machine has {os.cpu_count()} cores, which client, scheduler and whatever else runs share with the "
            "workers",
        ),
    )
    return Section(
        "Growth",
        f"Synthetic stores of {', '.join(str(f * sizes.growth_regions) for f in FACTORS)} regions, {channels(SMALL)} "
        f"channels in three layers, K = {GROWING.grid} ({SPREAD.grid} for workers), {GROWING.pixels_per_region} "
        "pixels; training and prediction of masks for all regions. Time and memory: one Dask worker inside one "
        "process of one thread. Workers: processes of one thread each, started before the clock.",
        found,
    )


def _one_process(store: Path, folder: str) -> float:
    """Seconds of training and prediction with a worker in this process."""
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        return _train_and_predict(store, folder, client, GROWING)


def _workers(store: Path, folder: str, workers: int) -> float:
    """Seconds of training and prediction with workers in processes of their own."""
    with connect(ComputeParameters(workers=workers)) as client:
        client.run(_warm)
        return _train_and_predict(store, folder, client, SPREAD)


def _warm() -> None:
    """Imports that a worker would otherwise do on the clock."""
    import pipeline.grid.training
    import pipeline.tasks.prediction  # noqa: F401


def _train_and_predict(store: Path, folder: str, client: Client, settings: TrainParameters) -> float:
    os.chdir(folder)  # of its scratch files
    task = SyntheticTask()
    start = time.perf_counter()
    spec = GridSpec(FeatureStore.open(store).layers, settings.grid)
    (model,) = train_grids(store, task.annotations.categories, task, [spec], settings, 0, client)
    predict(store, [model], task, PredictParameters(), client)
    return time.perf_counter() - start
