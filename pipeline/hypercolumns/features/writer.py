"""Writing a feature store: its arrays once, then whole shards in any order."""

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
from hypercolumns.features.schema import CHUNK, COLUMNS, KINDS, SCHEMA, SHARD, dimension_names, n_shards, shard_rows
from hypercolumns.stores import array


def create(
    path: Path,
    regions: pd.DataFrame,
    shapes: Mapping[str, tuple[int, int, int]],
    expansion: float,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Make a store with its region table, attributes and still empty blocks.

    Equal arguments give equal bytes: neither times nor paths are written.

    Parameters
    ----------
    path
        Folder to make.
    regions
        Columns as in `schema.COLUMNS`, `kind` as text; sorted by category.
    shapes
        (channels, height, width) by layer, in the order of the layers.
    expansion
        Factor between the boxes of `regions` and what the network sees.
    attributes
        More root attributes.
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
            chunks=(CHUNK, *shape),
            shards=(SHARD, *shape),
            dtype=np.float16,
            compressors=ZstdCodec(level=1),
            dimension_names=dimension_names(name),
            # Looking for chunks of nothing but the fill value takes longer than writing them.
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
        # Zarr warns that the format's specification does not have consolidated metadata yet; readers do not mind.
        warnings.simplefilter("ignore", ZarrUserWarning)
        # The groups get their own, so that `xarray.open_zarr(path, group="blocks")` finds one too.
        for name in ("blocks", "regions", ""):
            zarr.consolidate_metadata(root.store, path=name)


def write_shard(path: Path, shard: int, blocks: Mapping[str, ArrayLike]) -> None:
    """Write all layers of one whole shard: (rows of the shard, channel, y, x) by layer."""
    group = zarr.open_group(path, mode="r+")
    for name, block in blocks.items():
        whole = array(group, f"blocks/{name}")
        rows = shard_rows(shard, whole.shape[0])
        values = as_float16(block, name)
        if values.shape != (rows.stop - rows.start, *whole.shape[1:]):
            raise ValueError(f"shard {shard} of {name} has shape {values.shape}, which does not fit {whole.shape}")
        whole.with_config({"write_empty_chunks": True})[rows] = values


def write_store(
    path: Path,
    regions: pd.DataFrame,
    blocks: Mapping[str, ArrayLike],
    expansion: float = 1.2,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write a whole store from arrays in memory, (region, channel, y, x) by layer; for small sets and tests."""
    arrays = {name: np.asarray(block) for name, block in blocks.items()}
    create(path, regions, {name: a.shape[1:] for name, a in arrays.items()}, expansion, attributes)
    for shard in range(n_shards(len(regions))):
        rows = shard_rows(shard, len(regions))
        write_shard(path, shard, {name: array[rows] for name, array in arrays.items()})
