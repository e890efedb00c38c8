"""Maps laid out for training on every pixel: each region is decoded once, and each cell reads only its window."""

from dataclasses import dataclass

import numpy as np

from hypercolumns.features.half import as_float16
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.array_file import ArrayFile
from hypercolumns.grid.finite import read_finite
from hypercolumns.grid.shard_files import LABELS, ShardFiles
from hypercolumns.grid.standardise import Moments
from hypercolumns.grid.targets import read_target_maps
from hypercolumns.regions.interpolation import interpolate


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

        Raises
        ------
        InputError
            When features are damaged or not finite.
        """
        store = FeatureStore.reopen(self.store)
        arrays, moments = {}, {}
        for layer in self.layers:
            block = read_finite(store, layer, self.shards[shard])
            height, width = (min(side, self.heat_map) for side in block.shape[2:])
            if block.shape[2:] != (height, width):
                block = as_float16(interpolate(block.astype(np.float32), height, width), layer)
            arrays[layer] = np.ascontiguousarray(block.transpose(2, 3, 0, 1))
            moments[layer] = Moments.measure(arrays[layer].astype(np.float32))
        labels = read_target_maps(self.targets, self.shards[shard])
        ArrayFile.write(self.file(shard), {**arrays, LABELS: labels.transpose(2, 3, 1, 0)})
        return moments
