"""Training pixels drawn from a store: each region is decoded once, its samples serve every classifier."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hypercolumns.features.half import as_float16
from hypercolumns.features.schema import Shapes
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.array_file import ArrayFile
from hypercolumns.grid.cells import cell_bounds
from hypercolumns.grid.finite import read_finite
from hypercolumns.grid.shard_files import LABELS, ShardFiles
from hypercolumns.grid.standardise import Moments
from hypercolumns.regions.interpolation import operator


@dataclass(frozen=True, kw_only=True)
class SampleFiles(ShardFiles):
    """Hypercolumns at random pixels; they serve grids with one number of cells.

    The seed and the shard alone decide which pixels are drawn, so that a classifier depends neither on the number of
    workers nor on the other layers in the files.
    """

    grid: int
    """Cells per side."""
    pixels_per_region: int
    seed: int

    @property
    def pixels_per_cell(self) -> int:
        """Pixels drawn per region and cell."""
        return max(1, round(self.pixels_per_region / self.grid**2))

    def region_bytes(self, shapes: Shapes, n_targets: int) -> int:
        """See `ShardFiles.region_bytes`."""
        n_pixels = self.grid**2 * self.pixels_per_cell
        values = (channels * (1 if height == width == 1 else n_pixels) for channels, height, width in shapes.values())
        return 2 * sum(values) + n_targets * n_pixels

    def lay_out_shard(
        self, store: FeatureStore, rows: slice, labels: NDArray[np.int8]
    ) -> tuple[Mapping[str, NDArray[Any]], dict[str, Moments]]:
        """Draw pixels of the regions of one shard, and lay out their hypercolumns; see `ShardFiles.lay_out_shard`.

        The array of a layer is (cell, pixel, region, channel) float16, that of the labels (cell, pixel, region, target)
        int8. Maps of 1 x 1 are constant, so their layer has a single cell with a single pixel.
        """
        n_regions = rows.stop - rows.start
        rng = np.random.default_rng([self.seed, self.grid, rows.start])
        locations = draw_locations(rng, n_regions, self.heat_map, self.grid, self.pixels_per_cell)
        by_cell = locations.transpose(1, 2, 0)
        arrays: dict[str, NDArray[Any]] = {}
        moments = {}
        for layer in self.layers:
            samples = _interpolate(read_finite(store, layer, rows), by_cell, self.heat_map)
            moments[layer] = Moments.measure(samples)
            arrays[layer] = as_float16(samples, layer)
        flat = labels.reshape(n_regions, labels.shape[1], -1).transpose(0, 2, 1)
        return {**arrays, LABELS: flat[np.arange(n_regions), by_cell]}, moments


def draw_locations(
    rng: np.random.Generator, regions: int, heat_map: int, grid: int, pixels_per_cell: int
) -> NDArray[np.int64]:
    """Draw training pixels uniformly over each cell, with replacement. Paper, section 3.

    Parameters
    ----------
    regions
        Number of regions.
    heat_map
        Locations per side of a heat map.
    grid
        Cells per side.

    Returns
    -------
    (regions, grid * grid, pixels_per_cell) flat locations row * heat_map + column; cells are numbered row by row.
    """
    bounds = cell_bounds(heat_map, grid)
    shape = (regions, grid, grid, pixels_per_cell)
    start, length = bounds[:-1], np.diff(bounds)
    rows = start[:, None, None] + (rng.random(shape) * length[:, None, None]).astype(np.int64)
    columns = start[:, None] + (rng.random(shape) * length[:, None]).astype(np.int64)
    return (rows * heat_map + columns).reshape(regions, grid * grid, pixels_per_cell)


def read_samples(file: ArrayFile, name: str, cell: int, pixels: slice) -> NDArray[Any]:
    """Read some of the pixels drawn in one cell from the file of a shard.

    Parameters
    ----------
    name
        A layer, or `LABELS`.
    pixels
        Which of the pixels drawn per region and cell.

    Returns
    -------
    (pixel, region, channel), or (pixel, region, target) for labels; a layer with maps of 1 x 1 gives one pixel.
    """
    n_cells, n_pixels, *_ = file.shape(name)
    index = cell if n_cells > 1 else 0
    samples: NDArray[Any] = file.read(name, slice(index, index + 1), pixels if n_pixels > 1 else slice(0, 1))
    return samples[0]


def _interpolate(block: NDArray[np.float16], by_cell: NDArray[np.int64], heat_map: int) -> NDArray[np.float32]:
    """Interpolate a block (region, channel, y, x) at the flat locations `by_cell` (cell, pixel, region).

    Returns
    -------
    (cell, pixel, region, channel); (1, 1, region, channel) for maps of 1 x 1.
    """
    n_regions, n_channels, height, width = block.shape
    if height == width == 1:
        return block.reshape(1, 1, n_regions, n_channels).astype(np.float32)
    table = np.ascontiguousarray(block.reshape(n_regions, n_channels, -1).transpose(0, 2, 1)).reshape(-1, n_channels)
    taps = operator(height, width, heat_map)[by_cell.ravel()]
    # The map of region r starts at row r * height * width of the table.
    starts = np.broadcast_to(np.arange(n_regions) * (height * width), by_cell.shape).ravel()
    indices = taps.indices + np.repeat(starts, np.diff(taps.indptr))
    gather = sparse.csr_array((taps.data, indices, taps.indptr), shape=(by_cell.size, len(table)))
    return (gather @ table.astype(np.float32)).reshape(*by_cell.shape, n_channels)
