"""Disk storage for the blocks of regions, written in any order and read by shard."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.features.passes import Blocks


class Spool:
    """A memory-mapped file with one record per region, and a marker file for each group of rows that is complete.

    Uses as much disk space as the uncompressed blocks, and only as much memory as the system grants to its page cache.

    Parameters
    ----------
    folder
        Folder of the spool alone; rows that an interrupted run left there are kept.
    n_regions
        Number of rows.
    shapes
        (channels, height, width) by layer.
    """

    def __init__(self, folder: Path, n_regions: int, shapes: Mapping[str, tuple[int, int, int]]) -> None:
        self._done = folder / "done"
        file = folder / "rows"
        record = np.dtype([(name, np.float16, shape) for name, shape in shapes.items()])
        size = n_regions * record.itemsize
        if not file.exists() or file.stat().st_size != size:
            # A run that was killed while cleaning up leaves markers without the file.
            shutil.rmtree(folder, ignore_errors=True)
            self._done.mkdir(parents=True)
            with file.open("wb") as stream:
                stream.truncate(size)  # sparse: takes no space until it is written
        self._rows = np.memmap(file, record, "r+", shape=(n_regions,))

    def has(self, group: int) -> bool:
        """Whether a group of rows is complete."""
        return (self._done / str(group)).exists()

    def write(self, rows: NDArray[np.intp], blocks: Blocks) -> None:
        """Store the blocks of the given rows; threads may write different rows at the same time."""
        for name, block in blocks.items():
            self._rows[name][rows] = block

    def finish(self, group: int) -> None:
        """Flush to disk, then mark a group of rows as complete."""
        self._rows.flush()
        (self._done / str(group)).touch()

    def read(self, rows: slice) -> Blocks:
        """Read the blocks of contiguous rows."""
        return {name: np.ascontiguousarray(self._rows[name][rows]) for name in self._rows.dtype.names or ()}
