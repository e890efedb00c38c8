"""Heat maps kept on disk: those of the boxes of instances, for the report and for looking at."""

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
    """Probability (S, S) uint8, 255 for 1, over the expanded box x0, y0, x1, y1."""

    box: NDArray[np.float64]
    heat: NDArray[np.uint8]


def write_heat_maps(
    path: Path, instance_ids: NDArray[np.integer], boxes: NDArray[np.floating], heat: NDArray[np.uint8]
) -> None:
    """Write a Zarr group of `instance_id` (n,), expanded `box` (n, 4) and `heat` (n, S, S), 255 for probability 1."""
    root = zarr.create_group(path, overwrite=True, attributes={"schema": SCHEMA})
    columns = {"instance_id": instance_ids, "box": boxes.astype(np.float32), "heat": heat}
    for name, values in columns.items():
        root.create_array(name, data=values, chunks=values.shape, compressors=ZstdCodec(level=1))


def read_heat_maps(path: Path) -> dict[int, HeatMap]:
    """What `write_heat_maps` wrote, by instance id.

    Raises
    ------
    InputError
        When there is nothing at `path`, or something else.
    """
    root = open_group(path, SCHEMA, "group of heat maps", "predict")
    ids, boxes, heat = (np.asarray(array(root, name)) for name in ("instance_id", "box", "heat"))
    return {
        int(number): HeatMap(box.astype(np.float64), map_) for number, box, map_ in zip(ids, boxes, heat, strict=True)
    }
