"""The layout of a feature store: the names, version, types and sizes that its reader and writer share."""

from collections.abc import Mapping
from typing import Any

import numpy as np

SCHEMA = "hypercolumns-features/1"
"""Root attribute `schema`; readers refuse any other."""

KINDS = ("ground_truth", "proposal", "jittered", "detection")
"""Origins of a region's box; stored as the position in this tuple."""

REGIONS_PER_CHUNK = 4
"""A chunk is the smallest unit that can be read. Measured, ours."""

REGIONS_PER_SHARD = 64
"""A shard is written at once, as one file per layer. Measured, ours."""

BOX = ["x0", "y0", "x1", "y1"]
"""Columns of the box before expansion, in pixels."""

COLUMNS: dict[str, np.dtype[Any]] = {
    **dict.fromkeys(("image", "category", "instance"), np.dtype(np.int64)),
    "kind": np.dtype(np.int8),
    **dict.fromkeys((*BOX, "iou", "score"), np.dtype(np.float64)),
}
"""Type by name of the one-dimensional arrays below `regions/`, which have one entry per region."""

Shapes = Mapping[str, tuple[int, int, int]]
"""(channels, height, width) of a region's block by layer, in the order of the layers."""


def n_shards(n_regions: int) -> int:
    """Count the shards that `n_regions` rows need.

    Examples
    --------
    >>> n_shards(64), n_shards(65)
    (1, 2)
    """
    return -(-n_regions // REGIONS_PER_SHARD)


def shard_rows(shard: int, n_regions: int) -> slice:
    """Rows of shard number `shard`; the last shard may hold fewer than the others.

    Examples
    --------
    >>> shard_rows(1, 100)
    slice(64, 100, None)
    """
    return slice(shard * REGIONS_PER_SHARD, min((shard + 1) * REGIONS_PER_SHARD, n_regions))


def shard_file(shard: int) -> str:
    """Path of a shard's file below a layer's folder `c`, as Zarr names it."""
    return f"{shard}/0/0/0"


def dimension_names(layer: str) -> tuple[str, str, str, str]:
    """Names of a block's dimensions; all but the first include the layer, since sizes differ between layers.

    Examples
    --------
    >>> dimension_names("conv4")
    ('region', 'channel_conv4', 'y_conv4', 'x_conv4')
    """
    return "region", f"channel_{layer}", f"y_{layer}", f"x_{layer}"
