"""The layout of a feature store, written once: names, versions, types and sizes that reader and writer share."""

from typing import Any

import numpy as np

SCHEMA = "hypercolumns-features/1"
"""Root attribute `schema`; a reader refuses any other."""

KINDS = ("ground_truth", "proposal", "jittered", "detection")
"""Where a region's box comes from; stored as the position in this tuple."""

CHUNK = 4
"""Regions per chunk: what is read at least. Measured, ours."""

SHARD = 64
"""Regions per shard: what is written at once, one file per layer. Measured, ours."""

COLUMNS: dict[str, np.dtype[Any]] = {
    "image": np.dtype(np.int64),
    "category": np.dtype(np.int64),
    "instance": np.dtype(np.int64),
    "kind": np.dtype(np.int8),
    "x0": np.dtype(np.float64),
    "y0": np.dtype(np.float64),
    "x1": np.dtype(np.float64),
    "y1": np.dtype(np.float64),
    "iou": np.dtype(np.float64),
    "score": np.dtype(np.float64),
}
"""One-dimensional arrays below `regions/`, one entry per region."""

BOX = ["x0", "y0", "x1", "y1"]


def n_shards(n_regions: int) -> int:
    """How many shards hold `n_regions` rows."""
    return -(-n_regions // SHARD)


def shard_rows(shard: int, n_regions: int) -> slice:
    """The rows of shard number `shard`."""
    return slice(shard * SHARD, min((shard + 1) * SHARD, n_regions))


def shard_file(shard: int) -> str:
    """The file of a shard below a layer's folder `c`, as Zarr names it."""
    return f"{shard}/0/0/0"


def dimension_names(layer: str) -> tuple[str, str, str, str]:
    """Names of a block's dimensions; all but the first belong to the layer, since sizes differ between layers."""
    return "region", f"channel_{layer}", f"y_{layer}", f"x_{layer}"
