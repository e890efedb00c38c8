"""Heat maps of ground-truth boxes on disk, for the report and for inspection."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.stores.layout import Layout
from hypercolumns.stores.reading import Store
from hypercolumns.stores.replacing import replacing

SCHEMA = "hypercolumns-heat-maps/3"

_ARRAYS = "instance_id", "box", "heat"


@dataclass(frozen=True)
class HeatMap:
    """Heat map of one region."""

    box: NDArray[np.float64]
    """Expanded box x0, y0, x1, y1 in pixels, which the map covers."""
    heat: NDArray[np.uint8]
    """(size, size) probabilities times 255."""


def write_heat_maps(path: Path, size: int, maps: Iterable[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]) -> None:
    """Write heat maps as a store of the arrays `instance_id`, `box` and `heat`.

    Parameters
    ----------
    path
        Folder of the store; replaced if it exists.
    size
        Locations per side of a heat map.
    maps
        Several at a time: the ids (n,) of the instances whose boxes they cover, their expanded boxes (n, 4) x0, y0, x1,
        y1 in pixels, and the maps (n, size, size), probabilities times 255.
    """
    with replacing(path) as store:
        layouts = Layout.of((), np.int64), Layout.of((4,), np.float32), Layout.of((size, size), np.uint8)
        arrays = [store.array(name, layout) for name, layout in zip(_ARRAYS, layouts, strict=True)]
        for values in maps:
            for array, rows in zip(arrays, values, strict=True):
                array.append(rows)
        store.finish(SCHEMA, {})


def read_heat_maps(path: Path) -> dict[int, HeatMap]:
    """Read what `write_heat_maps` wrote: heat maps by instance id.

    Raises
    ------
    InputError
        When `path` does not exist, is not a store of heat maps or is damaged.
    """
    store = Store.open(path, SCHEMA, "store of heat maps", "predict")
    ids, boxes, maps = (store.array(name)[:] for name in _ARRAYS)
    return {
        int(instance_id): HeatMap(box.astype(np.float64), heat)
        for instance_id, box, heat in zip(ids, boxes, maps, strict=True)
    }
