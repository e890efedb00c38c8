"""Blocks for `regions.mode: image`: one forward pass per photograph, and regions cut out of its maps."""

import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from hypercolumns.annotations.photographs.of_images import Photographs
from hypercolumns.backbones import Backbone
from hypercolumns.features import passes
from hypercolumns.features.passes import Blocks
from hypercolumns.features.photograph_maps import cut, photograph_maps
from hypercolumns.features.schema import Shapes, parts
from hypercolumns.features.streams import Streams
from hypercolumns.scratch.checked_files import load_arrays, save_arrays

_ROWS = "rows"

REGIONS_PER_CUT = 16
"""Regions cut out of a photograph's maps at a time; bounds memory."""


class Spool:
    """Keeps the blocks of regions on disk, written in any order, with a checksum for each region and layer.

    A memory-mapped file with one record per region, and a file with the checksums of each photograph that is complete.
    Uses as much disk space as the uncompressed blocks, and only as much memory as the system grants to its page cache.

    Parameters
    ----------
    folder
        Folder of the spool alone; what an interrupted run left there is kept.
    n_regions
        Number of rows.
    shapes
        (channels, height, width) by layer.
    """

    def __init__(self, folder: Path, n_regions: int, shapes: Shapes) -> None:
        self._folder = folder
        file = folder / _ROWS
        record = np.dtype([(name, np.float16, shape) for name, shape in shapes.items()])
        size = n_regions * record.itemsize
        if not file.exists() or file.stat().st_size != size:
            # A run that was killed while cleaning up leaves checksums without the file.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            with file.open("wb") as stream:
                stream.truncate(size)  # sparse: takes no space until it is written
        self._rows = np.memmap(file, record, "r", shape=(n_regions,))
        self._lock = threading.Lock()

    def has(self, image_id: int, rows: NDArray[np.intp]) -> bool:
        """Whether these rows of a photograph, in ascending order, are complete and intact."""
        kept = load_arrays(self._file(image_id))
        if kept is None or not np.isin(rows, kept["rows"]).all():
            return False
        return np.array_equal(kept["crc32c"][np.searchsorted(kept["rows"], rows)], self._checksums(rows))

    def write(self, rows: NDArray[np.intp], blocks: Blocks) -> None:
        """Store the blocks of the given rows; threads may write different rows at the same time."""
        records = np.empty(len(rows), self._rows.dtype)
        for name, block in blocks.items():
            records[name] = block
        # Written, not assigned to the mapped file: on a full disk that would kill the process without a word.
        with self._lock, (self._folder / _ROWS).open("r+b") as stream:
            for row, record in zip(rows.tolist(), records, strict=True):
                stream.seek(row * records.itemsize)
                stream.write(record.tobytes())

    def finish(self, image_id: int, rows: NDArray[np.intp]) -> None:
        """Mark the rows of a photograph as complete."""
        save_arrays(self._file(image_id), {"rows": rows, "crc32c": self._checksums(rows)})

    def read(self, rows: NDArray[np.intp]) -> Blocks:
        """Read the blocks of some rows."""
        return {name: self._rows[name][rows] for name in self._rows.dtype.names or ()}

    def _checksums(self, rows: NDArray[np.intp]) -> NDArray[np.uint32]:
        return np.array([google_crc32c.value(self._rows[row].tobytes()) for row in rows], np.uint32)

    def _file(self, image_id: int) -> Path:
        return self._folder / f"{image_id}.npz"


@dataclass(frozen=True)
class PhotographSource:
    """Computes the blocks of regions from one pass over each photograph.

    Rows are sorted by category, so the rows of a photograph belong to several shards. All of them are cut out as soon
    as the photograph has passed the network, and wait on disk until their shards are complete.

    Attributes
    ----------
    photographs
        Photographs of the regions.
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

    photographs: Photographs
    images: NDArray[np.int64]
    boxes: NDArray[np.float64]
    device: torch.device
    shapes: Shapes
    short_side: int
    spool: Spool

    def compute(self, rows: NDArray[np.intp], streams: Streams[Backbone], progress: "tqdm[Any]") -> Iterator[Blocks]:
        """Compute the blocks of `rows`, then yield them in their order, some rows at a time."""
        images = self.images[rows]
        order = np.argsort(images, kind="stable")
        ids, starts = np.unique(images[order], return_index=True)
        by_image = list(zip(ids.tolist(), np.split(rows[order], starts[1:]), strict=True)) if len(rows) else []
        missing = [item for item in by_image if not self.spool.has(*item)]
        progress.update(len(rows) - sum(len(image_rows) for _, image_rows in missing))
        for (_, image_rows), _ in zip(missing, streams.map(self._spool_photograph, missing), strict=True):
            progress.update(len(image_rows))
        for part in parts(len(rows)):
            yield self.spool.read(rows[part])

    def _spool_photograph(self, backbone: Backbone, image_and_rows: tuple[int, NDArray[np.intp]]) -> None:
        image_id, rows = image_and_rows
        photograph = self.photographs.read(image_id)
        maps = photograph_maps(backbone, photograph, self.short_side, self.device)
        for part, blocks in cut_blocks(backbone, maps, photograph, self.boxes[rows], self.shapes):
            self.spool.write(rows[part], blocks)
        self.spool.finish(image_id, rows)


def cut_blocks(
    backbone: Backbone,
    maps: Mapping[str, Tensor],
    photograph: NDArray[np.uint8],
    boxes: NDArray[np.float64],
    shapes: Shapes,
) -> Iterator[tuple[slice, Blocks]]:
    """Yield the blocks of boxes in a photograph (height, width, 3) from its maps, a few at a time.

    Parameters
    ----------
    backbone
        It computed the maps.
    boxes
        (n, 4) expanded boxes, in pixels.
    shapes
        (channels, height, width) of a region's block by layer.
    """
    height, width = photograph.shape[:2]
    for start in range(0, len(boxes), REGIONS_PER_CUT):
        part = slice(start, start + REGIONS_PER_CUT)
        yield part, passes.to_host(cut(maps, boxes[part], (width, height), shapes), backbone)
