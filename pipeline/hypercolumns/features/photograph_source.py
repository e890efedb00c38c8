"""Blocks for `regions.mode: image`: one forward pass per photograph, and regions cut out of its maps."""

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

PHOTOGRAPHS_PER_GROUP = 32
"""Photographs after which an interrupted run can resume."""

REGIONS_PER_CUT = 16
"""Regions cut out of a photograph's maps at a time; bounds memory."""


class PhotographSource:
    """Computes the blocks of regions from one pass over each photograph.

    Rows are sorted by category, so the rows of a photograph belong to several shards. All of them are cut out as soon
    as the photograph has passed the network, and wait on disk until their shards are complete.

    Parameters
    ----------
    annotations
        Names the photographs.
    images
        (n,) image ids of the regions.
    boxes
        (n, 4) expanded boxes of the regions, in pixels.
    shapes
        (channels, height, width) of a region's block by layer.
    short_side
        Short side in pixels to which photographs are scaled.
    device
        Device of the network.
    folder
        Folder for waiting blocks.
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
        """Yield the blocks of each shard of `missing`, all rows of a shard at a time."""
        if missing:
            self._fill_spool(streams, progress)
        for shard in missing:
            yield self._spool.read(shard_rows(shard, len(self._images)))

    def _fill_spool(self, streams: Streams, progress: "tqdm[Any]") -> None:
        """Compute the blocks of all photographs whose group is not complete yet."""
        order = np.argsort(self._images, kind="stable")
        ids, starts = np.unique(self._images[order], return_index=True)
        rows = dict(zip(ids.tolist(), np.split(order, starts[1:]), strict=True))
        groups = [
            ids[start : start + PHOTOGRAPHS_PER_GROUP].tolist() for start in range(0, len(ids), PHOTOGRAPHS_PER_GROUP)
        ]
        pending = [group for group in range(len(groups)) if not self._spool.has(group)]
        image_ids = [image_id for group in pending for image_id in groups[group]]
        spooled = len(self._images) - sum(len(rows[image_id]) for image_id in image_ids)
        progress.update(spooled - progress.n)
        results = streams.map(partial(self._spool_photograph, rows), image_ids)
        for group in pending:
            for image_id in groups[group]:
                next(results)
                progress.update(len(rows[image_id]))
            self._spool.finish(group)

    def _spool_photograph(self, rows: Mapping[int, NDArray[np.intp]], backbone: Backbone, image_id: int) -> None:
        photograph = Photographs(self._annotations).read(image_id)
        maps = photograph_maps(backbone, photograph, self._short_side, self._device)
        height, width = photograph.shape[:2]
        for start in range(0, len(rows[image_id]), REGIONS_PER_CUT):
            batch = rows[image_id][start : start + REGIONS_PER_CUT]
            blocks = cut(maps, self._boxes[batch], (width, height), self._sizes)
            self._spool.write(batch, passes.to_host(blocks, backbone))
