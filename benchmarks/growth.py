"""Growth: time and memory of training and prediction with 1, 4 and 16 times the regions, and with two workers."""

import importlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
from distributed import Client

from benchmarks.figures import Figure, Goal, Section
from benchmarks.inputs import SMALL, SyntheticTask, channels, describe_solver, synthetic_store
from benchmarks.measuring import in_new_process, seconds
from benchmarks.sizes import Sizes
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.workers import PREDICTING, TRAINING
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.exact import solver as exact
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.sgd import solver as sgd
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.training import train_grids
from hypercolumns.parameters import ComputeParameters, PredictParameters, TrainParameters
from hypercolumns.tasks.prediction import predict

FACTORS = (1, 4, 16)
"""Sizes of the stores, as multiples of the smallest."""

ONE_CELL = (TrainParameters(solver="exact", grid=1), TrainParameters(solver="sgd", grid=1))
"""Settings with one cell, which is then larger than what a worker keeps in memory, as in large data sets."""

DEFAULT_MAX_BYTES = {"exact": exact.MAX_BYTES, "sgd": sgd.MAX_BYTES}
"""Bytes of a cell that a worker keeps in memory, by solver."""

LOWERED_MAX_BYTES = 2**25
"""Bytes that it keeps here: few enough that the cell of the smallest store exceeds them, since memory grows up to this
limit and only then shows whether it stays flat. Reading portions again does not cost measurable time: 1280 regions with
the exact solver take 3.3 s of CPU with this limit and 3.4 s with everything in memory."""

FULL_FACTOR = {"exact": 16, "sgd": 4}
"""The store whose cell exceeds what a worker keeps by default, by solver: 2.5 and 4.6 times in the default sizes."""

MEMORY_REASONS = {
    "exact": "Profiled: the allocator keeps a varying part of what is freed between portions; the same measurement run "
    "alone gave 1.05 twice.",
    "sgd": "Profiled: selecting the pixels that count copies the portion.",
}
"""Why memory grows past what a worker keeps, by solver; shown where the goal is missed."""

TIME_REASON = (
    "The three sizes run one after the other, so the load of other processes in the meantime counts: three runs gave "
    "0.91, 1.08 and 1.21 for sgd."
)
"""Why a region of a larger store may take longer; shown where the goal is missed."""

WORKER_SETTINGS = TrainParameters()
"""Settings for the comparison of one worker and two, which share the cells: the default solver and K."""


def figures(sizes: Sizes) -> Section:
    """Measure the growth with both solvers, and the gain of a second worker with the default one."""
    with tempfile.TemporaryDirectory() as folder:
        stores = {factor: Path(folder) / f"{factor}.zarr" for factor in FACTORS}
        for factor, path in stores.items():
            synthetic_store(path, factor * sizes.growth_regions, SMALL)
        costs = {
            settings.solver: {f: _cost(path, Path(folder), settings, LOWERED_MAX_BYTES) for f, path in stores.items()}
            for settings in ONE_CELL
        }
        full = {
            settings.solver: _cost(
                stores[FULL_FACTOR[settings.solver]], Path(folder), settings, DEFAULT_MAX_BYTES[settings.solver]
            )
            for settings in ONE_CELL
        }
        workers = [
            [in_new_process(_with_workers, stores[max(FACTORS)], Path(folder), n).result for n in (1, 2)]
            for _ in range(max(1, sizes.repeats // 2))
        ]
    one_worker = float(np.median([one for one, _ in workers]))
    results = (
        *(figure for solver in costs for figure in _growth(solver, costs[solver], sizes.growth_regions)),
        *(
            Figure(
                f"{solver}: peak memory with the default limit, {FULL_FACTOR[solver]} x the regions",
                cost.peak / 1e6,
                "MB",
                f"a worker keeps at most {DEFAULT_MAX_BYTES[solver] / 1e6:.0f} MB of a cell; "
                "more regions do not change it",
            )
            for solver, cost in full.items()
        ),
        Figure(
            f"{WORKER_SETTINGS.solver}: speed of two Dask workers over one",
            float(np.median([one / two for one, two in workers])),
            "x",
            ", ".join(f"{one:.1f} and {two:.1f} s" for one, two in workers),
            Goal("at least", 1.7),
            "Profiled: a fit is limited by memory bandwidth, which the cores share: two processes that fit cells at "
            "the same time take 1.1 to 1.4 times as long for each as one alone. Client and scheduler need "
            "the cores too.",
        ),
        Figure(
            f"{WORKER_SETTINGS.solver}, K = {WORKER_SETTINGS.grid}: train and predict, per region on one core",
            one_worker / (max(FACTORS) * sizes.growth_regions) * 1e3,
            "ms",
            "one worker",
        ),
    )
    return Section(
        "Growth",
        f"Synthetic stores of {', '.join(str(f * sizes.growth_regions) for f in FACTORS)} regions, {channels(SMALL)} "
        "channels in three layers; masks are trained and predicted for all regions. Time and memory: K = "
        f"{ONE_CELL[0].grid}, {' and '.join(describe_solver(settings) for settings in ONE_CELL)}. Training and "
        "prediction run in separate processes, as the stages do, and the larger peak counts. Each process contains a "
        f"Dask worker of one thread that keeps {LOWERED_MAX_BYTES / 1e6:.0f} MB of a cell, less than the smallest "
        "store has: up to this limit memory grows with the cell. The memory of prediction grows with its "
        "answers, which all go to the client. "
        f"Workers: the default solver ({describe_solver(WORKER_SETTINGS)}), K = "
        f"{WORKER_SETTINGS.grid}, the largest store; processes of one thread each, started before the clock.",
        results,
    )


@dataclass(frozen=True)
class _Cost:
    """Time and memory of training and prediction."""

    seconds: float
    """Seconds of both."""
    training: int
    """Peak memory of training in bytes."""
    prediction: int
    """Peak memory of prediction in bytes."""

    @property
    def peak(self) -> int:
        return max(self.training, self.prediction, 2**20)  # smaller peaks are not measured reliably


def _growth(solver: str, costs: Mapping[int, _Cost], regions: int) -> list[Figure]:
    """Compare the costs of one solver, by factor, with those of the smallest store, which has `regions`."""
    most = max(FACTORS)
    per_region = {f: cost.seconds / (f * regions) * 1e3 for f, cost in costs.items()}
    return [
        Figure(
            f"{solver}: time per region, {most} x the regions over 1 x",
            per_region[most] / per_region[1],
            "x",
            ", ".join(f"{f} x: {value:.2f} ms" for f, value in per_region.items()),
            Goal("at most", 1.15),
            TIME_REASON,
        ),
        Figure(
            f"{solver}: peak memory, {most} x the regions over 1 x",
            costs[most].peak / costs[1].peak,
            "x",
            f"{', '.join(f'{f} x: {cost.peak / 1e6:.0f} MB' for f, cost in costs.items())}; a worker keeps "
            f"{LOWERED_MAX_BYTES / 1e6:.0f} MB of a cell; prediction alone {costs[1].prediction / 1e6:.0f} and "
            f"{costs[most].prediction / 1e6:.0f} MB",
            Goal("at most", 1.25),
            MEMORY_REASONS[solver],
        ),
        Figure(f"{solver}, K = 1: train and predict, per region on one core", per_region[most], "ms"),
    ]


def _cost(store: Path, folder: Path, settings: TrainParameters, max_bytes: int) -> _Cost:
    """Measure training and prediction with a worker that keeps at most `max_bytes` of a cell."""
    training = in_new_process(_in_this_process, _train, store, folder, settings, max_bytes)
    prediction = in_new_process(_in_this_process, _predict, store, folder, settings, max_bytes)
    return _Cost(training.result + prediction.result, training.peak, prediction.peak)


def _in_this_process(
    step: Callable[[Path, Path, Client, TrainParameters], None],
    store: Path,
    folder: Path,
    settings: TrainParameters,
    max_bytes: int,
) -> float:
    """Measure the seconds of a step with a worker in this process that keeps at most `max_bytes` of a cell."""
    with (
        mock.patch.multiple(exact, MAX_BYTES=max_bytes),
        mock.patch.multiple(sgd, MAX_BYTES=max_bytes),
        Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client,
    ):
        return seconds(partial(step, store, folder, client, settings))


def _with_workers(store: Path, folder: Path, workers: int) -> float:
    """Measure the seconds of training and prediction with `workers` processes."""
    with connect(ComputeParameters(workers=workers)) as client:
        client.run(import_modules)
        return sum(seconds(partial(step, store, folder, client, WORKER_SETTINGS)) for step in (_train, _predict))


def import_modules() -> None:
    """Import what a worker would otherwise import while the clock runs."""
    for module in (*TRAINING, *PREDICTING):
        importlib.import_module(module)


def _train(store: Path, folder: Path, client: Client, settings: TrainParameters) -> None:
    os.chdir(folder)  # for its scratch files
    task, spec = SyntheticTask(), GridSpec(FeatureStore.open(store).layers, settings.grid)
    (model,) = train_grids(store, task, [spec], settings, client, scratch=folder)
    model.save(_model_path(store, folder, settings))


def _predict(store: Path, folder: Path, client: Client, settings: TrainParameters) -> None:
    model = GridModel.open(_model_path(store, folder, settings))
    task, asked = SyntheticTask(), PredictParameters(superpixels=0)
    images = task.annotations.image_by_id
    with predict(store, task, [model], asked, client, images=images, scratch=folder / "scratch") as (predictions,):
        for kind, of_kind in predictions.items():
            of_kind.write_results(folder / f"{kind}.json")


def _model_path(store: Path, folder: Path, settings: TrainParameters) -> Path:
    return folder / f"{store.stem}-{settings.solver}-{settings.grid}.zarr"
