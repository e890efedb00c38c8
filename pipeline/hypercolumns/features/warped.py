"""`regions.mode: warp`: every region is warped to a square and seen by the network on its own."""

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
from hypercolumns.features.passes import PASS, Blocks
from hypercolumns.features.photographs import Photographs
from hypercolumns.features.schema import SHARD, shard_rows
from hypercolumns.features.streams import Streams
from hypercolumns.features.warp import warp_into


class Warped:
    """Blocks of regions, each from a pass over the region alone.

    Parameters
    ----------
    images
        (n,) image ids of the regions.
    boxes
        (n, 4) what the network sees of them: boxes in pixels, after expansion.
    device
        Where the network is.
    batch_size
        About how many regions a stream warps at a time; changes no byte.
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
        self._own = _OfThread(annotations)

    def shards(self, missing: Sequence[int], streams: Streams, progress: "tqdm[Any]") -> Iterator[Blocks]:
        """Blocks of all rows of each of the shards `missing`."""
        pieces = {shard: _pieces(shard_rows(shard, len(self._images)), self._batch_size) for shard in missing}
        results = streams.map(self._see, [piece for shard in missing for piece in pieces[shard]])
        for shard in missing:
            parts = []
            for piece in pieces[shard]:
                parts.append(next(results))
                progress.update(piece.stop - piece.start)
            yield {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _see(self, backbone: Backbone, rows: slice) -> Blocks:
        size = backbone.input_size
        crops = torch.empty((rows.stop - rows.start, size, size, 3), device=self._device)
        for square, row in zip(crops, range(rows.start, rows.stop), strict=True):
            photo, box = self._around(row)
            warp_into(square, photo, box.tolist(), backbone.mean)
        return passes.to_host(passes.run(backbone, crops.permute(0, 3, 1, 2)), backbone)

    def _around(self, row: int) -> tuple[Tensor, NDArray[np.float64]]:
        """The photograph of a region, on the device as far as its box reaches, and the box in it."""
        photo = torch.from_numpy(self._own.photographs.read(int(self._images[row])))
        box = self._boxes[row]
        if self._device.type == "cpu":
            return photo, box
        height, width = photo.shape[:2]
        x0, y0 = np.floor(box[:2]).clip(0, (width - 1, height - 1)).astype(int)
        x1, y1 = np.ceil(box[2:]).clip((x0 + 1, y0 + 1), (width, height)).astype(int)
        return passes.to_device(photo[y0:y1, x0:x1].contiguous(), self._device), box - [x0, y0, x0, y0]


class _OfThread(threading.local):
    """Photographs are kept by each thread for itself."""

    def __init__(self, annotations: AnnotationSet) -> None:
        self.photographs = Photographs(annotations)


def _pieces(rows: slice, batch_size: int) -> list[slice]:
    """A shard's rows in pieces of about `batch_size`: whole passes, so that passes do not depend on it."""
    step = min(-(-batch_size // PASS) * PASS, SHARD)
    return [slice(start, min(start + step, rows.stop)) for start in range(rows.start, rows.stop, step)]
