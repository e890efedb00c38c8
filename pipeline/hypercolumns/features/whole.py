"""`regions.mode: image`: the network sees every photograph once, and blocks of regions are cut out of its maps."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import Backbone
from hypercolumns.features import passes
from hypercolumns.features.passes import Blocks
from hypercolumns.features.photograph_maps import cut, photograph_maps
from hypercolumns.features.photographs import Photographs
from hypercolumns.features.schema import shard_rows
from hypercolumns.features.spool import Spool
from hypercolumns.features.streams import Streams

GROUP = 32
"""Photographs after which an interrupted run goes on, at the latest."""

REGIONS_AT_ONCE = 16
"""Regions cut out of a photograph's maps at a time, which bounds memory."""


class Whole:
    """Blocks of regions, from one pass over each photograph.

    Rows are sorted by category, so that a photograph's rows lie in several shards: all of them are cut out when the
    network has seen the photograph, and wait on the disk for the rest of their shards.

    Parameters
    ----------
    images
        (n,) image ids of the regions.
    boxes
        (n, 4) boxes in pixels, after expansion.
    shapes
        (channels, height, width) of a region's block by layer.
    short_side
        Photographs are scaled to it.
    device
        Where the network is.
    folder
        For the blocks that wait.
    """

    def __init__(
        self,
        annotations: AnnotationSet,
        images: NDArray[np.int64],
        boxes: NDArray[np.float64],
        shapes: Mapping[str, tuple[int, int, int]],
        short_side: int,
        device: torch.device,
        folder: Path,
    ) -> None:
        self._annotations, self._images, self._boxes = annotations, images, boxes
        self._sizes = {name: shape[1:] for name, shape in shapes.items()}
        self._short_side, self._device = short_side, device
        self._spool = Spool(folder, len(images), shapes)

    def shards(self, missing: Sequence[int], streams: Streams, progress: "tqdm[Any]") -> Iterator[Blocks]:
        """Blocks of all rows of each of the shards `missing`."""
        if missing:
            self._see_all(streams, progress)
        for shard in missing:
            yield self._spool.read(shard_rows(shard, len(self._images)))

    def _see_all(self, streams: Streams, progress: "tqdm[Any]") -> None:
        order = np.argsort(self._images, kind="stable")
        ids, starts = np.unique(self._images[order], return_index=True)
        rows = dict(zip(ids.tolist(), np.split(order, starts[1:]), strict=True))
        groups = [list(rows)[start : start + GROUP] for start in range(0, len(rows), GROUP)]
        left = [number for number in range(len(groups)) if not self._spool.has(number)]
        see = streams.map(partial(self._see, rows), [image_id for number in left for image_id in groups[number]])
        seen = len(self._images) - sum(len(rows[image_id]) for number in left for image_id in groups[number])
        progress.update(seen - progress.n)
        for number in left:
            for image_id in groups[number]:
                next(see)
                progress.update(len(rows[image_id]))
            self._spool.finish(number)

    def _see(self, rows: Mapping[int, NDArray[np.intp]], backbone: Backbone, image_id: int) -> None:
        photograph = Photographs(self._annotations).read(image_id)
        maps = photograph_maps(backbone, photograph, self._short_side, self._device)
        own = rows[image_id]
        for start in range(0, len(own), REGIONS_AT_ONCE):
            some = own[start : start + REGIONS_AT_ONCE]
            blocks = cut(maps, self._boxes[some], (photograph.shape[1], photograph.shape[0]), self._sizes)
            self._spool.write(some, passes.to_host(blocks, backbone))
