"""Training of grids on Dask workers: cells are distributed over the workers, each of which streams the store."""

import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import groupby, product
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client, Future, as_completed
from tqdm import tqdm

from hypercolumns.cluster.mapping import map_in_order, submit
from hypercolumns.errors import InputError
from hypercolumns.features.origin import origin_of
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid import remote
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.groups import Group, category_groups
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.problem import CellFit, CellProblem
from hypercolumns.grid.sgd.samples import SampleFiles
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.standardise import Moments, Standardisation, add_moments
from hypercolumns.grid.targets import Targets, write_target_maps
from hypercolumns.parameters import TrainParameters
from hypercolumns.places.place import Place, place_at
from hypercolumns.scratch.checked_files import Arrays, load_arrays, save_arrays
from hypercolumns.scratch.digests import key_digest
from hypercolumns.scratch.shared import removed_afterwards, shared_work
from hypercolumns.scratch.work import locked, work
from hypercolumns.stores.manifest import content_digest

_STEP = "train"
"""Folder of the work."""


@dataclass(frozen=True)
class _Unit:
    """One cell of one grid for one group of categories, fitted by one call on a worker."""

    spec: int
    """Index of the specification."""
    group: int
    """Index of the group."""
    cell: int

    def file(self, folder: Path) -> Path:
        """File that keeps the fitted cell until the training is complete."""
        return folder / f"{self.spec}-{self.group}-{self.cell}.npz"


@dataclass(frozen=True)
class _Job:
    """The inputs of one call of `train_grids`."""

    store: FeatureStore
    task: Targets
    specs: Sequence[GridSpec]
    groups: Sequence[Group]
    settings: TrainParameters
    seed: int
    device: str

    @contextmanager
    def work_folder(self, scratch: Path) -> Iterator[tuple[Path, Path]]:
        """Hold the work folder of this training, which depends on all of its inputs; yield it and the target maps."""
        with locked(scratch), tempfile.TemporaryDirectory(dir=scratch) as temporary:
            targets = Path(temporary) / "targets.zarr"
            write_target_maps(targets, self.task, self.store, self.settings.heat_map)
            key = {
                "store": content_digest(self.store.path),
                "targets": content_digest(targets),
                "specs": [[spec.layers, spec.grid] for spec in self.specs],
                "groups": [[group.name, group.rows.start, group.rows.stop] for group in self.groups],
                "settings": self.settings.model_dump(),
                "seed": self.seed,
                "device": self.device,
                "versions": [version(package) for package in ("numpy", "scikit-learn", "scipy", "torch")],
            }
            with work(scratch, _STEP, key) as folder:
                yield folder, targets

    def grid_units(self, index: int) -> list[_Unit]:
        """All cells of the grid of the specification at `index`, for every group."""
        cells = product(range(len(self.groups)), range(self.specs[index].grid ** 2))
        return [_Unit(index, group, cell) for group, cell in cells]

    def units(self) -> list[_Unit]:
        """All cells of all grids: first those that others are adapted from, then those that take longest."""
        units = [unit for i in range(len(self.specs)) for unit in self.grid_units(i)]

        def order(unit: _Unit) -> tuple[bool, float]:
            spec = self.specs[unit.spec]
            # The cells of a grid divide the pixels of the box among them.
            return self.shared_unit(unit) is not None, -len(spec.layers) / spec.grid**2

        return sorted(units, key=order)

    def shared_unit(self, unit: _Unit) -> _Unit | None:
        """The cell of the shared grid that a cell is adapted from, if it is."""
        last = len(self.groups) - 1
        return replace(unit, group=last) if self.settings.sharing == "adapted" and unit.group < last else None

    def batches(self, units: list[_Unit]) -> list[list[_Unit]]:
        """Divide `units` into batches that are fitted from the same files: maps serve every K, samples a single one."""
        if self.settings.solver == "exact":
            return [units] if units else []

        def grid(unit: _Unit) -> int:
            return self.specs[unit.spec].grid

        return [list(batch) for _, batch in groupby(sorted(units, key=grid), grid)]

    def load_fit(self, unit: _Unit, work: Path) -> Arrays | None:
        """Read a fitted cell; None if it is not there, or is not what its training would have written."""
        fit = load_arrays(unit.file(work))
        shape = (len(self.task.targets), sum(self.store.channels[layer] for layer in self.specs[unit.spec].layers))
        shapes = {"weights": shape, "bias": shape[:1]}
        if fit is None or {name: values.shape for name, values in fit.items()} != shapes:
            return None
        return fit if _is_finite(fit) else None

    def check_fit(self, unit: _Unit, fit: Arrays) -> None:
        """Refuse a fit that is not finite; features are finite, see `read_finite`.

        Raises
        ------
        InputError
            Naming the cell.
        """
        if not _is_finite(fit):
            grid, group = self.specs[unit.spec].grid, self.groups[unit.group].name
            penalty = "alpha" if self.shared_unit(unit) is None else "adaptation"
            value = getattr(self.settings, penalty)
            raise InputError(
                f"The classifiers of cell {unit.cell} of K = {grid} for {group} diverged: their weights are NaN or too "
                f"large, although all features are finite. train.{penalty} ({value:g}) is too small."
            )

    def files(self, shared: Place, batch: list[_Unit]) -> SampleFiles | MapFiles:
        """Files that the cells of `batch` are fitted from, with the layers that any of them needs."""
        specs = [self.specs[unit.spec] for unit in batch]
        grid = specs[0].grid
        needed = {layer for spec in specs for layer in spec.layers}
        layers = tuple(layer for layer in self.store.layers if layer in needed)
        exact = self.settings.solver == "exact"
        kind = "maps" if exact else f"samples-{grid}"
        fields: dict[str, Any] = {
            "store": self.store.address,
            "place": shared.below(f"{kind}-{key_digest({'layers': layers})[:16]}"),
            "n_regions": len(self.store),
            "layers": layers,
            "heat_map": self.settings.heat_map,
        }
        files: SampleFiles | MapFiles
        if exact:
            files = MapFiles(**fields)
        else:
            pixels = self.settings.pixels_per_region
            files = SampleFiles(**fields, grid=grid, pixels_per_region=pixels, seed=self.seed)
        return files.with_full_files(self.store, len(self.task.targets))


def train_grids(
    store_path: Path | str,
    task: Targets,
    specs: Sequence[GridSpec],
    settings: TrainParameters,
    client: Client,
    *,
    scratch: Path | str,
    storage: str | None = None,
    unlabelled: Collection[int] = (),
    seed: int = 0,
    device: str = "auto",
) -> list[GridModel]:
    """Train one model for each of `specs` on the same store and targets.

    Parameters
    ----------
    store_path
        A feature store that the workers can read as well.
    task
        Labels the locations of the regions; `hypercolumns.steps` has the tasks of the pipeline.
    client
        Connected to the workers.
    scratch
        Folder for unfinished work. Without `storage` the workers read and write there as well.
    storage
        As `compute.storage`: address of an object store, if that is all that workers and client share. It holds the
        training data until they are trained on.
    unlabelled
        Ids of categories whose regions have no labels; see `category_groups`.
    seed
        Seed of the pixels that `solver: sgd` draws, and of their order.
    device
        As `compute.device`; 'auto' chooses among the devices of the workers. Only the exact solver uses CUDA.

    Returns
    -------
    The models, in the order of `specs`.

    Raises
    ------
    InputError
        When a category has neither training regions nor a shared grid, the workers lack the device, or the address
        cannot be used.
    PlaceError
        When the object store cannot be reached, or refuses.

    Notes
    -----
    Paper, section 3. The bytes of a model do not depend on the number of workers. Fitted cells are kept in `scratch`
    until all are done, so that the same call resumes after an interruption.
    """
    store = FeatureStore.open(store_path)
    groups = category_groups(store.regions, task.categories, settings, unlabelled)
    exact = settings.solver == "exact"
    solver_device = submit(client, remote.solver_device, device).result() if exact else "cpu"
    job = _Job(store, task, specs, groups, settings, seed, solver_device)
    place = None if storage is None else place_at(storage)
    with job.work_folder(Path(scratch)) as (folder, targets):
        units = job.units()
        missing = [unit for unit in units if job.load_fit(unit, folder) is None]
        n_done = len(units) - len(missing)
        shared = shared_work(place, folder, _STEP)
        shared.delete()  # what a killed run left
        with tqdm(total=len(units), initial=n_done, desc="train", unit=" cells", dynamic_ncols=True) as progress:
            # One after the other, so that the samples of only one K take space at a time.
            for batch in job.batches(missing):
                files = job.files(shared, batch)
                # They are as large as the store and quick to rewrite.
                with removed_afterwards(files.remove):
                    files.begin(targets)
                    _fit_units(job, folder, files, batch, client, progress)
        return [_assemble(job, folder, i) for i in range(len(specs))]


def _fit_units(
    job: _Job, work: Path, files: SampleFiles | MapFiles, units: Sequence[_Unit], client: Client, progress: "tqdm[Any]"
) -> None:
    """Fit `units` from `files`, and save each as soon as it is done."""
    moments = _lay_out(files, client)
    futures: dict[Future, _Unit] = {}
    fits: dict[_Unit, Future | CellFit] = {}
    for unit in units:
        spec = job.specs[unit.spec]
        problem = CellProblem(
            files=files,
            grid=spec.grid,
            cell=unit.cell,
            rows=job.groups[unit.group].rows,
            standardisation=Standardisation.fit(moments, spec.layers),
            n_targets=len(job.task.targets),
            settings=job.settings,
            seed=job.seed,
            device=job.device,
        )
        origin = job.shared_unit(unit)
        if origin is not None and origin not in fits:
            fits[origin] = _kept_fit(job, work, origin)
        future = submit(client, remote.fit_cell, problem, fits[origin] if origin else None)
        futures[future], fits[unit] = unit, future
    with _cancel_on_error(client, list(futures)):
        for future in as_completed(futures):
            fit, unit = future.result(), futures[future]
            if fit is None:
                raise _removed(files.place)
            arrays = {"weights": fit.weights, "bias": fit.bias}
            job.check_fit(unit, arrays)
            save_arrays(unit.file(work), arrays)
            future.release()
            progress.update()


def _kept_fit(job: _Job, work: Path, unit: _Unit) -> CellFit:
    """Read a fitted cell that is needed for others, or for the model.

    Raises
    ------
    InputError
        If it is gone.
    """
    kept = job.load_fit(unit, work)
    if kept is None:
        raise _removed(unit.file(work))
    return CellFit(**kept)


def _lay_out(files: SampleFiles | MapFiles, client: Client) -> dict[str, Moments]:
    """Write the files of all shards on the workers; return the moments of every layer."""
    arguments = ((files, file) for file in range(files.n_files))
    with closing(map_in_order(client, remote.lay_out_file, arguments)) as laid_out:
        by_file = tqdm(laid_out, total=files.n_files, desc="lay out", unit=" files", leave=False)
        # In the order of the shards, since sums in another order may differ in their last bits.
        return add_moments(shard for moments in by_file for shard in _require(moments, files.place))


def _require(moments: list[dict[str, Moments]] | None, place: Place) -> list[dict[str, Moments]]:
    """Refuse to go on without the file that has these moments.

    Raises
    ------
    InputError
        If the files at the place are gone.
    """
    if moments is None:
        raise _removed(place)
    return moments


@contextmanager
def _cancel_on_error(client: Client, futures: list[Future]) -> Iterator[None]:
    """Cancel the rest on an interrupt or error: their input files are about to be deleted."""
    try:
        yield
    except BaseException:
        client.cancel(futures)
        raise


def _assemble(job: _Job, work: Path, index: int) -> GridModel:
    """Build the model of the specification at `index` from its fitted cells."""
    spec = job.specs[index]
    channels = [job.store.channels[layer] for layer in spec.layers]
    shape = (len(job.groups), len(job.task.targets), spec.grid**2)
    joint, bias = np.zeros((*shape, sum(channels)), np.float32), np.zeros(shape, np.float32)
    for unit in job.grid_units(index):
        fit = _kept_fit(job, work, unit)
        joint[unit.group][:, unit.cell], bias[unit.group][:, unit.cell] = fit.weights, fit.bias
    by_layer = np.split(joint, np.cumsum(channels)[:-1], axis=-1)
    return GridModel(
        spec=spec,
        heat_map=job.settings.heat_map,
        targets=job.task.targets,
        groups=tuple(group.name for group in job.groups),
        group_of_category={c: i for i, group in enumerate(job.groups) for c in group.categories},
        weights=dict(zip(spec.layers, by_layer, strict=True)),
        bias=bias,
        features=origin_of(job.store.attributes),
    )


def _is_finite(fit: Arrays) -> bool:
    """Whether all numbers are finite in the model, which holds them as float32."""
    return all(bool((np.abs(values) <= np.finfo(np.float32).max).all()) for values in fit.values())


def _removed(what: Path | Place) -> InputError:
    return InputError(f"{what} was deleted or damaged during the training. Run the step again: it continues.")
