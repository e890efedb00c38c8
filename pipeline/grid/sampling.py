"""Standardised hypercolumns of single training pixels, straight from the blocks of a few regions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pipeline.features.store import FeatureStore
from pipeline.grid.standardise import Standardisation
from pipeline.regions.interpolation import operator

PIXELS_AT_ONCE = 8192
"""Hypercolumns in memory at a time."""


@dataclass(frozen=True)
class PixelSampler:
    """The blocks of a slice of a store, ready to give hypercolumns at any locations."""

    tables: Mapping[str, NDArray[np.float32]]
    """By layer: (region * y * x, channel), standardised."""
    shapes: Mapping[str, tuple[int, int]]
    """By layer: height and width of the map."""
    heat_map: int

    @classmethod
    def read(
        cls, store: FeatureStore, rows: slice, layers: Sequence[str], standardisation: Standardisation, heat_map: int
    ) -> "PixelSampler":
        tables, shapes = {}, {}
        for layer in layers:
            block = store.read(layer, rows)
            tables[layer] = standardisation.table(layer, block)
            shapes[layer] = block.shape[2:]
        return cls(tables, shapes, heat_map)

    def hypercolumns(self, locations: NDArray[np.int64]) -> NDArray[np.float32]:
        """(region * pixel, channels of all layers) hypercolumns at flat `locations` (region, pixel) of the heat map."""
        regions, pixels = locations.shape
        columns = np.empty((regions * pixels, sum(t.shape[1] for t in self.tables.values())), dtype=np.float32)
        first = 0
        for layer, table in self.tables.items():
            height, width = self.shapes[layer]
            taps = operator(height, width, self.heat_map)[locations.ravel()]
            # Region r's map starts at row r * height * width of the table.
            starts = np.repeat(np.arange(regions) * (height * width), pixels)
            taps.indices += np.repeat(starts, np.diff(taps.indptr)).astype(taps.indices.dtype)
            gather = sparse.csr_array((taps.data, taps.indices, taps.indptr), shape=(regions * pixels, len(table)))
            columns[:, first : first + table.shape[1]] = gather @ table
            first += table.shape[1]
        return columns

    def by_cell(self, locations: NDArray[np.int64], cells: Sequence[int]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Hypercolumns (region * pixel, channel) of each of `cells`, a few cells' pixels at a time.

        `locations` is (region, cell, pixel) as `draw_locations` gives it.
        """
        regions, _, pixels = locations.shape
        together = max(1, PIXELS_AT_ONCE // (regions * pixels))
        for first in range(0, len(cells), together):
            chosen = list(cells[first : first + together])
            columns = self.hypercolumns(locations[:, chosen].reshape(regions, -1))
            by_region = columns.reshape(regions, len(chosen), pixels, -1)
            for position, cell in enumerate(chosen):
                yield cell, by_region[:, position].reshape(regions * pixels, -1)
