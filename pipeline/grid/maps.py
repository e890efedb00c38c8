"""Maps laid out for training on every pixel: each region is decoded once, a classifier reads the window it can see."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.features.store import FeatureStore
from pipeline.grid.cells import cell_bounds
from pipeline.grid.source import Source
from pipeline.grid.standardise import Moments
from pipeline.regions.interpolation import interpolation_matrix, support


@dataclass(frozen=True)
class Window:
    """The part of a layer's maps that the pixels of one cell are interpolated from."""

    values: NDArray[np.float16]
    """(y, x, region, channel)"""
    vertical: NDArray[np.float32]
    """Interpolation (rows of the cell, y), rows sum to one."""
    horizontal: NDArray[np.float32]
    """Interpolation (columns of the cell, x), rows sum to one."""

    @property
    def is_identity(self) -> bool:
        """Whether the positions of the window are the pixels of the cell."""
        return all(np.array_equal(axis, np.eye(len(axis))) for axis in (self.vertical, self.horizontal))


@dataclass(frozen=True)
class Maps(Source):
    """The maps of a store, shard by shard, for grids of any size."""

    def lay_out(self, shard: slice) -> dict[str, Moments]:
        """Write the maps of the regions of one shard; gives the moments of every layer's channels.

        A layer's file is (y, x, region, channel) float16, that of the targets (target, y, x, region) int8. Maps
        finer than the heat map are interpolated to it, since nobody looks between its locations.
        """
        store = FeatureStore.reopen(self.store)
        moments = {}
        for layer in self.layers:
            block = store.read(layer, shard)
            height, width = (min(side, self.heat_map) for side in block.shape[2:])
            if block.shape[2:] != (height, width):
                vertical = interpolation_matrix(block.shape[2], height).astype(np.float32)
                horizontal = interpolation_matrix(block.shape[3], width).astype(np.float32)
                block = (vertical @ block.astype(np.float32) @ horizontal.T).astype(np.float16)
            maps = np.ascontiguousarray(block.transpose(2, 3, 0, 1))
            moments[layer] = Moments.of(maps.astype(np.float32))
            np.save(self.file(shard, layer), maps)
        labels = np.asarray(zarr.open_array(self.targets, mode="r")[shard])
        np.save(self.file(shard, "targets"), np.ascontiguousarray(labels.transpose(1, 2, 3, 0)))
        return moments

    def window(self, shard: slice, layer: str, grid: int, cell: int) -> Window:
        """What the pixels of one cell of a grid see of a layer."""
        maps = self._read(shard, layer)
        bounds, (row, column) = cell_bounds(self.heat_map, grid), divmod(cell, grid)
        vertical = interpolation_matrix(maps.shape[0], self.heat_map)[bounds[row] : bounds[row + 1]]
        horizontal = interpolation_matrix(maps.shape[1], self.heat_map)[bounds[column] : bounds[column + 1]]
        rows, columns = support(vertical), support(horizontal)
        axes = (vertical[:, rows].astype(np.float32), horizontal[:, columns].astype(np.float32))
        return Window(maps[rows, columns], *axes)

    def labels(self, shard: slice, grid: int, cell: int) -> NDArray[np.int8]:
        """Targets of the pixels of one cell: (target, y, x, region)."""
        bounds, (row, column) = cell_bounds(self.heat_map, grid), divmod(cell, grid)
        labels: NDArray[np.int8] = self._read(shard, "targets")
        return labels[:, bounds[row] : bounds[row + 1], bounds[column] : bounds[column + 1]]

    def _read(self, shard: slice, name: str) -> NDArray[Any]:
        path = self.file(shard, name)
        return _opened(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=128)
def _opened(path: Path, written: int) -> NDArray[Any]:
    """A file as it was `written` (ns): the cells of a fit read it again and again, and parsing its head adds up."""
    del written
    return np.load(path, mmap_mode="r", allow_pickle=False)


def close_files() -> None:
    """Let go of what was read: deleting a file that a worker has mapped frees no room, and fails on network disks."""
    _opened.cache_clear()
