"""Heat maps of ground-truth boxes on disk, for the report and for inspection."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.stores.reading import Store
from hypercolumns.stores.replacing import replacing

SCHEMA = "hypercolumns-heat-maps/3"


@dataclass(frozen=True)
class HeatMap:
    """Heat map of one region."""

    box: NDArray[np.float64]
    """Expanded box x0, y0, x1, y1 in pixels, which the map covers."""
    heat: NDArray[np.uint8]
    """(size, size) probabilities times 255."""


def write_heat_maps(
    path: Path, instance_ids: NDArray[np.integer], boxes: NDArray[np.floating], heat: NDArray[np.uint8]
) -> None:
    """Write heat maps as a store of the arrays `instance_id`, `box` and `heat`.

    Parameters
    ----------
    path
        Folder of the store; replaced if it exists.
    instance_ids
        (n,) ids of the instances whose boxes the maps cover.
    boxes
        (n, 4) expanded boxes x0, y0, x1, y1 in pixels.
    heat
        (n, size, size) probabilities times 255.
    """
    with replacing(path) as store:
        store.write("instance_id", instance_ids)
        store.write("box", boxes.astype(np.float32))
        store.write("heat", heat)
        store.finish(SCHEMA, {})


def read_heat_maps(path: Path) -> dict[int, HeatMap]:
    """Read what `write_heat_maps` wrote: heat maps by instance id.

    Raises
    ------
    InputError
        When `path` does not exist, is not a store of heat maps or is damaged.
    """
    store = Store.open(path, SCHEMA, "store of heat maps", "predict")
    ids, boxes, maps = (store.array(name)[:] for name in ("instance_id", "box", "heat"))
    return {
        int(instance_id): HeatMap(box.astype(np.float64), heat)
        for instance_id, box, heat in zip(ids, boxes, maps, strict=True)
    }
