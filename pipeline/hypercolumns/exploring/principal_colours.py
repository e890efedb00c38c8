"""Blocks in colours: the three directions in which a layer varies most become red, green and blue."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.drawing.colours import Picture
from hypercolumns.features.sampling import SAMPLED_BYTES, read_sample, sample_rows
from hypercolumns.features.store import FeatureStore

SAMPLED_REGIONS = 192
"""Regions of the store whose blocks the directions are computed from, or fewer where they are large. Ours."""

_MOST_CELLS = 4096
"""Cells of these blocks that are drawn; bounds the time for layers of thousands of channels."""

_LEAST_VARIANCE = 1e-6
"""Share of the largest variance below which a component is the rounding of half precision."""

_RANGE = (2, 98)
"""Percentiles of a component that become 0 and 255; what lies outside is clipped."""


@dataclass(frozen=True)
class PrincipalColours:
    """A map from the channels of a layer to colours, the same for all rows of a store.

    Attributes
    ----------
    mean
        (channel,) mean of the sample.
    axes
        (channel, 3) the first three principal components; zero where there are fewer.
    low, high
        (3,) values of the components that become 0 and 255.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @classmethod
    def of_store(cls, store: FeatureStore, layer: str) -> "PrincipalColours":
        """Fit the colours of a layer to a sample of a store, so that rows have comparable colours.

        The sample is the same in every call. Colours of different layers or stores are not comparable.

        Raises
        ------
        InputError
            When the store has no such layer, or is damaged.
        """
        block = store.block(layer)
        bytes_per_region = math.prod(block.shape[1:]) * block.dtype.itemsize
        most = min(SAMPLED_REGIONS, SAMPLED_BYTES // bytes_per_region)
        return cls.fit(read_sample(store, layer, sample_rows(len(store), most)))

    @classmethod
    def fit(cls, blocks: NDArray[np.floating]) -> "PrincipalColours":
        """Fit the colours to blocks (region, channel, y, x)."""
        n_regions, channels, height, width = blocks.shape
        n_cells = n_regions * height * width
        # A stride would meet the same columns of the maps again and again.
        drawn = np.random.default_rng(0).choice(n_cells, min(n_cells, _MOST_CELLS), replace=False, shuffle=False)
        region, y, x = np.unravel_index(np.sort(drawn), (n_regions, height, width))
        cells = blocks[region, :, y, x].astype(np.float32)
        cells = cells[np.isfinite(cells).all(axis=1)]
        if not len(cells):
            return cls(*(np.zeros(shape, np.float32) for shape in (channels, (channels, 3), 3, 3)))
        mean = cells.mean(axis=0, dtype=np.float64).astype(np.float32)
        axes = _principal_axes(cells - mean)
        low, high = np.percentile((cells - mean) @ axes, _RANGE, axis=0).astype(np.float32)
        return cls(mean, axes, low, high)

    def paint(self, block: NDArray[np.floating]) -> Picture:
        """Colour a block (channel, y, x): (y, x, 3) RGB.

        A component that does not vary in the sample, or is not finite, is grey.

        Raises
        ------
        ValueError
            If the block has another number of channels.
        """
        with np.errstate(invalid="ignore"):
            components = (np.moveaxis(block, 0, -1).astype(np.float32) - self.mean) @ self.axes
        spread = self.high - self.low
        varies = spread > 0
        shares = np.where(varies, (components - self.low) / np.where(varies, spread, 1), 0.5)
        shares = np.where(np.isfinite(shares), shares, 0.5)
        return np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)


def _principal_axes(centred: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors (channel, 3) of the largest variance of centred cells (n, channel); zero where there are fewer.

    The sign makes the entry of the largest magnitude positive.
    """
    wide = centred.shape[0] < centred.shape[1]
    gram = (centred @ centred.T if wide else centred.T @ centred).astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    chosen = [k for k in range(len(values) - 1, -1, -1) if values[k] > _LEAST_VARIANCE * max(values[-1], 1e-30)][:3]
    found = centred.T @ vectors[:, chosen] if wide else vectors[:, chosen]
    found = found / np.linalg.norm(found, axis=0)
    found *= np.sign(found[np.abs(found).argmax(axis=0), np.arange(len(chosen))])
    axes = np.zeros((centred.shape[1], 3), np.float32)
    axes[:, : len(chosen)] = found
    return axes
