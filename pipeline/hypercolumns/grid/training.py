"""Training grids of classifiers on Dask workers: the set of classifiers is spread, each worker streams the store."""

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

from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.groups import Group, category_groups
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.problem import CellProblem
from hypercolumns.grid.sgd.samples import SampleFiles
from hypercolumns.grid.solver import CellFit
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.standardise import Moments, Standardisation
from hypercolumns.grid.targets import Targets, write_target_maps
from hypercolumns.parameters import TrainParameters
from hypercolumns.scratch import committed, digest, publish, work_folder

TARGETS = "targets.zarr"


@dataclass(frozen=True)
class _Unit:
    """One cell of one grid for one group of categories: what a worker trains in one go."""

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

    def start(self, task: Targets, scratch: Path) -> Path:
        """The work folder of exactly this training, with its target maps."""
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=scratch) as temporary:
            targets = Path(temporary) / TARGETS
            write_target_maps(targets, task, self.store, self.settings.heat_map)
            key = {
                "store": self.store.attributes.get("key") or digest(self.store.path),
                "targets": digest(targets),
                "specs": [[spec.layers, spec.grid] for spec in self.specs],
                "groups": [[group.name, group.rows.start, group.rows.stop] for group in self.groups],
                "settings": self.settings.model_dump(),
                "seed": self.seed,
                "device": self.device,
                "versions": [version(package) for package in ("numpy", "scikit-learn", "torch")],
            }
            work = work_folder(key, scratch)
            publish(targets, work / TARGETS)
        return work

    def units(self) -> list[_Unit]:
        """All cells of all grids, those with the most work first."""
        units = [
            _Unit(i, j, cell)
            for i, spec in enumerate(self.specs)
            for j in range(len(self.groups))
            for cell in range(spec.grid**2)
        ]
        # A grid's cells share the box among them.
        return sorted(units, key=lambda unit: -len(self.specs[unit.spec].layers) / self.specs[unit.spec].grid ** 2)


def train_grids(
    store_path: Path,
    task: Targets,
    specs: Sequence[GridSpec],
    settings: TrainParameters,
    client: Client,
    *,
    scratch: Path,
    seed: int = 0,
    device: str = "cpu",
) -> list[GridModel]:
    """Train one model for each of `specs` on the same store and targets.

    Parameters
    ----------
    store_path
        A feature store that the workers can read too.
    task
        Labels the regions' locations; see `hypercolumns.steps` for the tasks of the pipeline.
    scratch
        Folder for unfinished work, which the workers can read too.
    seed
        Seed of the pixels that `solver: sgd` draws.
    device
        As `compute.device`; workers choose among the devices they have. Only the exact solver computes on CUDA.

    Raises
    ------
    InputError
        When a category has neither training regions nor a grid to borrow, or the workers lack the device.

    Notes
    -----
    Paper, section 3. The bytes of a model do not depend on the number of workers. What is trained is kept below
    `scratch` until all is, so the same call goes on after an interruption.
    """
    store = FeatureStore.open(store_path)
    groups = category_groups(store.regions, task.categories, settings)
    solver_device = client.submit(_solver_device, device, pure=False).result() if settings.solver == "exact" else "cpu"
    job = _Job(store, specs, groups, task.targets, settings, seed, solver_device)
    work, units = job.start(task, scratch), job.units()
    missing = [unit for unit in units if not unit.file(work).exists()]
    done = len(units) - len(missing)
    with tqdm(total=len(units), initial=done, desc="train", unit=" cells", dynamic_ncols=True) as progress:
        # One after the other, so that the samples of one K are on the disk at a time.
        for files in _shard_files(job, work, missing):
            try:
                _fit_all(job, work, files, missing, client, progress)
            finally:
                shutil.rmtree(files.folder, ignore_errors=True)  # as large as the store, and quickly made again
    models = [_assemble(job, work, i, units) for i in range(len(specs))]
    shutil.rmtree(work)
    return models


def _shard_files(job: _Job, work: Path, units: Sequence[_Unit]) -> list[SampleFiles] | list[MapFiles]:
    """The files that `units` learn from: samples for every K, or maps for all."""

    def place(name: str, specs: Sequence[GridSpec]) -> dict[str, Any]:
        needed = {layer for spec in specs for layer in spec.layers}
        return {
            "store": job.store.path.absolute(),
            "targets": (work / TARGETS).absolute(),
            "folder": (work / name).absolute(),
            "shards": job.store.shards,
            "layers": tuple(layer for layer in job.store.layers if layer in needed),
            "heat_map": job.settings.heat_map,
        }

    specs = [job.specs[unit.spec] for unit in units]
    if job.settings.solver == "exact":
        return [MapFiles(**place("maps", specs))] if specs else []
    by_grid = {grid: [spec for spec in specs if spec.grid == grid] for grid in sorted({spec.grid for spec in specs})}
    pixels = job.settings.pixels_per_region
    return [
        SampleFiles(**place(f"samples-{grid}", some), grid=grid, pixels_per_region=pixels, seed=job.seed)
        for grid, some in by_grid.items()
    ]


def _fit_all(
    job: _Job,
    work: Path,
    files: SampleFiles | MapFiles,
    units: Sequence[_Unit],
    client: Client,
    progress: "tqdm[Any]",
) -> None:
    """Fit those of `units` that learn from `files`, and keep each as soon as it is there."""
    moments = _lay_out(files, client)
    futures = {}
    for unit in units:
        spec, rows = job.specs[unit.spec], job.groups[unit.group].rows
        if isinstance(files, SampleFiles) and files.grid != spec.grid:
            continue
        problem = CellProblem(
            files=files,
            grid=spec.grid,
            cell=unit.cell,
            rows=rows,
            standardisation=Standardisation.fit(moments, spec.layers),
            n_targets=len(job.targets),
            settings=job.settings,
            seed=job.seed,
            device=job.device,
        )
        futures[client.submit(_fit, problem, pure=False)] = unit
    with _cancelled_on_error(client, list(futures)):
        for future in as_completed(futures):
            _keep(future.result(), futures[future].file(work))
            future.release()
            progress.update()


def _lay_out(files: SampleFiles | MapFiles, client: Client) -> dict[str, Moments]:
    """Lay out all shards on the workers; their moments are added up in their order."""
    files.folder.mkdir(exist_ok=True)
    futures = [client.submit(_lay_out_shard, files, shard, pure=False) for shard in range(len(files.shards))]
    with _cancelled_on_error(client, futures):
        parts = [f.result() for f in tqdm(futures, desc=f"read for {files.folder.name}", unit=" shards", leave=False)]
    return {layer: reduce(add, (part[layer] for part in parts)) for layer in files.layers}


@contextmanager
def _cancelled_on_error(client: Client, futures: list[Future]) -> Iterator[None]:
    """Cancel the rest on an interrupt or error: their input files are about to be deleted."""
    try:
        yield
    except BaseException:
        client.cancel(futures)
        raise


def _lay_out_shard(files: SampleFiles | MapFiles, shard: int) -> dict[str, Moments]:
    with _ignoring_errors_after_client(files):
        return files.lay_out(shard)
    return {}


def _fit(problem: CellProblem) -> CellFit:
    from hypercolumns.grid.fitting import fit_cell  # imported on the worker: torch and scikit-learn take seconds

    with _ignoring_errors_after_client(problem.files):
        return fit_cell(problem)
    return CellFit(np.empty((0, 0)), np.empty(0))


@contextmanager
def _ignoring_errors_after_client(files: SampleFiles | MapFiles) -> Iterator[None]:
    """Ignore a worker's OSError after the client has gone and removed the files."""
    try:
        yield
    except OSError:
        if files.folder.exists():
            raise


def _solver_device(name: str) -> str:
    from hypercolumns.grid.fitting import solver_device  # see `_fit`

    return solver_device(name)


def _keep(fit: CellFit, path: Path) -> None:
    with committed(path) as stream:
        np.savez(stream, weights=fit.weights, bias=fit.bias)


def _kept(path: Path) -> CellFit:
    with np.load(path, allow_pickle=False) as arrays:
        return CellFit(arrays["weights"], arrays["bias"])


def _assemble(job: _Job, work: Path, number: int, units: Sequence[_Unit]) -> GridModel:
    """Put the cells of specification `number` together and take the layers apart."""
    spec = job.specs[number]
    channels = [job.store.channels[layer] for layer in spec.layers]
    shape = (len(job.groups), len(job.targets), spec.grid**2)
    joint, bias = np.zeros((*shape, sum(channels)), np.float32), np.zeros(shape, np.float32)
    for unit in units:
        if unit.spec == number:
            fit = _kept(unit.file(work))
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
