"""Blocks of regions in any order on the disk, until all rows of a shard are there."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.features.passes import Blocks


class Spool:
    """A file with one record per region, and a marker for each group of rows that is complete.

    Takes as many bytes as the blocks without compression, in memory only what the system lets it have.

    Parameters
    ----------
    folder
        Its own; what an interrupted run left there is kept.
    n_regions
        Rows.
    shapes
        (channels, height, width) by layer.
    """

    def __init__(self, folder: Path, n_regions: int, shapes: Mapping[str, tuple[int, int, int]]) -> None:
        self._done = folder / "done"
        file = folder / "rows"
        record = np.dtype([(name, np.float16, shape) for name, shape in shapes.items()])
        size = n_regions * record.itemsize
        if not file.exists() or file.stat().st_size != size:
            # Markers without their file are left by a run that was killed while it cleaned up.
            shutil.rmtree(folder, ignore_errors=True)
            self._done.mkdir(parents=True)
            with file.open("wb") as stream:
                stream.truncate(size)  # a hole: takes no space until it is written
        self._rows = np.memmap(file, record, "r+", shape=(n_regions,))

    def has(self, group: int) -> bool:
        """Whether a group of rows is complete."""
        return (self._done / str(group)).exists()

    def write(self, rows: NDArray[np.intp], blocks: Blocks) -> None:
        """Keep the blocks of some rows; several threads may, for different rows."""
        for name, block in blocks.items():
            self._rows[name][rows] = block

    def finish(self, group: int) -> None:
        """Mark a group as complete, once its rows are on the disk."""
        self._rows.flush()
        (self._done / str(group)).touch()

    def read(self, rows: slice) -> Blocks:
        """Blocks of neighbouring rows."""
        return {name: np.ascontiguousarray(self._rows[name][rows]) for name in self._rows.dtype.names or ()}
