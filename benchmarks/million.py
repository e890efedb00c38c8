"""A store of a million regions, opened, inspected, trained, predicted and evaluated: `python -m benchmarks.million`.

It measures what docs/scaling.md extrapolates: memory that does not grow beyond its bounds, and as many regions per
second as in a store of 50,000. `make bench` does not run it, because it takes a quarter of an hour: the command records
its figures beside this file, and the pages show those.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd
from distributed import Client

from benchmarks import table
from benchmarks.figures import Figure, Goal, Section
from benchmarks.growth import import_modules
from benchmarks.inputs import (
    Shape,
    SyntheticTask,
    boxed_instances,
    channels,
    describe_solver,
    synthetic_data_set,
    synthetic_store,
)
from benchmarks.measuring import in_new_process, repeating, seconds, watching
from benchmarks.results import read_section, write_section
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import BOX, MASK
from hypercolumns.annotations.results import read_results
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.workers import PREDICTING, TRAINING
from hypercolumns.evaluation.judgement import Answers
from hypercolumns.evaluation.segmentation import evaluate_segmentation
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.training import train_grids
from hypercolumns.parameters import ComputeParameters, EvaluateParameters, PredictParameters, TrainParameters
from hypercolumns.tasks.prediction import predict

FILE = Path(__file__).with_name("million.json")
"""The recorded figures."""

SHAPES: Mapping[str, Shape] = {"map": (4, 8, 8), "vector": (8, 1, 1)}
"""Blocks so small that the number of regions, not their size, decides what a run costs."""

CATEGORIES = 20
"""Each has a grid to itself, as with `train.sharing: auto` in a data set of this size."""

REGIONS_PER_PHOTOGRAPH = 20

KINDS = ("ground_truth", "proposal", "detection")
"""Kinds of regions in the store, all of which are predicted."""

SETTINGS = {
    solver: TrainParameters(solver=solver, grid=2, heat_map=16, pixels_per_region=16) for solver in ("sgd", "exact")
}

CLIENT_BYTES = Goal("at most", 2000)
WORKER_BYTES = Goal("at most", 1000)
DISK_BYTES = Goal("at most", 25)
THROUGHPUT = Goal("at least", 0.85)

_DISK_INTERVAL = 2.0
"""Seconds between two looks at the size of the folder."""


@dataclass(frozen=True)
class Cost:
    """Time and memory of a step on one store."""

    seconds: float
    client: int
    """Peak memory in bytes of the process that runs the step; the scheduler of the workers is part of it."""
    worker: int
    """Peak memory in bytes of the largest process that it started; 0 without any."""


def _open(store: Path, workers: int) -> Cost:
    """Open the store and read its table."""
    del workers

    def read() -> None:
        opened = FeatureStore.open(store)
        assert len(opened.regions) == len(opened.expanded_boxes) == len(opened)  # noqa: S101 - this reads both

    with watching() as peaks:
        elapsed = seconds(read)
    return Cost(elapsed, peaks.own, 0)


def _inspect(store: Path, workers: int) -> Cost:
    """Run `hypercolumns inspect`."""
    del workers
    program = "from hypercolumns.cli.main import main; main()"
    with watching() as peaks:
        elapsed = seconds(partial(_run, [sys.executable, "-c", program, "inspect", str(store)]))
    return Cost(elapsed, peaks.child, 0)


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - the command is ours


def _train(solver: str, store: Path, workers: int) -> Cost:
    """Train the grids of all categories."""

    def train(client: Client) -> None:
        spec = GridSpec(FeatureStore.open(store).layers, SETTINGS[solver].grid)
        folder = store.parent
        (model,) = train_grids(store, _task(store), [spec], SETTINGS[solver], client, scratch=folder / "scratch")
        model.save(_model_path(store, solver))

    return _on_workers(train, TRAINING, workers)


def _predict(store: Path, workers: int) -> Cost:
    """Predict the masks of all regions with the grids of the exact solver, and write the results of each kind."""

    def predict_all(client: Client) -> None:
        model = GridModel.open(_model_path(store, "exact"))
        settings = PredictParameters(superpixels=0)
        task, folder = _task(store), store.parent
        images, task = task.annotations.image_by_id, SyntheticTask(replace(task.annotations, images=()))
        with predict(
            store, task, [model], settings, client, images=images, kinds=KINDS, scratch=folder / "scratch"
        ) as (predictions,):
            for kind, of_kind in predictions.items():
                of_kind.write_results(folder / f"{kind}.json")

    return _on_workers(predict_all, PREDICTING, workers)


def _evaluate(store: Path, workers: int) -> Cost:
    """Evaluate the results of the detections, and of the instances, whose masks are their boxes."""
    del workers
    rows, annotations = _data_set(store)
    truth = replace(annotations, instances=tuple(boxed_instances(rows[rows["kind"] == "ground_truth"], annotations)))

    def evaluate() -> None:
        detections, instances = (store.parent / f"{kind}.json" for kind in ("detection", "ground_truth"))
        answers = Answers(
            read_results(detections, truth, MASK),
            read_results(instances, truth, MASK, "instances"),
            read_results(detections, truth, BOX),
        )
        evaluate_segmentation(truth, answers, EvaluateParameters(), expansion=1.0)

    with watching() as peaks:
        elapsed = seconds(evaluate)
    return Cost(elapsed, peaks.own, 0)


STEPS: Mapping[str, Callable[[Path, int], Cost]] = {
    "open": _open,
    "inspect": _inspect,
    "train, sgd": partial(_train, "sgd"),
    "train, exact": partial(_train, "exact"),
    "predict": _predict,
    "evaluate": _evaluate,
}
"""The steps, each measured in a process of its own as the stages of the pipeline are."""

LONG_STEPS = ("train, sgd", "train, exact", "predict", "evaluate")
"""Steps whose time is that of the regions, not that of starting."""


def _on_workers(step: Callable[[Client], None], modules: Sequence[str], workers: int) -> Cost:
    """Measure a step on worker processes that have started and have imported their modules."""
    with watching() as peaks, connect(ComputeParameters(workers=workers), modules) as client:
        client.run(import_modules)
        elapsed = seconds(partial(step, client))
    return Cost(elapsed, peaks.own, peaks.child)


def _task(store: Path) -> SyntheticTask:
    return SyntheticTask(_data_set(store)[1])


def _data_set(store: Path) -> tuple[pd.DataFrame, AnnotationSet]:
    return synthetic_data_set(len(FeatureStore.open(store)), CATEGORIES, REGIONS_PER_PHOTOGRAPH)


def _model_path(store: Path, solver: str) -> Path:
    return store.parent / f"{solver}.zarr"


def measure(folder: Path, regions: int, workers: int, steps: Sequence[str]) -> tuple[dict[str, Cost], int]:
    """Write a store of `regions` below `folder` and run `steps` on it; delete both.

    Returns
    -------
    Costs by step, and the most bytes on disk.
    """
    folder.mkdir()
    store = folder / "store.zarr"
    try:
        with _watching_disk(folder) as sizes:
            click.echo(f"{regions:,} regions: write {_write(store, regions):.1f} s", err=True)
            costs = {}
            for name in steps:
                costs[name] = cost = in_new_process(STEPS[name], store, workers).result
                click.echo(
                    f"{regions:,} regions: {name} {cost.seconds:.1f} s, {regions / cost.seconds:.0f} regions/s, client "
                    f"{cost.client / 1e6:.0f} MB, worker {cost.worker / 1e6:.0f} MB",
                    err=True,
                )
        return costs, max(sizes)
    finally:
        shutil.rmtree(folder)


def _write(store: Path, regions: int) -> float:
    rows, _ = synthetic_data_set(regions, CATEGORIES, REGIONS_PER_PHOTOGRAPH)
    return in_new_process(synthetic_store, store, rows, SHAPES).seconds


@contextmanager
def _watching_disk(folder: Path) -> Iterator[list[int]]:
    """Collect the size of a folder every few seconds within a `with` block."""
    sizes = [0]
    try:
        with repeating(lambda: sizes.append(_folder_bytes(folder)), _DISK_INTERVAL):
            yield sizes
    finally:
        sizes.append(_folder_bytes(folder))


def _folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder, of which some may be deleted meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_size  # noqa: PTH116, PTH118 - a Path for each takes long
            except OSError:
                continue
    return total


def figures(folder: Path, regions: int, smaller: int, workers: int, steps: Sequence[str] = tuple(STEPS)) -> Section:
    """Measure a store of `regions` between two rounds with one of `smaller`, whose times are averaged."""
    before, _ = measure(folder / "before", smaller, workers, steps)
    costs, disk = measure(folder / "large", regions, workers, steps)
    after, _ = measure(folder / "after", smaller, workers, steps)
    results = [
        Figure(f"{regions:,} regions: most bytes on disk", disk / 1e9, "GB", "store and scratch files", DISK_BYTES)
    ]
    for name, cost in costs.items():
        small = [before[name], after[name]]
        small_seconds = float(np.mean([c.seconds for c in small]))
        rates = regions / cost.seconds, smaller / small_seconds
        if name in LONG_STEPS:
            results.append(
                Figure(
                    f"{name}: regions per second, {regions:,} regions over {smaller:,}",
                    rates[0] / rates[1],
                    "x",
                    f"{rates[0]:.0f} and {rates[1]:.0f} regions/s; {cost.seconds:.0f} and {small_seconds:.1f} s",
                    THROUGHPUT,
                )
            )
        else:
            results.append(Figure(f"{name}: {regions:,} regions", cost.seconds, "s", f"{small_seconds:.2f} s"))
        for process, goal in (("client", CLIENT_BYTES), ("worker", WORKER_BYTES)):
            most, least = getattr(cost, process), max(getattr(c, process) for c in small)
            if most:
                name_of = f"{name}: peak memory of the {process}, {regions:,} regions"
                results.append(Figure(name_of, most / 1e6, "MB", f"{least / 1e6:.0f} MB with {smaller:,}", goal))
    settings = SETTINGS["exact"]
    return Section(
        "A million regions",
        f"Synthetic stores of {regions:,} and {smaller:,} regions, {channels(SHAPES)} channels in {len(SHAPES)} "
        f"layers, {CATEGORIES} categories with a grid each, {REGIONS_PER_PHOTOGRAPH} regions per photograph; K = "
        f"{settings.grid}, heat maps of {settings.heat_map} x {settings.heat_map}, "
        f"{' and '.join(map(describe_solver, SETTINGS.values()))}; masks of all regions are predicted, and those of "
        f"detections and instances evaluated. Every step is a process, with {workers} Dask workers where it needs any, "
        "whose start is not counted. Peaks are those of whole processes, with libraries. The smaller store is measured "
        "before and after the larger one. `python -m benchmarks.million` measures this; `make bench` does not.",
        tuple(results),
    )


def sections(path: Path = FILE) -> list[Section]:
    """Read the section that the command recorded; none before that."""
    return [read_section(path)] if path.exists() else []


@click.command()
@click.option("--regions", type=click.IntRange(min=1), default=1_000_000, show_default=True)
@click.option(
    "--smaller", type=click.IntRange(min=1), default=50_000, show_default=True, help="Regions to compare with."
)
@click.option("--workers", type=click.IntRange(min=1), default=os.cpu_count() or 1, show_default="number of cores")
@click.option("--step", "steps", type=click.Choice(list(STEPS)), multiple=True, default=list(STEPS), help="Only this.")
@click.option("--folder", type=click.Path(path_type=Path), help="Folder for the stores; by default a temporary one.")
@click.option("--results", type=click.Path(path_type=Path), default=FILE, show_default="beside the program")
def main(regions: int, smaller: int, workers: int, steps: Sequence[str], folder: Path | None, results: Path) -> None:
    """Measure a large store beside a smaller one; print the figures and record them for the page benchmarks.md."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        section = figures(Path(temporary), regions, smaller, workers, steps)
    write_section(section, results)
    click.echo(table.section_text(section))
    click.echo(f"Wrote {results}; `python -m benchmarks.pages` writes the page.")


if __name__ == "__main__":
    main()
