"""Heat maps of ground-truth boxes on disk, for the report and for inspection."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from hypercolumns.stores import array, open_group

SCHEMA = "hypercolumns-heat-maps/1"


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
    """Write heat maps as a Zarr group of the arrays `instance_id`, `box` and `heat`.

    Parameters
    ----------
    path
        Folder of the group; replaced if it exists.
    instance_ids
        (n,) ids of the instances whose boxes the maps cover.
    boxes
        (n, 4) expanded boxes x0, y0, x1, y1 in pixels.
    heat
        (n, size, size) probabilities times 255.
    """
    root = zarr.create_group(path, overwrite=True, attributes={"schema": SCHEMA})
    columns = {"instance_id": instance_ids, "box": boxes.astype(np.float32), "heat": heat}
    for name, values in columns.items():
        chunks = max(len(values), 1), *values.shape[1:]  # val may have no instances
        root.create_array(name, data=values, chunks=chunks, compressors=ZstdCodec(level=1))


def read_heat_maps(path: Path) -> dict[int, HeatMap]:
    """Read the file of `write_heat_maps`: heat maps by instance id.

    Raises
    ------
    InputError
        When `path` does not exist or is not a group of heat maps.
    """
    root = open_group(path, SCHEMA, "group of heat maps", "predict")
    ids, boxes, maps = (np.asarray(array(root, name)) for name in ("instance_id", "box", "heat"))
    return {
        int(instance_id): HeatMap(box.astype(np.float64), heat)
        for instance_id, box, heat in zip(ids, boxes, maps, strict=True)
    }
