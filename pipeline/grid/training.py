"""Training grids of classifiers on Dask workers: the set of classifiers is spread, each worker streams the store."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from importlib.metadata import version
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client, Future, as_completed
from tqdm import tqdm

from pipeline import scratch
from pipeline.annotations.model import Category
from pipeline.features.store import FeatureStore
from pipeline.grid.fit import CellFit, CellProblem
from pipeline.grid.groups import Group, category_groups
from pipeline.grid.maps import Maps
from pipeline.grid.model import GridModel
from pipeline.grid.sampling import Sampling
from pipeline.grid.spec import GridSpec
from pipeline.grid.standardise import Moments, Standardisation
from pipeline.grid.targets import Targets, shard_slices, write_target_maps
from pipeline.parameters import TrainParameters

TARGETS = "targets.zarr"


@dataclass(frozen=True)
class _Unit:
    """A cell of one grid for one group of categories: what one worker trains in one go."""

    spec: int
    group: int
    cell: int

    def file(self, folder: Path) -> Path:
        return folder / f"{self.spec}-{self.group}-{self.cell}.npz"


@dataclass(frozen=True)
class _Job:
    """One call of `train_grids`."""

    store: FeatureStore
    specs: Sequence[GridSpec]
    groups: Sequence[Group]
    targets: tuple[str, ...]
    settings: TrainParameters
    seed: int
    device: str
    work: Path
    """Scratch folder of exactly this training, with its target maps."""


def train_grids(
    store_path: Path,
    categories: tuple[Category, ...],
    task: Targets,
    specs: Sequence[GridSpec],
    settings: TrainParameters,
    seed: int,
    client: Client,
    device: str = "cpu",
) -> list[GridModel]:
    """Train one model for each of `specs` on the same store and targets.

    Parameters
    ----------
    store_path
        A feature store that the workers can read too.
    categories
        All categories the models must answer for.
    device
        `compute.device`, of which the workers take what they have. Only the exact solver computes on CUDA.

    Raises
    ------
    InputError
        When a category has no training region and no grid to borrow, or the workers lack the device.

    Notes
    -----
    Paper, section 3. The bytes of a model do not depend on the number of workers. What is trained is kept below
    `.scratch` until all is, so that the same call goes on after an interruption.
    """
    store = FeatureStore.open(store_path)
    groups = category_groups(store.regions, categories, settings)
    units = _units(specs, groups)
    where = client.submit(_solver_device, device, pure=False).result() if settings.solver == "exact" else "cpu"
    work = _start(store, task, specs, groups, settings, seed, where)
    job = _Job(store, specs, groups, task.targets, settings, seed, where, work)
    missing = [unit for unit in units if not unit.file(work).exists()]
    done = len(units) - len(missing)
    with tqdm(total=len(units), initial=done, desc="train", unit=" cells", dynamic_ncols=True) as progress:
        # One source after the other, so that the samples of one K are on the disk at a time.
        for source in _sources(job, missing):
            try:
                _fit_all(job, source, missing, client, progress)
            finally:
                shutil.rmtree(source.folder, ignore_errors=True)  # as large as the store, and quickly made again
    models = [_assemble(job, i, units) for i in range(len(specs))]
    shutil.rmtree(work)
    return models


def _fit_all(job: _Job, source: Sampling | Maps, units: Sequence[_Unit], client: Client, progress: "tqdm[Any]") -> None:
    """Fit those of `units` that learn from `source`, and keep each as soon as it is there."""
    moments = _lay_out(source, client)
    futures = {}
    for unit in units:
        spec, rows = job.specs[unit.spec], job.groups[unit.group].rows
        if isinstance(source, Sampling) and source.grid != spec.grid:
            continue
        standardisation = Standardisation.fit(moments, spec.layers)
        problem = CellProblem(
            source, spec.grid, unit.cell, rows, standardisation, len(job.targets), job.settings, job.seed, job.device
        )
        futures[client.submit(_fit, problem, pure=False)] = unit
    with _cancelled_at_errors(client, list(futures)):
        for future in as_completed(futures):
            _keep(future.result(), futures[future].file(job.work))
            future.release()
            progress.update()


def _start(
    store: FeatureStore,
    task: Targets,
    specs: Sequence[GridSpec],
    groups: Sequence[Group],
    settings: TrainParameters,
    seed: int,
    device: str,
) -> Path:
    """The scratch folder of exactly this training, with its target maps."""
    scratch.ROOT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch.ROOT) as temporary:
        targets = Path(temporary) / TARGETS
        write_target_maps(targets, task, store, settings.heat_map)
        work = scratch.folder(
            {
                "store": store.attributes.get("key") or scratch.digest(store.path),
                "targets": scratch.digest(targets),
                "specs": [[spec.layers, spec.grid] for spec in specs],
                "groups": [[group.name, group.rows.start, group.rows.stop] for group in groups],
                "settings": settings.model_dump(),
                "seed": seed,
                "device": device,
                "versions": [version(package) for package in ("numpy", "scikit-learn", "torch")],
            }
        )
        scratch.publish(targets, work / TARGETS)
    return work


def _sources(job: _Job, units: Sequence[_Unit]) -> list[Sampling] | list[Maps]:
    """What `units` learn from: samples for every K, or maps for all."""

    def place(name: str, specs: Sequence[GridSpec]) -> dict[str, Any]:
        needed = {layer for spec in specs for layer in spec.layers}
        return {
            "store": job.store.path.absolute(),
            "targets": (job.work / TARGETS).absolute(),
            "folder": (job.work / name).absolute(),
            "shards": tuple(shard_slices(job.store)),
            "layers": tuple(layer for layer in job.store.layers if layer in needed),
            "heat_map": job.settings.heat_map,
        }

    specs = [job.specs[unit.spec] for unit in units]
    if job.settings.solver == "exact":
        return [Maps(**place("maps", specs))] if specs else []
    by_grid = {grid: [spec for spec in specs if spec.grid == grid] for grid in sorted({spec.grid for spec in specs})}
    pixels = job.settings.pixels_per_region
    return [
        Sampling(**place(f"samples-{grid}", of), grid=grid, pixels_per_region=pixels, seed=job.seed)
        for grid, of in by_grid.items()
    ]


def _lay_out(source: Sampling | Maps, client: Client) -> dict[str, Moments]:
    """Write what is read from all shards; their moments are added up in their order."""
    source.folder.mkdir(exist_ok=True)
    futures = [client.submit(_lay_out_shard, source, shard, pure=False) for shard in source.shards]
    with _cancelled_at_errors(client, futures):
        parts = [f.result() for f in tqdm(futures, desc=f"read for {source.folder.name}", unit=" shards", leave=False)]
    return {layer: reduce(add, (part[layer] for part in parts)) for layer in source.layers}


@contextmanager
def _cancelled_at_errors(client: Client, futures: list[Future]) -> Iterator[None]:
    """An interrupt, or an error in one of them, lets no other begin, for what they read is removed then."""
    try:
        yield
    except BaseException:
        client.cancel(futures)
        raise


def _lay_out_shard(source: Sampling | Maps, shard: slice) -> dict[str, Moments]:
    with _unless_gone(source):
        return source.lay_out(shard)
    return {}


def _fit(problem: CellProblem) -> CellFit:
    from pipeline.grid.solvers import fit_cell  # where it runs: torch and scikit-learn take their time

    with _unless_gone(problem.source):
        return fit_cell(problem)
    return CellFit(np.empty((0, 0)), np.empty(0))


@contextmanager
def _unless_gone(source: Sampling | Maps) -> Iterator[None]:
    """On a worker: no word of errors once the folder is removed, for then the client was interrupted and left."""
    try:
        yield
    except OSError:
        if source.folder.exists():
            raise


def _solver_device(name: str) -> str:
    from pipeline.grid.solvers import solver_device  # see `_fit`

    return solver_device(name)


def _keep(fit: CellFit, path: Path) -> None:
    """Write a fit whole or not at all, even if the power fails, so that an interrupted training goes on from it."""
    part = path.with_suffix(".part")
    with part.open("wb") as stream:
        np.savez(stream, weights=fit.weights, bias=fit.bias)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def _kept(path: Path) -> CellFit:
    with np.load(path, allow_pickle=False) as arrays:
        return CellFit(arrays["weights"], arrays["bias"])


def _units(specs: Sequence[GridSpec], groups: Sequence[Group]) -> list[_Unit]:
    """All cells of all grids, those with the most work first."""
    units = [
        _Unit(i, j, cell) for i, spec in enumerate(specs) for j in range(len(groups)) for cell in range(spec.grid**2)
    ]
    # A grid's cells share the box among them.
    return sorted(units, key=lambda unit: -len(specs[unit.spec].layers) / specs[unit.spec].grid ** 2)


def _assemble(job: _Job, number: int, units: Sequence[_Unit]) -> GridModel:
    """Put the cells of specification `number` together and take the layers apart."""
    spec = job.specs[number]
    channels = [job.store.channels[layer] for layer in spec.layers]
    shape = (len(job.groups), len(job.targets), spec.grid**2)
    joint, bias = np.zeros((*shape, sum(channels)), np.float32), np.zeros(shape, np.float32)
    for unit in units:
        if unit.spec == number:
            fit = _kept(unit.file(job.work))
            joint[unit.group][:, unit.cell] = fit.weights
            bias[unit.group][:, unit.cell] = fit.bias
    parts = np.split(joint, np.cumsum(channels)[:-1], axis=-1)
    return GridModel(
        spec=spec,
        heat_map=job.settings.heat_map,
        targets=job.targets,
        groups=tuple(group.name for group in job.groups),
        group_of_category={c: i for i, group in enumerate(job.groups) for c in group.categories},
        weights=dict(zip(spec.layers, parts, strict=True)),
        bias=bias,
    )
