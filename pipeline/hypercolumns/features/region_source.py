"""Blocks for `regions.mode: warp`: every region is warped to a square and passes the network alone."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import Backbone
from hypercolumns.features import passes, photographs
from hypercolumns.features.passes import REGIONS_PER_PASS, Blocks
from hypercolumns.features.streams import Streams
from hypercolumns.features.warp import warp_into

MAX_DECODED = 8
"""Decoded photographs kept per thread. Regions are sorted by category, then image, so consecutive rows share one."""


class PhotographCache(threading.local):
    """Reads photographs by image id; each thread keeps its latest ones."""

    def __init__(self, annotations: AnnotationSet) -> None:
        self.read = lru_cache(MAX_DECODED)(partial(photographs.read, annotations))


@dataclass(frozen=True)
class WarpedRegionSource:
    """Computes the blocks of regions from one warped crop per region.

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
    batch_size
        Approximate number of regions that a stream warps at a time; does not affect the result.
    """

    photographs: PhotographCache
    images: NDArray[np.int64]
    boxes: NDArray[np.float64]
    device: torch.device
    batch_size: int

    def compute(self, rows: NDArray[np.intp], streams: Streams[Backbone], progress: "tqdm[Any]") -> Iterator[Blocks]:
        """Yield the blocks of `rows` in their order, some rows at a time."""
        # In full passes. Results do not depend on which regions share a pass.
        step = -(-self.batch_size // REGIONS_PER_PASS) * REGIONS_PER_PASS
        batches = [rows[start : start + step] for start in range(0, len(rows), step)]
        for batch, blocks in zip(batches, streams.map(self._compute, batches), strict=True):
            progress.update(len(batch))
            yield blocks

    def _compute(self, backbone: Backbone, rows: NDArray[np.intp]) -> Blocks:
        return warped_blocks(backbone, [self._photograph_and_box(row) for row in rows.tolist()], self.device)

    def _photograph_and_box(self, row: int) -> tuple[Tensor, NDArray[np.float64]]:
        """Return a region's photograph and box; on other devices than the CPU, only the part that the box covers."""
        photo = torch.from_numpy(self.photographs.read(int(self.images[row])))
        box = self.boxes[row]
        if self.device.type == "cpu":
            return photo, box
        height, width = photo.shape[:2]
        x0, y0 = np.floor(box[:2]).clip(0, (width - 1, height - 1)).astype(int)
        x1, y1 = np.ceil(box[2:]).clip((x0 + 1, y0 + 1), (width, height)).astype(int)
        return passes.to_device(photo[y0:y1, x0:x1].contiguous(), self.device), box - [x0, y0, x0, y0]


def warped_blocks(
    backbone: Backbone, photographs_and_boxes: Sequence[tuple[Tensor, NDArray[np.float64]]], device: torch.device
) -> Blocks:
    """Compute the blocks of n regions, each warped to the input size of the network.

    Parameters
    ----------
    photographs_and_boxes
        For each region its photograph (height, width, 3), uint8 RGB on the device, and its expanded box in pixels.
    """
    size = backbone.input_size
    crops = torch.empty((len(photographs_and_boxes), size, size, 3), device=device)
    for square, (photograph, box) in zip(crops, photographs_and_boxes, strict=True):
        warp_into(square, photograph, box.tolist(), backbone.mean)
    return passes.to_host(passes.run(backbone, crops.permute(0, 3, 1, 2)), backbone)
