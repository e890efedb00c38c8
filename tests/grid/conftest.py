"""A small feature store with random maps, and a task whose truth is a linear function of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from pipeline.features.store import FeatureStore
from pipeline.features.writer import write_store

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
