"""Blocks for `regions.mode: warp`: every region is warped to a square and passes the network alone."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import Backbone
from hypercolumns.features import passes
from hypercolumns.features.passes import REGIONS_PER_PASS, Blocks
from hypercolumns.features.photographs import Photographs
from hypercolumns.features.schema import REGIONS_PER_SHARD, shard_rows
from hypercolumns.features.streams import Streams
from hypercolumns.features.warp import warp_into


class WarpedRegionSource:
    """Computes the blocks of regions from one warped crop per region.

    Parameters
    ----------
    annotations
        Names the photographs.
    images
        (n,) image ids of the regions.
    boxes
        (n, 4) expanded boxes of the regions, in pixels.
    device
        Device of the network.
    batch_size
        Approximate number of regions that a stream warps at a time; does not affect the result.
    """

    def __init__(
        self,
        annotations: AnnotationSet,
        images: NDArray[np.int64],
        boxes: NDArray[np.float64],
        device: torch.device,
        batch_size: int,
    ) -> None:
        self._images, self._boxes, self._device, self._batch_size = images, boxes, device, batch_size
        self._local = _ThreadPhotographs(annotations)

    def shards(self, missing: Sequence[int], streams: Streams, progress: "tqdm[Any]") -> Iterator[Blocks]:
        """Yield the blocks of each shard of `missing`, all rows of a shard at a time."""
        batches = {shard: _batches(shard_rows(shard, len(self._images)), self._batch_size) for shard in missing}
        results = streams.map(self._compute, [rows for shard in missing for rows in batches[shard]])
        for shard in missing:
            parts = []
            for rows in batches[shard]:
                parts.append(next(results))
                progress.update(rows.stop - rows.start)
            yield {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _compute(self, backbone: Backbone, rows: slice) -> Blocks:
        size = backbone.input_size
        crops = torch.empty((rows.stop - rows.start, size, size, 3), device=self._device)
        for square, row in zip(crops, range(rows.start, rows.stop), strict=True):
            photo, box = self._photograph_and_box(row)
            warp_into(square, photo, box.tolist(), backbone.mean)
        return passes.to_host(passes.run(backbone, crops.permute(0, 3, 1, 2)), backbone)

    def _photograph_and_box(self, row: int) -> tuple[Tensor, NDArray[np.float64]]:
        """Return a region's photograph and box; on other devices than the CPU, only the part that the box covers."""
        photo = torch.from_numpy(self._local.photographs.read(int(self._images[row])))
        box = self._boxes[row]
        if self._device.type == "cpu":
            return photo, box
        height, width = photo.shape[:2]
        x0, y0 = np.floor(box[:2]).clip(0, (width - 1, height - 1)).astype(int)
        x1, y1 = np.ceil(box[2:]).clip((x0 + 1, y0 + 1), (width, height)).astype(int)
        return passes.to_device(photo[y0:y1, x0:x1].contiguous(), self._device), box - [x0, y0, x0, y0]


class _ThreadPhotographs(threading.local):
    """A `Photographs` per thread, since it is not thread-safe."""

    def __init__(self, annotations: AnnotationSet) -> None:
        self.photographs = Photographs(annotations)


def _batches(rows: slice, batch_size: int) -> list[slice]:
    """Split the rows of a shard into batches of about `batch_size`, in full passes, so that it never affects a pass."""
    step = min(-(-batch_size // REGIONS_PER_PASS) * REGIONS_PER_PASS, REGIONS_PER_SHARD)
    return [slice(start, min(start + step, rows.stop)) for start in range(rows.start, rows.stop, step)]
