"""Drawing training pixels: each region is decoded once, its sampled hypercolumns serve every classifier."""

from dataclasses import dataclass

import numpy as np
import zarr
from numpy.typing import NDArray
from scipy import sparse

from pipeline.features.store import FeatureStore
from pipeline.grid.cells import draw_locations
from pipeline.grid.source import Source
from pipeline.grid.standardise import Moments
from pipeline.regions.interpolation import operator


@dataclass(frozen=True)
class Sampling(Source):
    """Pixels drawn from a store for grids of one size.

    Which pixels are drawn depends on the seed and the shard alone, so that neither the number of workers nor the
    layers that are sampled with them change a classifier.
    """

    grid: int
    pixels_per_region: int
    seed: int

    @property
    def pixels_per_cell(self) -> int:
        """Drawn per region and cell."""
        return max(1, round(self.pixels_per_region / self.grid**2))

    def lay_out(self, shard: slice) -> dict[str, Moments]:
        """Write the samples of the regions of one shard; gives the moments of every layer's channels.

        A layer's file is (cell, region, pixel, channel) float16, that of the targets (cell, region, pixel, target)
        int8. A layer of 1 x 1 values has one cell and one pixel, since it says the same everywhere.
        """
        store = FeatureStore.reopen(self.store)
        regions = shard.stop - shard.start
        rng = np.random.default_rng([self.seed, self.grid, shard.start])
        locations = draw_locations(rng, regions, self.heat_map, self.grid, self.pixels_per_cell)
        moments = {}
        for layer in self.layers:
            samples = _interpolate(store.read(layer, shard), locations, self.heat_map)
            moments[layer] = Moments.of(samples)
            np.save(self.file(shard, layer), samples.astype(np.float16))
        maps = np.asarray(zarr.open_array(self.targets, mode="r")[shard])
        flat = maps.reshape(regions, maps.shape[1], -1).transpose(0, 2, 1)
        drawn = flat[np.arange(regions)[:, None, None], locations]
        np.save(self.file(shard, "targets"), drawn.transpose(1, 0, 2, 3))
        return moments

    def read(self, shard: slice, name: str, cell: int) -> NDArray[np.generic]:
        """Samples (region, pixel, ...) of one cell."""
        samples = np.load(self.file(shard, name), mmap_mode="r", allow_pickle=False)
        return np.asarray(samples[cell if len(samples) > 1 else 0])


def _interpolate(block: NDArray[np.float16], locations: NDArray[np.int64], heat_map: int) -> NDArray[np.float32]:
    """A (region, channel, y, x) block at flat `locations` (region, cell, pixel): (cell, region, pixel, channel)."""
    regions, channels, height, width = block.shape
    if height == width == 1:
        return block.reshape(1, regions, 1, channels).astype(np.float32)
    table = np.ascontiguousarray(block.reshape(regions, channels, -1).transpose(0, 2, 1)).reshape(-1, channels)
    by_cell = locations.transpose(1, 0, 2)
    taps = operator(height, width, heat_map)[by_cell.ravel()]
    # Region r's map starts at row r * height * width of the table.
    starts = np.broadcast_to(np.arange(regions)[:, None] * (height * width), by_cell.shape).ravel()
    indices = taps.indices + np.repeat(starts, np.diff(taps.indptr))
    gather = sparse.csr_array((taps.data, indices, taps.indptr), shape=(by_cell.size, len(table)))
    return (gather @ table.astype(np.float32)).reshape(*by_cell.shape, channels)
