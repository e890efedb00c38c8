"""Maps laid out for training on every pixel: each region is decoded once, a classifier reads the window it can see."""

from dataclasses import dataclass

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.features.store import FeatureStore
from pipeline.grid.cells import cell_bounds
from pipeline.grid.shard_file import ShardFile
from pipeline.grid.source import LABELS, Source
from pipeline.grid.standardise import Moments
from pipeline.regions.interpolation import interpolation_matrix, support


@dataclass(frozen=True)
class View:
    """The window of a map that the pixels of one cell are interpolated from, and how."""

    rows: slice
    columns: slice
    vertical: NDArray[np.float32]
    """Interpolation (rows of the cell, rows of the window), rows sum to one."""
    horizontal: NDArray[np.float32]
    """Interpolation (columns of the cell, columns of the window), rows sum to one."""

    @property
    def positions(self) -> int:
        """Of the window."""
        return self.vertical.shape[1] * self.horizontal.shape[1]

    @property
    def is_identity(self) -> bool:
        """Whether the positions of the window are the pixels of the cell."""
        return all(np.array_equal(axis, np.eye(len(axis))) for axis in (self.vertical, self.horizontal))


@dataclass(frozen=True)
class Maps(Source):
    """The maps of a store, shard by shard, for grids of any size."""

    def lay_out(self, shard: slice) -> dict[str, Moments]:
        """Write the maps of the regions of one shard; gives the moments of every layer's channels.

        A layer's array is (y, x, region, channel) float16, that of the labels (y, x, target, region) int8. Maps finer
        than the heat map are interpolated to it, since nobody looks between its locations.
        """
        store = FeatureStore.reopen(self.store)
        arrays, moments = {}, {}
        for layer in self.layers:
            block = store.read(layer, shard)
            height, width = (min(side, self.heat_map) for side in block.shape[2:])
            if block.shape[2:] != (height, width):
                vertical = interpolation_matrix(block.shape[2], height).astype(np.float32)
                horizontal = interpolation_matrix(block.shape[3], width).astype(np.float32)
                block = (vertical @ block.astype(np.float32) @ horizontal.T).astype(np.float16)
            arrays[layer] = np.ascontiguousarray(block.transpose(2, 3, 0, 1))
            moments[layer] = Moments.of(arrays[layer].astype(np.float32))
        labels = np.asarray(zarr.open_array(self.targets, mode="r")[shard])
        ShardFile.write(self.file(shard), {**arrays, LABELS: labels.transpose(2, 3, 1, 0)})
        return moments

    def sizes(self) -> dict[str, tuple[int, int]]:
        """(y, x) of the maps of every layer."""
        with self.open(self.shards[0]) as file:
            return {layer: (height, width) for layer in self.layers for height, width, *_ in [file.shape(layer)]}

    def view(self, height: int, width: int, grid: int, cell: int) -> View:
        """What the pixels of one cell of a grid see of maps of `height` x `width`."""
        tall, wide = self.pixels(grid, cell)
        vertical = interpolation_matrix(height, self.heat_map)[tall]
        horizontal = interpolation_matrix(width, self.heat_map)[wide]
        rows, columns = support(vertical), support(horizontal)
        return View(rows, columns, vertical[:, rows].astype(np.float32), horizontal[:, columns].astype(np.float32))

    def labels(self, file: ShardFile, grid: int, cell: int) -> NDArray[np.int8]:
        """Labels of the pixels of one cell, of the regions in the file of a shard: (target, pixel, region)."""
        labels = file.read(LABELS, *self.pixels(grid, cell))
        return labels.reshape(-1, *labels.shape[2:]).transpose(1, 0, 2)

    def pixels(self, grid: int, cell: int) -> tuple[slice, slice]:
        """Rows and columns of the heat map that are one cell."""
        bounds, (row, column) = cell_bounds(self.heat_map, grid).tolist(), divmod(cell, grid)
        return slice(bounds[row], bounds[row + 1]), slice(bounds[column], bounds[column + 1])
