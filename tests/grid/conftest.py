"""A small feature store with random maps, and a task whose labels are a linear function of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from hypercolumns.annotations.model import Category
from hypercolumns.features.store import FeatureStore
from hypercolumns.features.writer import write_store
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.problem import CellProblem, Files
from hypercolumns.grid.sgd.samples import SampleFiles
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.standardise import Moments, Standardisation, add_moments
from hypercolumns.grid.targets import IGNORE, Targets, write_target_maps
from hypercolumns.parameters import TrainParameters
from hypercolumns.places.place import place_at

SIZE = 20
SGD_SETTINGS = TrainParameters(
    solver="sgd", grid=2, heat_map=SIZE, pixels_per_region=40, epochs=6, alpha=1e-5, sharing="shared"
)
SHAPES = {"fine": (3, 14, 11), "coarse": (5, 4, 4), "vector": (4, 1, 1)}
SAMPLE_SEED = 5


def make_store(
    path: Path, regions: int, seed: int = 0, shapes: dict[str, tuple[int, int, int]] = SHAPES, scale: float = 2.0
) -> FeatureStore:
    """Write and open a store of normally distributed maps, its regions sorted by category."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "image": np.arange(regions) // 3 + 1,
            "category": np.sort(rng.integers(1, 3, regions)),
            "instance": np.arange(regions),
            "kind": "ground_truth",
            "x0": 0.0,
            "y0": 0.0,
            "x1": 10.0,
            "y1": 10.0,
            "iou": 1.0,
            "score": 1.0,
        }
    )
    blocks = {name: rng.normal(1, scale, (regions, *shape)) for name, shape in shapes.items()}
    write_store(path, table, blocks)
    return FeatureStore.open(path)


@dataclass(frozen=True)
class LinearTask:
    """Positive where a fixed linear function of the hypercolumn is positive; every seventh location is ignored."""

    store: FeatureStore
    targets = ("figure",)
    categories = (Category(1, "cat"), Category(2, "dog"))

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        """See `Targets.target_maps`."""
        del boxes
        hypercolumns = self.store.hypercolumns(regions.index.to_numpy(), size).compute()
        direction = np.random.default_rng(7).normal(size=hypercolumns.shape[-1])
        maps = ((hypercolumns - 1) @ direction > 0).astype(np.int8)
        maps.reshape(len(maps), -1)[:, ::7] = IGNORE
        return maps[:, None]


@dataclass(frozen=True)
class PartlyLabelledTask(LinearTask):
    """No labels for the regions from row `end` on."""

    end: int

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        """See `Targets.target_maps`."""
        maps = super().target_maps(regions, boxes, size)
        maps[regions.index.to_numpy() >= self.end] = IGNORE
        return maps


@dataclass(frozen=True)
class ConstantTask(LinearTask):
    """The same label everywhere."""

    label: int

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        """See `Targets.target_maps`."""
        del boxes
        return np.full((len(regions), 1, size, size), self.label, np.int8)


def random_model(layers: tuple[str, ...], grid: int, targets: int = 2) -> GridModel:
    """Make a model with normally distributed weights for layers of `SHAPES`."""
    rng = np.random.default_rng(grid)
    shape = (1, targets, grid * grid)
    return GridModel(
        spec=GridSpec(layers, grid),
        heat_map=SIZE,
        targets=tuple(f"target {i}" for i in range(targets)),
        groups=("group 0",),
        group_of_category={1: 0},
        weights={name: rng.normal(0, 0.3, (*shape, SHAPES[name][0])).astype(np.float32) for name in layers},
        bias=rng.normal(size=shape).astype(np.float32),
    )


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """A store of 90 regions in two shards, of 64 and 26 regions."""
    return make_store(tmp_path / "store.zarr", 90)


def lay_out_samples(
    store: FeatureStore, folder: Path, task: Targets, grid: int = 2, pixels_per_region: int = 40
) -> tuple[SampleFiles, dict[str, Moments]]:
    """Write the sample files of all shards and add up their moments."""
    fields = _prepare(store, folder, task)
    files = SampleFiles(**fields, grid=grid, pixels_per_region=pixels_per_region, seed=SAMPLE_SEED)
    return files, _lay_out(files, folder)


def lay_out_maps(store: FeatureStore, folder: Path, task: Targets) -> tuple[MapFiles, dict[str, Moments]]:
    """Write the map files of all shards and add up their moments."""
    files = MapFiles(**_prepare(store, folder, task))
    return files, _lay_out(files, folder)


def _prepare(store: FeatureStore, folder: Path, task: Targets) -> dict[str, Any]:
    """Write the target maps; give the fields that all kinds of files have."""
    write_target_maps(folder / "targets.zarr", task, store, SIZE)
    return {
        "store": store.path,
        "place": place_at(folder / "files"),
        "n_regions": len(store),
        "layers": store.layers,
        "heat_map": SIZE,
    }


def _lay_out(files: SampleFiles | MapFiles, folder: Path) -> dict[str, Moments]:
    files.begin(folder / "targets.zarr")
    return add_moments(moments for file in range(files.n_files) for moments in files.lay_out(file))


def make_problem(
    files: Files, moments: Mapping[str, Moments], settings: TrainParameters = SGD_SETTINGS, **others: Any
) -> CellProblem[Files]:
    """Make the problem of the first of 2 x 2 cells for one target, all layers and all 90 regions, except `others`."""
    fields: dict[str, Any] = {
        "grid": 2,
        "cell": 0,
        "rows": slice(0, 90),
        "standardisation": Standardisation.fit(moments, files.layers),
        "n_targets": 1,
        "seed": 0,
        "device": "cpu",
    }
    return CellProblem(files=files, settings=settings, **fields | others)
