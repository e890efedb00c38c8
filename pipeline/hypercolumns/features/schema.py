"""The layout of a feature store: the names, version, types and sizes that its reader and writer share."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hypercolumns.regions.boxes import Boxes, expand
from hypercolumns.stores.layout import Layout

SCHEMA = "hypercolumns-features/4"
"""Root attribute `schema`; readers refuse any other."""

KINDS = ("ground_truth", "proposal", "jittered", "detection", "mirrored")
"""Origins of a region's box; stored as the position in this tuple. "mirrored" is a copy of one of the first three that
the network sees in a mirror."""

REGIONS_PER_CHUNK = 4
"""A chunk is the smallest unit that can be read. Measured, ours."""

REGIONS_PER_PART = 64
"""Regions that are computed, laid out for training and scored together. Measured, ours."""

SHARD_BYTES = 1 << 29
"""Uncompressed size of a shard in all layers together: a shard is one file per layer. Ours."""

MAX_REGIONS_PER_SHARD = 1 << 14
"""Limit for small blocks, whose index in the shard would be larger than they are. Ours."""

BOX = ["x0", "y0", "x1", "y1"]
"""Columns of the box before expansion, in pixels."""

COLUMNS: dict[str, np.dtype[Any]] = {
    **dict.fromkeys(("image", "category", "instance"), np.dtype(np.int64)),
    "kind": np.dtype(np.int8),
    **dict.fromkeys((*BOX, "iou", "score"), np.dtype(np.float64)),
}
"""Type by name of the one-dimensional arrays below `regions/`, which have one entry per region."""

DIGEST = "digest"
"""Name of the array below `regions/` with DIGEST_BYTES bytes per region: equal digests mean equal blocks."""

DIGEST_BYTES = 16

Shapes = Mapping[str, tuple[int, int, int]]
"""(channels, height, width) of a region's block by layer, in the order of the layers."""


def bytes_per_region(shapes: Shapes) -> int:
    """Size of the float16 blocks of a region in all layers, before compression."""
    return sum(2 * math.prod(shape) for shape in shapes.values())


def regions_per_shard(shapes: Shapes) -> int:
    """Number of regions in every shard but the last: full parts of about `SHARD_BYTES`, or `MAX_REGIONS_PER_SHARD`.

    Examples
    --------
    >>> regions_per_shard({"conv4": (384, 13, 13), "fc7": (4096, 1, 1)})
    3840
    """
    regions = max(1, SHARD_BYTES // (bytes_per_region(shapes) * REGIONS_PER_PART)) * REGIONS_PER_PART
    return min(regions, MAX_REGIONS_PER_SHARD)


def expanded_boxes(regions: pd.DataFrame, expansion: float) -> Boxes:
    """Boxes (n, 4) that the network sees, x0, y0, x1, y1 in pixels; may extend beyond the photograph.

    The box of a mirrored region runs from its right side x0 to its left side x1, as the network sees it.
    """
    expanded = expand(regions[BOX].to_numpy(), expansion)
    mirrored = (regions["kind"] == "mirrored").to_numpy()
    expanded[mirrored] = expanded[mirrored][:, [2, 1, 0, 3]]
    return expanded


def layouts(shapes: Shapes) -> dict[str, Layout]:
    """How the blocks of each layer are cut into chunks and shards."""
    rows = regions_per_shard(shapes)
    return {name: Layout(shape, np.dtype("<f2"), REGIONS_PER_CHUNK, rows) for name, shape in shapes.items()}


def parts(n_regions: int, first: int = 0) -> tuple[slice, ...]:
    """Rows of every part from row `first` on; the last part may hold fewer regions than the others.

    Examples
    --------
    >>> parts(100)
    (slice(0, 64, None), slice(64, 100, None))
    """
    step = REGIONS_PER_PART
    return tuple(slice(start, min(start + step, n_regions)) for start in range(first, n_regions, step))


def dimension_names(layer: str) -> tuple[str, str, str, str]:
    """Names of a block's dimensions; all but the first include the layer, since sizes differ between layers.

    Examples
    --------
    >>> dimension_names("conv4")
    ('region', 'channel_conv4', 'y_conv4', 'x_conv4')
    """
    return "region", f"channel_{layer}", f"y_{layer}", f"x_{layer}"
