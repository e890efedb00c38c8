"""Maps laid out for training on every pixel: each region is decoded once, and each cell reads only its window."""

from dataclasses import dataclass

import numpy as np
import zarr
from numpy.typing import NDArray

from hypercolumns.features.half import as_float16
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.array_file import ArrayFile
from hypercolumns.grid.cells import cell_slices
from hypercolumns.grid.shard_files import LABELS, ShardFiles
from hypercolumns.grid.standardise import Moments
from hypercolumns.regions.interpolation import interpolate, interpolation_matrix, support


@dataclass(frozen=True)
class MapWindow:
    """The part of a map that the pixels of one cell are interpolated from, with the interpolation weights."""

    rows: slice
    columns: slice
    vertical: NDArray[np.float32]
    """(rows of the cell, rows of the window); rows sum to one."""
    horizontal: NDArray[np.float32]
    """(columns of the cell, columns of the window); rows sum to one."""

    @property
    def positions(self) -> int:
        """Number of map positions in the window."""
        return self.vertical.shape[1] * self.horizontal.shape[1]

    @property
    def is_identity(self) -> bool:
        """Whether the positions of the window are the pixels of the cell."""
        return all(np.array_equal(axis, np.eye(len(axis))) for axis in (self.vertical, self.horizontal))


@dataclass(frozen=True, kw_only=True)
class MapFiles(ShardFiles):
    """Complete maps; they serve grids with any number of cells."""

    def lay_out(self, shard: int) -> dict[str, Moments]:
        """Write the maps and labels of the regions of one shard.

        The array of a layer is (y, x, region, channel) float16, that of the labels (y, x, target, region) int8. Maps
        finer than the heat map are interpolated to its locations, the only places where they are used.

        Returns
        -------
        Moments of every layer.
        """
        store = FeatureStore.reopen(self.store)
        arrays, moments = {}, {}
        for layer in self.layers:
            block = store.read(layer, self.shards[shard])
            height, width = (min(side, self.heat_map) for side in block.shape[2:])
            if block.shape[2:] != (height, width):
                block = as_float16(interpolate(block.astype(np.float32), height, width), layer)
            arrays[layer] = np.ascontiguousarray(block.transpose(2, 3, 0, 1))
            moments[layer] = Moments.measure(arrays[layer].astype(np.float32))
        labels = np.asarray(zarr.open_array(self.targets, mode="r")[self.shards[shard]])
        ArrayFile.write(self.file(shard), {**arrays, LABELS: labels.transpose(2, 3, 1, 0)})
        return moments

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Size (y, x) of the maps of every layer."""
        with self.open(0) as file:
            return {layer: (height, width) for layer in self.layers for height, width, *_ in [file.shape(layer)]}

    def window(self, height: int, width: int, grid: int, cell: int) -> MapWindow:
        """Window of one cell of a `grid` x `grid` grid in maps of `height` x `width`."""
        cell_rows, cell_columns = cell_slices(self.heat_map, grid, cell)
        vertical = interpolation_matrix(height, self.heat_map)[cell_rows]
        horizontal = interpolation_matrix(width, self.heat_map)[cell_columns]
        rows, columns = support(vertical), support(horizontal)
        return MapWindow(rows, columns, vertical[:, rows].astype(np.float32), horizontal[:, columns].astype(np.float32))

    def labels(self, file: ArrayFile, grid: int, cell: int) -> NDArray[np.int8]:
        """Labels (target, pixel, region) of one cell, read from the file of a shard."""
        labels = file.read(LABELS, *cell_slices(self.heat_map, grid, cell))
        return labels.reshape(-1, *labels.shape[2:]).transpose(1, 0, 2)
