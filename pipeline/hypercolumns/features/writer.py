"""Write a feature store: first its metadata and region table, then complete shards in any order."""

import os
import shutil
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

from hypercolumns.features import schema
from hypercolumns.features.half import as_float16
from hypercolumns.features.schema import Shapes
from hypercolumns.scratch import publish
from hypercolumns.stores import array


def create(
    path: Path, regions: pd.DataFrame, shapes: Shapes, expansion: float, attributes: Mapping[str, Any] | None = None
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
    described = {"schema": schema.SCHEMA, "kinds": list(schema.KINDS), "expansion": expansion, "layers": layers}
    root.update_attributes({**described, **(attributes or {})})
    for name, shape in shapes.items():
        root.create_array(
            f"blocks/{name}",
            shape=(len(regions), *shape),
            chunks=(schema.REGIONS_PER_CHUNK, *shape),
            shards=(schema.REGIONS_PER_SHARD, *shape),
            dtype=np.float16,
            compressors=ZstdCodec(level=1),
            dimension_names=schema.dimension_names(name),
            # Checking whether a chunk is empty takes longer than writing it.
            config={"write_empty_chunks": True},
        )
    for name, dtype in schema.COLUMNS.items():
        values = regions[name].map(schema.KINDS.index) if name == "kind" else regions[name]
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
        rows = schema.shard_rows(shard, stored.shape[0])
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
    for shard in range(schema.n_shards(len(regions))):
        rows = schema.shard_rows(shard, len(regions))
        write_shard(path, shard, {name: values[rows] for name, values in arrays.items()})


class UnfinishedStore:
    """Writes a feature store shard by shard into a work folder; knows, even after a crash, which shards are complete.

    `folder/store` is the store; `folder/done/<shard>` exists once all layers of the shard are on disk.

    Parameters
    ----------
    folder
        Work folder; a store that an interrupted run left there is continued.
    regions, shapes, expansion, attributes
        As for `create`.
    """

    def __init__(
        self, folder: Path, regions: pd.DataFrame, shapes: Shapes, expansion: float, attributes: Mapping[str, Any]
    ) -> None:
        self.folder = folder
        self._store, self._done = folder / "store", folder / "done"
        if not self._store.exists():
            draft = folder / "draft"
            # A run that was killed between publishing and cleaning up leaves markers without a store.
            for stale in (self._done, draft):
                shutil.rmtree(stale, ignore_errors=True)
            create(draft, regions, shapes, expansion, attributes)
            draft.replace(self._store)
        self._done.mkdir(exist_ok=True)
        for partial in self._store.rglob("*.partial"):
            partial.unlink()  # Zarr writes files under such names, then renames them

    def has(self, shard: int) -> bool:
        """Whether a shard is complete."""
        return (self._done / str(shard)).exists()

    def write(self, shard: int, blocks: Mapping[str, ArrayLike]) -> None:
        """Write all layers of a shard and mark it as complete."""
        write_shard(self._store, shard, blocks)
        for layer in blocks:
            # Force the data to disk before the marker: a power failure must not leave a marker without data.
            with (self._store / "blocks" / layer / "c" / schema.shard_file(shard)).open("rb") as stream:
                os.fsync(stream.fileno())
        (self._done / str(shard)).touch()

    def publish(self, out: Path) -> None:
        """Move the finished store to `out` and remove the work folder."""
        publish(self._store, out)
        shutil.rmtree(self.folder)
