"""A sample of the rows of a store, the same in every call, so that looking into a large store takes bounded time."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.features.schema import REGIONS_PER_CHUNK
from hypercolumns.features.store import FeatureStore

SAMPLED_BYTES = 1 << 25
"""Uncompressed size of a sample of blocks. Ours."""

_READS_AT_ONCE = 8
"""An object store answers each request after a while."""


def evenly_spaced(total: int, count: int) -> list[int]:
    """Positions of `count` of `total` things, at most all of them, each in the middle of an equal share.

    Examples
    --------
    >>> evenly_spaced(10, 2), evenly_spaced(2, 5)
    ([2, 7], [0, 1])
    """
    count = min(count, total)
    return [(2 * k + 1) * total // (2 * count) for k in range(count)]


def sample_rows(n_regions: int, most: int) -> tuple[slice, ...]:
    """Chunks of rows that are evenly spaced over a store, of about `most` regions together; all if there are no more.

    Rows are sorted by category, so that every category of some size is in the sample.

    Examples
    --------
    >>> sample_rows(80, most=8)
    (slice(20, 24, None), slice(60, 64, None))
    >>> sample_rows(6, most=100)
    (slice(0, 4, None), slice(4, 6, None))
    """
    chunks = -(-n_regions // REGIONS_PER_CHUNK)
    starts = [REGIONS_PER_CHUNK * chunk for chunk in evenly_spaced(chunks, max(1, most // REGIONS_PER_CHUNK))]
    return tuple(slice(start, min(start + REGIONS_PER_CHUNK, n_regions)) for start in starts)


def read_sample(store: FeatureStore, layer: str, rows: tuple[slice, ...]) -> NDArray[np.float16]:
    """Read the blocks of sampled rows: (rows, channel, y, x).

    Raises
    ------
    InputError
        When the store has no such layer, or is damaged.
    """
    empty = store.read(layer, slice(0, 0))
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        return np.concatenate([empty, *pool.map(lambda chunk: store.read(layer, chunk), rows)])


@dataclass(frozen=True)
class LayerStatistics:
    """Values of a layer in some rows."""

    zeros: float
    """Share of values that are zero, from 0 to 1; NaN without rows."""
    lowest: float
    highest: float
    dead: int
    """Channels that have one value in all cells of all rows."""

    @classmethod
    def of(cls, blocks: NDArray[np.float16]) -> "LayerStatistics":
        """Measure the values of blocks (rows, channel, y, x)."""
        if not blocks.size:
            return cls(np.nan, np.nan, np.nan, 0)
        values = blocks.reshape(*blocks.shape[:2], -1).astype(np.float32)  # half precision is compared slowly
        low, high = values.min(axis=(0, 2)), values.max(axis=(0, 2))
        return cls(1 - np.count_nonzero(values) / values.size, low.min(), high.max(), int((low == high).sum()))


def layer_statistics(store: FeatureStore, rows: tuple[slice, ...]) -> Mapping[str, LayerStatistics]:
    """Measure every layer of a store in sampled rows; one layer is in memory at a time."""
    return {layer: LayerStatistics.of(read_sample(store, layer, rows)) for layer in store.layers}
