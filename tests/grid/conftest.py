"""A small feature store with random maps, and a task whose truth is a linear function of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from hypercolumns.annotations.model import Category
from hypercolumns.features.store import FeatureStore
from hypercolumns.features.writer import write_store
from hypercolumns.grid.sgd.samples import SampleFiles
from hypercolumns.grid.standardise import Moments
from hypercolumns.grid.targets import write_target_maps
from hypercolumns.parameters import TrainParameters

SAMPLED = TrainParameters(
    solver="sgd", grid=2, heat_map=20, pixels_per_region=40, epochs=6, alpha=1e-5, sharing="shared"
)
SHAPES = {"fine": (3, 14, 11), "coarse": (5, 4, 4), "vector": (4, 1, 1)}


def make_store(
    path: Path, regions: int, seed: int = 0, shapes: dict[str, tuple[int, int, int]] = SHAPES, scale: float = 2.0
) -> FeatureStore:
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
        del boxes
        columns = self.store.hypercolumns(regions.index.to_numpy(), size).compute()
        direction = np.random.default_rng(7).normal(size=columns.shape[-1])
        maps = ((columns - 1) @ direction > 0).astype(np.int8)
        maps.reshape(len(maps), -1)[:, ::7] = -1
        return maps[:, None]


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return make_store(tmp_path / "store.zarr", 90)


def sample(store: FeatureStore, folder: Path, grid: int = 2, **changes: int) -> tuple[SampleFiles, dict[str, Moments]]:
    write_target_maps(folder / "targets.zarr", LinearTask(store), store, 20)
    settings = SAMPLED.model_copy(update=changes)
    (folder / "samples").mkdir()
    samples = SampleFiles(
        store.path,
        folder / "targets.zarr",
        folder / "samples",
        store.shards,
        store.layers,
        heat_map=20,
        grid=grid,
        pixels_per_region=settings.pixels_per_region,
        seed=5,
    )
    parts = [samples.lay_out(shard) for shard in range(len(store.shards))]
    return samples, {layer: parts[0][layer] + parts[1][layer] for layer in store.layers}
