"""Training pixels drawn from a store: each region is decoded once, its sampled hypercolumns serve every classifier."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from scipy import sparse

from hypercolumns.features.half import as_float16
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.array_file import ArrayFile
from hypercolumns.grid.cells import cell_bounds
from hypercolumns.grid.shard_files import LABELS, ShardFiles
from hypercolumns.grid.standardise import Moments
from hypercolumns.regions.interpolation import operator


@dataclass(frozen=True)
class SampleFiles(ShardFiles):
    """Hypercolumns at random pixels, for grids of one size.

    Which pixels are drawn depends on the seed and the shard alone, so neither the number of workers nor the layers
    that are sampled with them change a classifier.
    """

    grid: int
    pixels_per_region: int
    seed: int

    @property
    def pixels_per_cell(self) -> int:
        """Pixels drawn per region and cell."""
        return max(1, round(self.pixels_per_region / self.grid**2))

    def lay_out(self, shard: int) -> dict[str, Moments]:
        """Write the samples of one shard's regions; gives the moments of every layer's channels.

        A layer's array is (cell, pixel, region, channel) float16, that of the labels (cell, pixel, region, target)
        int8. A layer of 1 x 1 values has one cell and one pixel, since it is the same everywhere.
        """
        store = FeatureStore.reopen(self.store)
        rows = self.shards[shard]
        regions = rows.stop - rows.start
        rng = np.random.default_rng([self.seed, self.grid, rows.start])
        locations = draw_locations(rng, regions, self.heat_map, self.grid, self.pixels_per_cell)
        by_cell = locations.transpose(1, 2, 0)
        arrays, moments = {}, {}
        for layer in self.layers:
            samples = _interpolate(store.read(layer, rows), by_cell, self.heat_map)
            moments[layer] = Moments.of(samples)
            arrays[layer] = as_float16(samples, layer)
        maps = np.asarray(zarr.open_array(self.targets, mode="r")[rows])
        flat = maps.reshape(regions, maps.shape[1], -1).transpose(0, 2, 1)
        ArrayFile.write(self.file(shard), {**arrays, LABELS: flat[np.arange(regions), by_cell]})
        return moments


def draw_locations(
    rng: np.random.Generator, regions: int, heat_map: int, grid: int, pixels_per_cell: int
) -> NDArray[np.int64]:
    """Draw training pixels uniformly over each cell, with replacement. Paper, section 3.

    Returns
    -------
    (regions, grid * grid, pixels_per_cell) flat locations row * heat_map + column; cells in row-major order.
    """
    bounds = cell_bounds(heat_map, grid)
    shape = (regions, grid, grid, pixels_per_cell)
    start, length = bounds[:-1], np.diff(bounds)
    rows = start[:, None, None] + (rng.random(shape) * length[:, None, None]).astype(np.int64)
    columns = start[:, None] + (rng.random(shape) * length[:, None]).astype(np.int64)
    return (rows * heat_map + columns).reshape(regions, grid * grid, pixels_per_cell)


def read_samples(file: ArrayFile, name: str, cell: int, pixels: slice) -> NDArray[Any]:
    """Samples of one cell in the file of a shard: (pixel, region, channel), or (pixel, region, target) of the labels.

    A layer of 1 x 1 values gives one pixel.
    """
    cells, drawn, *_ = file.shape(name)
    index = cell if cells > 1 else 0
    samples: NDArray[Any] = file.read(name, slice(index, index + 1), pixels if drawn > 1 else slice(0, 1))
    return samples[0]


def _interpolate(block: NDArray[np.float16], by_cell: NDArray[np.int64], heat_map: int) -> NDArray[np.float32]:
    """Interpolate a (region, channel, y, x) block at flat locations `by_cell` (cell, pixel, region).

    Returns
    -------
    (cell, pixel, region, channel)
    """
    regions, channels, height, width = block.shape
    if height == width == 1:
        return block.reshape(1, 1, regions, channels).astype(np.float32)
    table = np.ascontiguousarray(block.reshape(regions, channels, -1).transpose(0, 2, 1)).reshape(-1, channels)
    taps = operator(height, width, heat_map)[by_cell.ravel()]
    # Region r's map starts at row r * height * width of the table.
    starts = np.broadcast_to(np.arange(regions) * (height * width), by_cell.shape).ravel()
    indices = taps.indices + np.repeat(starts, np.diff(taps.indptr))
    gather = sparse.csr_array((taps.data, indices, taps.indptr), shape=(by_cell.size, len(table)))
    return (gather @ table.astype(np.float32)).reshape(*by_cell.shape, channels)
