"""Blocks for `regions.mode: image`: one forward pass per photograph, and regions cut out of its maps."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import Backbone
from hypercolumns.features import passes, photographs
from hypercolumns.features.passes import Blocks
from hypercolumns.features.photograph_maps import cut, photograph_maps
from hypercolumns.features.schema import Shapes, shard_rows
from hypercolumns.features.streams import Streams

PHOTOGRAPHS_PER_GROUP = 32
"""Photographs after which an interrupted run can resume."""

REGIONS_PER_CUT = 16
"""Regions cut out of a photograph's maps at a time; bounds memory."""


class Spool:
    """Keeps the blocks of regions on disk, written in any order and read by shard.

    A memory-mapped file with one record per region, and a marker file for each group of rows that is complete. Uses as
    much disk space as the uncompressed blocks, and only as much memory as the system grants to its page cache.

    Parameters
    ----------
    folder
        Folder of the spool alone; rows that an interrupted run left there are kept.
    n_regions
        Number of rows.
    shapes
        (channels, height, width) by layer.
    """

    def __init__(self, folder: Path, n_regions: int, shapes: Shapes) -> None:
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


@dataclass(frozen=True)
class PhotographSource:
    """Computes the blocks of regions from one pass over each photograph.

    Rows are sorted by category, so the rows of a photograph belong to several shards. All of them are cut out as soon
    as the photograph has passed the network, and wait on disk until their shards are complete.

    Attributes
    ----------
    annotations
        Names the photographs.
    images
        (n,) image ids of the regions.
    boxes
        (n, 4) expanded boxes of the regions, in pixels.
    device
        Device of the network.
    shapes
        (channels, height, width) of a region's block by layer.
    short_side
        Short side in pixels to which photographs are scaled.
    spool
        Keeps waiting blocks.
    """

    annotations: AnnotationSet
    images: NDArray[np.int64]
    boxes: NDArray[np.float64]
    device: torch.device
    shapes: Shapes
    short_side: int
    spool: Spool

    def shards(self, missing: Sequence[int], streams: Streams, progress: "tqdm[Any]") -> Iterator[Blocks]:
        """Yield the blocks of each shard of `missing`, all rows of a shard at a time."""
        if missing:
            self._fill_spool(streams, progress)
        for shard in missing:
            yield self.spool.read(shard_rows(shard, len(self.images)))

    def _fill_spool(self, streams: Streams, progress: "tqdm[Any]") -> None:
        """Compute the blocks of all photographs whose group is not complete yet."""
        order = np.argsort(self.images, kind="stable")
        ids, starts = np.unique(self.images[order], return_index=True)
        rows_by_image = list(zip(ids.tolist(), np.split(order, starts[1:]), strict=True))
        group_starts = range(0, len(rows_by_image), PHOTOGRAPHS_PER_GROUP)
        groups = [rows_by_image[start : start + PHOTOGRAPHS_PER_GROUP] for start in group_starts]
        pending = {number: group for number, group in enumerate(groups) if not self.spool.has(number)}
        items = [item for group in pending.values() for item in group]
        spooled = len(self.images) - sum(len(rows) for _, rows in items)
        progress.update(spooled - progress.n)
        results = streams.map(self._spool_photograph, items)
        for number, group in pending.items():
            for _, rows in group:
                next(results)
                progress.update(len(rows))
            self.spool.finish(number)

    def _spool_photograph(self, backbone: Backbone, image_and_rows: tuple[int, NDArray[np.intp]]) -> None:
        image_id, rows = image_and_rows
        photograph = photographs.read(self.annotations, image_id)
        maps = photograph_maps(backbone, photograph, self.short_side, self.device)
        height, width = photograph.shape[:2]
        for start in range(0, len(rows), REGIONS_PER_CUT):
            batch = rows[start : start + REGIONS_PER_CUT]
            blocks = cut(maps, self.boxes[batch], (width, height), self.shapes)
            self.spool.write(batch, passes.to_host(blocks, backbone))
