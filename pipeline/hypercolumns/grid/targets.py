"""Training targets: a map of labels for every region and target."""

import math
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hypercolumns.annotations.model import Category
from hypercolumns.features.schema import REGIONS_PER_PART
from hypercolumns.features.store import FeatureStore
from hypercolumns.places.place import Place
from hypercolumns.stores.layout import SHARD_BYTES, Layout
from hypercolumns.stores.reading import Store
from hypercolumns.stores.replacing import replacing

SCHEMA = "hypercolumns-targets/1"

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
            (region, 4) expanded boxes in pixels of the photograph; that of a mirrored region has x0 > x1.
        size
            Locations per side of a heat map.

        Returns
        -------
        (region, target, size, size) labels.
        """


def write_target_maps(path: Path, task: Targets, store: FeatureStore, size: int) -> None:
    """Write the target maps of all regions of a store.

    The store at `path` has one array, `labels` (region, target, size, size) int8, with one chunk per part of `store`.
    """
    item = (len(task.targets), size, size)
    chunks_per_shard = max(1, SHARD_BYTES // (REGIONS_PER_PART * math.prod(item)))
    layout = Layout(item, np.dtype(np.int8), REGIONS_PER_PART, REGIONS_PER_PART * chunks_per_shard)
    with replacing(path) as written:
        labels = written.array("labels", layout)
        for rows in store.parts:
            labels.append(task.target_maps(store.regions[rows], store.expanded_boxes[rows], size))
        written.finish(SCHEMA, {})


def read_target_maps(place: Place, rows: slice) -> NDArray[np.int8]:
    """Read rows of what `write_target_maps` wrote: (rows, target, size, size) labels.

    Raises
    ------
    InputError
        When they are missing or damaged.
    """
    return Store.open(place.address, SCHEMA, "store of labels", "train", check=False).array("labels")[rows]
