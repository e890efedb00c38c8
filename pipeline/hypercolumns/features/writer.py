"""Write a feature store: first its metadata and region table, then complete shards in any order."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr
from numpy.typing import ArrayLike
from zarr.codecs import ZstdCodec
from zarr.errors import ZarrUserWarning

from hypercolumns.features.half import as_float16
from hypercolumns.features.schema import (
    COLUMNS,
    KINDS,
    REGIONS_PER_CHUNK,
    REGIONS_PER_SHARD,
    SCHEMA,
    dimension_names,
    n_shards,
    shard_rows,
)
from hypercolumns.stores import array


def create(
    path: Path,
    regions: pd.DataFrame,
    shapes: Mapping[str, tuple[int, int, int]],
    expansion: float,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Create a store with its region table and attributes, and with blocks that are still empty.

    Equal arguments give equal bytes: neither times nor paths are written.

    Parameters
    ----------
    path
        Folder to create.
    regions
        Columns as in `schema.COLUMNS`, `kind` as a string; sorted by category.
    shapes
        (channels, height, width) by layer, in the order of the layers.
    expansion
        Factor by which the boxes of `regions` are expanded before the network sees them.
    attributes
        Further root attributes.

    Raises
    ------
    ValueError
        When the regions are not sorted by category.
    """
    if not regions["category"].is_monotonic_increasing:
        raise ValueError("the regions of a feature store must be sorted by category")
    root = zarr.create_group(path)
    layers = [
        {"name": name, "channels": channels, "height": height, "width": width}
        for name, (channels, height, width) in shapes.items()
    ]
    root.update_attributes(
        {"schema": SCHEMA, "kinds": list(KINDS), "expansion": expansion, "layers": layers, **(attributes or {})}
    )
    for name, shape in shapes.items():
        root.create_array(
            f"blocks/{name}",
            shape=(len(regions), *shape),
            chunks=(REGIONS_PER_CHUNK, *shape),
            shards=(REGIONS_PER_SHARD, *shape),
            dtype=np.float16,
            compressors=ZstdCodec(level=1),
            dimension_names=dimension_names(name),
            # Checking whether a chunk is empty takes longer than writing it.
            config={"write_empty_chunks": True},
        )
    for name, dtype in COLUMNS.items():
        values = regions[name].map(KINDS.index) if name == "kind" else regions[name]
        root.create_array(
            f"regions/{name}",
            data=values.to_numpy().astype(dtype),
            chunks=(len(regions),),
            compressors=ZstdCodec(level=1),
            dimension_names=("region",),
        )
    with warnings.catch_warnings():
        # Zarr warns that consolidated metadata is not in the format's specification yet; readers ignore it.
        warnings.simplefilter("ignore", ZarrUserWarning)
        # The groups get theirs too, for `xarray.open_zarr(path, group="blocks")`.
        for name in ("blocks", "regions", ""):
            zarr.consolidate_metadata(root.store, path=name)


def write_shard(path: Path, shard: int, blocks: Mapping[str, ArrayLike]) -> None:
    """Write all layers of one complete shard.

    Parameters
    ----------
    path
        Store made by `create`.
    shard
        Number of the shard.
    blocks
        (rows of the shard, channel, y, x) by layer.

    Raises
    ------
    InputError
        When a value is NaN.
    ValueError
        When a block does not have the shape that the store expects.
    """
    group = zarr.open_group(path, mode="r+")
    for name, block in blocks.items():
        stored = array(group, f"blocks/{name}")
        rows = shard_rows(shard, stored.shape[0])
        values = as_float16(block, name)
        if values.shape != (rows.stop - rows.start, *stored.shape[1:]):
            raise ValueError(f"shard {shard} of {name} has shape {values.shape}, which does not fit {stored.shape}")
        stored.with_config({"write_empty_chunks": True})[rows] = values


def write_store(
    path: Path,
    regions: pd.DataFrame,
    blocks: Mapping[str, ArrayLike],
    expansion: float = 1.2,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write a complete store from (region, channel, y, x) arrays in memory; for small data sets and tests."""
    arrays = {name: np.asarray(block) for name, block in blocks.items()}
    create(path, regions, {name: values.shape[1:] for name, values in arrays.items()}, expansion, attributes)
    for shard in range(n_shards(len(regions))):
        rows = shard_rows(shard, len(regions))
        write_shard(path, shard, {name: values[rows] for name, values in arrays.items()})
