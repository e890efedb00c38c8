"""Training grids of classifiers on Dask workers: the set of classifiers is spread, each worker streams the store."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch
from distributed import Client, as_completed
from tqdm import tqdm

from pipeline import scratch
from pipeline.annotations.model import Category
from pipeline.features.store import FeatureStore
from pipeline.grid.exact import AllPixels
from pipeline.grid.fit import CellFit, Pixels
from pipeline.grid.fusion import fuse_cells
from pipeline.grid.groups import Group, category_groups
from pipeline.grid.maps import Maps
from pipeline.grid.model import GridModel, GridSpec
from pipeline.grid.sampling import Sampling
from pipeline.grid.sgd import SampledPixels
from pipeline.grid.standardise import Moments, Standardisation
from pipeline.grid.targets import Targets, shard_slices, write_target_maps
from pipeline.parameters import TrainParameters

TARGETS = "targets.zarr"
CPU = torch.device("cpu")


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
    device: torch.device = CPU,
) -> list[GridModel]:
    """Train one model for each of `specs` on the same store and targets.

    Parameters
    ----------
    store_path
        A feature store that the workers can read too.
    categories
        All categories the models must answer for.
    device
        Where the exact solver computes; stochastic gradient descent knows the CPU alone.

    Notes
    -----
    Paper, section 2. The bytes of a model do not depend on the number of workers. What is trained is kept below
    `.scratch` until all is, so that the same call goes on after an interruption.
    """
    store = FeatureStore.open(store_path)
    groups = category_groups(store.regions, categories, settings)
    units = _units(specs, groups, len(client.scheduler_info(n_workers=-1)["workers"]))
    work = _start(store, task, specs, groups, settings, seed, device)
    total = sum(len(unit.cells) for unit in units)
    missing = [unit for unit in units if not unit.file(work).exists()]
    done = total - sum(len(unit.cells) for unit in missing)
    with tqdm(total=total, initial=done, desc="train", unit=" cells", dynamic_ncols=True) as progress:
        # One source after the other, so that the samples of one K are on the disk at a time.
        for source in _sources(store, work, [specs[unit.spec] for unit in missing], settings, seed):
            source.folder.mkdir(exist_ok=True)
            moments = _read(source, client)
            futures = {}
            for unit in missing:
                spec, rows = specs[unit.spec], groups[unit.group].rows
                if isinstance(source, Sampling) and source.grid != spec.grid:
                    continue
                pixels = _pixels(source, spec, rows, Standardisation.fit(moments, spec.layers), device)
                future = client.submit(_fit, pixels, len(task.targets), unit.cells, settings, seed, pure=False)
                futures[future] = unit
            for future, fit in as_completed(futures, with_results=True):
                _keep(fit, futures[future].file(work))
                progress.update(len(futures[future].cells))
            shutil.rmtree(source.folder)
    models = []
    for i, spec in enumerate(specs):
        fits = [(unit, _kept(unit.file(work))) for unit in units if unit.spec == i]
        models.append(_assemble(spec, store, task.targets, groups, fits, settings))
    shutil.rmtree(work)
    return models


def _start(
    store: FeatureStore,
    task: Targets,
    specs: Sequence[GridSpec],
    groups: Sequence[Group],
    settings: TrainParameters,
    seed: int,
    device: torch.device,
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
                "device": device.type,
                "versions": [np.__version__, sklearn.__version__, torch.__version__],
            }
        )
        scratch.publish(targets, work / TARGETS)
    return work


def _sources(
    store: FeatureStore, work: Path, specs: Sequence[GridSpec], settings: TrainParameters, seed: int
) -> list[Sampling] | list[Maps]:
    """What grids of `specs` learn from: samples for every K, or maps for all."""

    def place(name: str, of: Sequence[GridSpec]) -> dict[str, Any]:
        needed = {layer for spec in of for layer in spec.layers}
        return {
            "store": store.path.absolute(),
            "targets": (work / TARGETS).absolute(),
            "folder": (work / name).absolute(),
            "shards": tuple(shard_slices(store)),
            "layers": tuple(layer for layer in store.layers if layer in needed),
            "heat_map": settings.heat_map,
        }

    if settings.solver == "exact":
        return [Maps(**place("maps", specs))] if specs else []
    by_grid = {grid: [spec for spec in specs if spec.grid == grid] for grid in sorted({spec.grid for spec in specs})}
    return [
        Sampling(**place(f"samples-{grid}", of), grid=grid, pixels_per_region=settings.pixels_per_region, seed=seed)
        for grid, of in by_grid.items()
    ]


def _read(source: Sampling | Maps, client: Client) -> dict[str, Moments]:
    """Lay out all shards; moments are added up in their order."""
    futures = [client.submit(source.draw, shard, pure=False) for shard in source.shards]
    parts = [f.result() for f in tqdm(futures, desc=f"read for {source.folder.name}", unit=" shards", leave=False)]
    return {layer: reduce(add, (part[layer] for part in parts)) for layer in source.layers}


def _pixels(
    source: Sampling | Maps, spec: GridSpec, rows: slice, standardisation: Standardisation, device: torch.device
) -> Pixels:
    if isinstance(source, Maps):
        return AllPixels(source, spec.grid, rows, standardisation, device)
    return SampledPixels(source, rows, standardisation)


def _fit(pixels: Pixels, n_targets: int, cells: Sequence[int], settings: TrainParameters, seed: int) -> CellFit:
    """One unit's classifiers, on raw hypercolumns."""
    if settings.fusion == "joint":
        found = pixels.fit(n_targets, cells, settings, seed)
    else:
        found = fuse_cells(pixels, n_targets, cells, settings, seed)
    return CellFit(*pixels.standardisation.fold(found.weights, found.bias))


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
    # A grid's cells share the box among them.
    return sorted(units, key=lambda u: -len(specs[u.spec].layers) * len(u.cells) / specs[u.spec].grid ** 2)


def _assemble(
    spec: GridSpec,
    store: FeatureStore,
    targets: tuple[str, ...],
    groups: Sequence[Group],
    fits: Sequence[tuple[_Unit, CellFit]],
    settings: TrainParameters,
) -> GridModel:
    """Put the cells together and take the layers apart."""
    channels = [store.channels[layer] for layer in spec.layers]
    shape = (len(groups), len(targets), spec.grid**2)
    joint, bias = np.zeros((*shape, sum(channels)), np.float32), np.zeros(shape, np.float32)
    for unit, fit in fits:
        joint[unit.group][:, unit.cells] = fit.weights
        bias[unit.group][:, unit.cells] = fit.bias
    parts = np.split(joint, np.cumsum(channels)[:-1], axis=-1)
    return GridModel(
        spec=spec,
        heat_map=settings.heat_map,
        targets=targets,
        groups=tuple(group.name for group in groups),
        group_of_category={c: i for i, group in enumerate(groups) for c in group.categories},
        weights=dict(zip(spec.layers, parts, strict=True)),
        bias=bias,
    )
