"""Training targets: for every region and target a map of what each location of its heat map is."""

from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from hypercolumns.annotations.model import Category
from hypercolumns.features.store import FeatureStore

POSITIVE, NEGATIVE, IGNORE = 1, 0, -1


class Targets(Protocol):
    """What a task says about its training regions."""

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories that a model must answer for."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets: one classifier grid and one heat map each."""

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        """Label every location of every region: POSITIVE, NEGATIVE or IGNORE.

        Parameters
        ----------
        regions
            Rows of a store's region table.
        boxes
            (region, 4) expanded boxes.

        Returns
        -------
        (region, target, size, size)
        """


def write_target_maps(path: Path, task: Targets, store: FeatureStore, size: int) -> None:
    """Write the target maps of all regions of `store`, aligned with its shards, as one Zarr array."""
    shape = (len(store), len(task.targets), size, size)
    chunks = (store.regions_per_shard, *shape[1:])
    array = zarr.create_array(path, shape=shape, chunks=chunks, dtype=np.int8, compressors=ZstdCodec(level=1))
    for rows in store.shards:
        array[rows] = task.target_maps(store.regions[rows], store.expanded_boxes[rows], size)
