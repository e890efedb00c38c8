"""Training grids of classifiers on Dask workers: the set of classifiers is spread, each worker streams the store."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client, as_completed
from tqdm import tqdm

from pipeline import scratch
from pipeline.annotations.model import Category
from pipeline.features.store import FeatureStore
from pipeline.grid.fitting import CellFit, TrainingPixels, fit_cells, fuse_cells
from pipeline.grid.groups import Group, category_groups
from pipeline.grid.model import GridModel, GridSpec
from pipeline.grid.sampling import Sampling
from pipeline.grid.standardise import Moments, Standardisation
from pipeline.grid.targets import Targets, shard_slices, write_target_maps
from pipeline.parameters import TrainParameters


@dataclass(frozen=True)
class _Unit:
    """Cells of one grid for one group of categories: what one worker trains in one go."""

    spec: int
    group: int
    cells: tuple[int, ...]

    def file(self, folder: Path) -> Path:
        return folder / f"{self.spec}-{self.group}-{self.cells[0]}-{self.cells[-1]}.npz"


def train_grids(
    store_path: Path,
    categories: tuple[Category, ...],
    task: Targets,
    specs: Sequence[GridSpec],
    settings: TrainParameters,
    seed: int,
    client: Client,
) -> list[GridModel]:
    """Train one model for each of `specs` on the same store and targets.

    Parameters
    ----------
    store_path
        A feature store that the workers can read too.
    categories
        All categories the models must answer for.

    Notes
    -----
    Paper, section 2. The bytes of a model do not depend on the number of workers. What is trained is kept below
    `.scratch` until all is, so that the same call goes on after an interruption.
    """
    store = FeatureStore.open(store_path)
    shards = tuple(shard_slices(store))
    groups = category_groups(store.regions, categories, settings)
    units = _units(specs, groups, len(client.scheduler_info(n_workers=-1)["workers"]))
    scratch.ROOT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch.ROOT) as temporary:
        folder = Path(temporary).absolute()
        targets = folder / "targets.zarr"
        write_target_maps(targets, task, store, settings.heat_map)
        work = scratch.folder(
            {
                "store": store.attributes.get("key"),
                "targets": scratch.digest(targets),
                "specs": [[spec.layers, spec.grid] for spec in specs],
                "groups": [[group.name, group.rows.start, group.rows.stop] for group in groups],
                "settings": settings.model_dump(),
                "seed": seed,
            }
        )
        samplings = _samplings(store, targets, folder, specs, settings, seed)
        moments = {grid: _draw(sampling, shards, client) for grid, sampling in samplings.items()}
        futures = {}
        for unit in units:
            if unit.file(work).exists():
                continue
            spec, group = specs[unit.spec], groups[unit.group]
            standardisation = Standardisation.fit(moments[spec.grid], spec.layers)
            pixels = TrainingPixels(samplings[spec.grid], shards, group.rows, standardisation)
            fit = fit_cells if settings.fusion == "joint" else fuse_cells
            futures[client.submit(fit, pixels, len(task.targets), unit.cells, settings, seed, pure=False)] = unit
        total = sum(len(unit.cells) for unit in units)
        done = total - sum(len(unit.cells) for unit in futures.values())
        with tqdm(total=total, initial=done, desc="train", unit=" cells", dynamic_ncols=True) as progress:
            for future, cell_fit in as_completed(futures, with_results=True):
                _keep(cell_fit, futures[future].file(work))
                progress.update(len(futures[future].cells))
    models = []
    for i, spec in enumerate(specs):
        fits = [(unit, _kept(unit.file(work))) for unit in units if unit.spec == i]
        models.append(_assemble(spec, task.targets, groups, fits, moments[spec.grid], settings))
    shutil.rmtree(work)
    return models


def _samplings(
    store: FeatureStore,
    targets: Path,
    folder: Path,
    specs: Sequence[GridSpec],
    settings: TrainParameters,
    seed: int,
) -> dict[int, Sampling]:
    """One sampling per grid size, of all layers that the specifications of that size need."""
    samplings = {}
    for grid in sorted({spec.grid for spec in specs}):
        needed = {layer for spec in specs if spec.grid == grid for layer in spec.layers}
        layers = tuple(layer for layer in store.layers if layer in needed)
        (folder / str(grid)).mkdir()
        samplings[grid] = Sampling(
            store.path.absolute(),
            targets,
            folder / str(grid),
            layers,
            grid,
            settings.heat_map,
            settings.pixels_per_region,
            seed,
        )
    return samplings


def _draw(sampling: Sampling, shards: Sequence[slice], client: Client) -> dict[str, Moments]:
    """Draw from all shards; moments are added up in their order."""
    futures = [client.submit(sampling.draw, shard, pure=False) for shard in shards]
    parts = [future.result() for future in tqdm(futures, desc=f"sample K={sampling.grid}", unit=" shards")]
    return {layer: reduce(add, (part[layer] for part in parts)) for layer in sampling.layers}


def _keep(fit: CellFit, path: Path) -> None:
    """Write a fit whole or not at all, so that an interrupted training goes on from it."""
    part = path.with_suffix(".part.npz")
    np.savez(part, weights=fit.weights, bias=fit.bias)
    part.replace(path)


def _kept(path: Path) -> CellFit:
    with np.load(path, allow_pickle=False) as arrays:
        return CellFit(arrays["weights"], arrays["bias"])


def _units(specs: Sequence[GridSpec], groups: Sequence[Group], workers: int) -> list[_Unit]:
    """All classifiers in at least as many units as there are workers, those with the most work first."""
    split = -(-workers // (len(specs) * len(groups)))
    units = [
        _Unit(i, j, tuple(int(cell) for cell in cells))
        for i, spec in enumerate(specs)
        for j in range(len(groups))
        for cells in np.array_split(np.arange(spec.grid**2), min(split, spec.grid**2))
    ]
    return sorted(units, key=lambda u: -len(specs[u.spec].layers) * len(u.cells))


def _assemble(
    spec: GridSpec,
    targets: tuple[str, ...],
    groups: Sequence[Group],
    fits: Sequence[tuple[_Unit, CellFit]],
    moments: Mapping[str, Moments],
    settings: TrainParameters,
) -> GridModel:
    """Put the cells together and fold the standardisation into the weights."""
    standardisation = Standardisation.fit(moments, spec.layers)
    edges = np.cumsum([0, *(len(standardisation.shift[layer]) for layer in spec.layers)])
    shape = (len(groups), len(targets), spec.grid**2)
    joint, bias = np.zeros((*shape, edges[-1])), np.zeros(shape)
    for unit, fit in fits:
        joint[unit.group][:, unit.cells] = fit.weights
        bias[unit.group][:, unit.cells] = fit.bias
    weights: dict[str, Any] = {}
    for layer, first, last in zip(spec.layers, edges, edges[1:], strict=False):
        folded, change = standardisation.fold(layer, joint[..., first:last])
        weights[layer] = folded.astype(np.float32)
        bias += change
    return GridModel(
        spec=spec,
        heat_map=settings.heat_map,
        targets=targets,
        groups=tuple(group.name for group in groups),
        group_of_category={c: i for i, group in enumerate(groups) for c in group.categories},
        weights=weights,
        bias=bias.astype(np.float32),
    )
