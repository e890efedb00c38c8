"""Training targets: for every region and target a map of what each location of its heat map is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from pipeline.features.store import FeatureStore

POSITIVE, NEGATIVE, IGNORE = 1, 0, -1


class Targets(Protocol):
    """What a task says of its training regions."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets: one classifier grid and one heat map each."""

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        """POSITIVE, NEGATIVE or IGNORE per region, target and location: (region, target, size, size).

        `boxes` (region, 4) are the expanded boxes.
        """


def write_target_maps(path: Path, task: Targets, store: FeatureStore, size: int) -> None:
    """Write the target maps of all regions of `store`, aligned with its shards, as one Zarr array."""
    shape = (len(store), len(task.targets), size, size)
    chunks = (store.shard, *shape[1:])
    array = zarr.create_array(path, shape=shape, chunks=chunks, dtype=np.int8, compressors=ZstdCodec(level=1))
    for rows in shard_slices(store):
        array[rows] = task.target_maps(store.regions[rows], store.expanded_boxes[rows], size)


def shard_slices(store: FeatureStore, rows: slice | None = None) -> Sequence[slice]:
    """The shards of a store that hold any of `rows` (all when None), each cut to them."""
    first, last = (0, len(store)) if rows is None else (rows.start, rows.stop)
    edges = range(first - first % store.shard, last, store.shard)
    return [slice(max(edge, first), min(edge + store.shard, last)) for edge in edges]
