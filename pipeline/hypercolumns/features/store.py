"""Reading a feature store: lazily as Dask or xarray, eagerly shard by shard, or as whole hypercolumns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import zarr
from numpy.typing import NDArray

from hypercolumns.errors import InputError, choices
from hypercolumns.features.schema import BOX, CHUNK, COLUMNS, KINDS, SCHEMA, dimension_names, n_shards, shard_file
from hypercolumns.regions import boxes
from hypercolumns.regions.interpolation import interpolate
from hypercolumns.stores import array, open_group

if TYPE_CHECKING:
    import dask.array as da
    import xarray as xr

Rows = slice | Sequence[int] | NDArray[np.integer] | NDArray[np.bool_]


@dataclass(frozen=True)
class FeatureStore:
    """Hypercolumn blocks of a set of regions, one array per layer at the layer's own resolution.

    Made by `FeatureStore.open`. Rows are sorted by category, so that the rows of a category are contiguous.
    """

    path: Path
    group: zarr.Group

    @classmethod
    def open(cls, path: str | Path) -> "FeatureStore":
        """Open the store at `path` for reading.

        Raises
        ------
        InputError
            When there is nothing at `path`, something that is no feature store of this version, or one that lost files.
        """
        store = cls.reopen(Path(path))
        store._check_files()
        return store

    @classmethod
    def reopen(cls, path: Path) -> "FeatureStore":
        """`open` without looking for lost files: for workers, who get a store that `open` has seen a moment ago."""
        return cls(path, open_group(path, SCHEMA, "feature store", "extract"))

    def __len__(self) -> int:
        """Number of regions."""
        return int(array(self.group, "regions/image").shape[0])

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """What the features were made with: backbone, weights, preprocessing, expansion, versions."""
        return self.group.attrs.asdict()

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, as the backbone parameters listed them."""
        return tuple(layer["name"] for layer in self.attributes["layers"])

    @cached_property
    def regions_per_shard(self) -> int:
        """Regions of every shard but the last, which may hold fewer."""
        shards = array(self.group, f"blocks/{self.layers[0]}").shards
        assert shards is not None  # noqa: S101 - the schema says so
        return shards[0]

    @property
    def shards(self) -> tuple[slice, ...]:
        """Rows of every shard."""
        step = self.regions_per_shard
        return tuple(slice(first, min(first + step, len(self))) for first in range(0, len(self), step))

    @cached_property
    def channels(self) -> Mapping[str, int]:
        """Of every layer."""
        return {layer: array(self.group, f"blocks/{layer}").shape[1] for layer in self.layers}

    @cached_property
    def blocks(self) -> Mapping[str, "da.Array"]:
        """Lazy (region, channel, y, x) float16 arrays by layer; a Dask chunk is a shard."""
        import dask.array as da  # a second that stages and workers, which read shard by shard, need not wait

        arrays = {layer: array(self.group, f"blocks/{layer}") for layer in self.layers}
        return {layer: da.from_zarr(block, chunks=block.shards) for layer, block in arrays.items()}

    @cached_property
    def regions(self) -> pd.DataFrame:
        """One row per region: image, category, instance (-1: none), kind, x0, y0, x1, y1, iou, score."""
        columns = {name: self._read(f"regions/{name}", slice(None)) for name in COLUMNS}
        columns["kind"] = np.array(KINDS, dtype=object)[columns["kind"]]
        return pd.DataFrame(columns)

    @cached_property
    def expanded_boxes(self) -> NDArray[np.float64]:
        """(region, 4) boxes that the network saw: x0, y0, x1, y1 in pixels, partly outside the image maybe."""
        return boxes.expand(self.regions[BOX].to_numpy(), self.attributes["expansion"])

    def read(self, layer: str, rows: slice) -> NDArray[np.float16]:
        """A layer's block of contiguous rows: (rows, channel, y, x). Whole shards are read fastest.

        Raises
        ------
        InputError
            When the store has no such layer.
        """
        self._check((layer,))
        return self._read(f"blocks/{layer}", rows)

    def to_xarray(self) -> "xr.Dataset":
        """Blocks as lazy variables, the region table as coordinates along `region`."""
        import xarray as xr

        return xr.Dataset(
            {layer: (dimension_names(layer), block) for layer, block in self.blocks.items()},
            coords={name: ("region", self.regions[name].to_numpy()) for name in COLUMNS},
            attrs=dict(self.attributes),
        )

    def hypercolumns(self, rows: Rows, size: int = 50, layers: Sequence[str] | None = None) -> "da.Array":
        """Hypercolumns of `size` x `size` locations over the expanded boxes of `rows`; lazy.

        Parameters
        ----------
        rows
            What indexes an array: a slice, row numbers in any order, or a mask of all regions.
        size
            Locations per side.
        layers
            Which layers, in which order; all of the store when None.

        Returns
        -------
        (rows, size, size, channels of all layers) float32, in chunks of few regions, since each takes
        4 * size * size * channels bytes. Paper, section 3.
        """
        names = self.layers if layers is None else tuple(layers)
        self._check(names)
        numbers = np.arange(len(self))[rows]
        arrays = [array(self.group, f"blocks/{name}") for name in names]
        channels = sum(block.shape[1] for block in arrays)
        import dask.array as da

        return da.from_array(numbers, chunks=CHUNK).map_blocks(
            _hypercolumns,
            arrays,
            size,
            dtype=np.float32,
            new_axis=[1, 2, 3],
            chunks=(da.core.normalize_chunks(CHUNK, (len(numbers),))[0], (size,), (size,), (channels,)),
            meta=np.empty((0, 0, 0, 0), dtype=np.float32),
        )

    def _check_files(self) -> None:
        """Zarr reads a missing file as zeros, which would train and predict without a word."""
        for layer in self.layers:
            folder = self.path / "blocks" / layer / "c"
            lost = [shard for shard in range(n_shards(len(self))) if not (folder / shard_file(shard)).is_file()]
            if lost:
                raise InputError(
                    f"{self.path} is incomplete: the layer {layer!r} lacks {len(lost)} of {n_shards(len(self))} files, "
                    f"first {folder / shard_file(lost[0])}.",
                    "extract",
                )

    def _check(self, layers: Sequence[str]) -> None:
        for layer in layers:
            if layer not in self.layers:
                raise InputError(f"{self.path} has no layer {layer!r}; it has {choices(self.layers)}.")

    def _read(self, name: str, rows: slice) -> NDArray[Any]:
        return np.asarray(array(self.group, name)[rows])


def _hypercolumns(rows: NDArray[np.intp], arrays: Sequence[zarr.Array], size: int) -> NDArray[np.float32]:
    """Interpolate the blocks of a few rows, each array (region, channel, y, x), and put their channels side by side."""
    columns = [interpolate(_take(block, rows), size, size).transpose(0, 2, 3, 1) for block in arrays]
    return np.concatenate(columns, axis=-1)


def _take(block: zarr.Array, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """Blocks of `rows` in their order; neighbours are read in one go, since fancy indexing over shards is slow."""
    taken = np.empty((len(rows), *block.shape[1:]), dtype=np.float32)
    if len(rows) and np.all(np.diff(rows) == 1):
        taken[:] = block[int(rows[0]) : int(rows[-1]) + 1]
    else:
        for i, row in enumerate(rows):
            taken[i] = block[int(row)]
    return taken
