"""Maps laid out for training on every pixel: each region is decoded once, and each cell reads only its window."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.features.half import as_float16
from hypercolumns.features.schema import Shapes
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.finite import read_finite
from hypercolumns.grid.shard_files import LABELS, ShardFiles
from hypercolumns.grid.standardise import Moments
from hypercolumns.regions.interpolation import interpolate


@dataclass(frozen=True, kw_only=True)
class MapFiles(ShardFiles):
    """Complete maps; they serve grids with any number of cells."""

    def region_bytes(self, shapes: Shapes, n_targets: int) -> int:
        """See `ShardFiles.region_bytes`."""
        positions = (c * min(h, self.heat_map) * min(w, self.heat_map) for c, h, w in shapes.values())
        return 2 * sum(positions) + n_targets * self.heat_map**2

    def lay_out_shard(
        self, store: FeatureStore, rows: slice, labels: NDArray[np.int8]
    ) -> tuple[Mapping[str, NDArray[Any]], dict[str, Moments]]:
        """Lay out the maps and labels of the regions of one shard; see `ShardFiles.lay_out_shard`.

        The array of a layer is (y, x, region, channel) float16, that of the labels (y, x, target, region) int8. Maps
        finer than the heat map are interpolated to its locations, the only places where they are used.
        """
        arrays: dict[str, NDArray[Any]] = {}
        moments = {}
        for layer in self.layers:
            block = read_finite(store, layer, rows)
            height, width = (min(side, self.heat_map) for side in block.shape[2:])
            if block.shape[2:] != (height, width):
                block = as_float16(interpolate(block.astype(np.float32), height, width), layer)
            arrays[layer] = np.ascontiguousarray(block.transpose(2, 3, 0, 1))
            moments[layer] = Moments.measure(arrays[layer].astype(np.float32))
        return {**arrays, LABELS: labels.transpose(2, 3, 1, 0)}, moments
