"""Training targets: a map of labels for every region and target."""

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
"""Labels of a location; IGNORE where it must not train a classifier."""


class Targets(Protocol):
    """The part of a task that training needs: categories, targets and labels."""

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories that a model must answer for."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets; each has a grid of classifiers and a heat map."""

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        """Label every location of every region: POSITIVE, NEGATIVE or IGNORE.

        Parameters
        ----------
        regions
            Rows of the region table of a store.
        boxes
            (region, 4) expanded boxes in pixels of the photograph.
        size
            Locations per side of a heat map.

        Returns
        -------
        (region, target, size, size) labels.
        """


def write_target_maps(path: Path, task: Targets, store: FeatureStore, size: int) -> None:
    """Write the target maps of all regions of a store as one Zarr array.

    The array is (region, target, size, size) int8, with one chunk per shard of the store.
    """
    shape = (len(store), len(task.targets), size, size)
    chunks = (store.regions_per_shard, *shape[1:])
    array = zarr.create_array(path, shape=shape, chunks=chunks, dtype=np.int8, compressors=ZstdCodec(level=1))
    for rows in store.shards:
        array[rows] = task.target_maps(store.regions[rows], store.expanded_boxes[rows], size)
