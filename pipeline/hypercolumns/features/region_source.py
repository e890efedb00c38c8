"""Blocks for `regions.mode: warp`: every region is warped to a square and passes the network alone."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from hypercolumns.annotations.photographs.of_images import Photographs
from hypercolumns.backbones import Backbone
from hypercolumns.features import passes
from hypercolumns.features.device_warp import warp_on_device
from hypercolumns.features.passes import REGIONS_PER_PASS, Blocks
from hypercolumns.features.streams import Streams
from hypercolumns.features.warp import warp

MAX_DECODED = 8
"""Decoded photographs kept per thread. Regions are sorted by category, then image, so consecutive rows share one."""


class PhotographCache(threading.local):
    """Reads photographs by image id; each thread keeps its latest ones."""

    def __init__(self, photographs: Photographs) -> None:
        self.read = lru_cache(MAX_DECODED)(photographs.read)


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
        regions_photographs = [self.photographs.read(image) for image in self.images[rows].tolist()]
        return warped_blocks(backbone, regions_photographs, self.boxes[rows], self.device)


def warped_blocks(
    backbone: Backbone, photographs: Sequence[NDArray[np.uint8]], boxes: NDArray[np.float64], device: torch.device
) -> Blocks:
    """Compute the blocks of n regions, each warped to the input size of the network.

    Parameters
    ----------
    photographs
        For each region its photograph (height, width, 3), RGB.
    boxes
        (n, 4) expanded boxes, in pixels; one with x0 > x1 is mirrored.
    device
        Device of the network.
    """
    size, fill = backbone.input_size, backbone.mean
    mirrored = boxes[:, 0] > boxes[:, 2]
    boxes = np.where(mirrored[:, None], boxes[:, [2, 1, 0, 3]], boxes)
    if device.type == "cpu":
        crops = warp(photographs, boxes, size, fill)
    else:
        crops = warp_on_device(photographs, boxes, size, fill, device)
    if mirrored.any():
        rows = torch.from_numpy(np.flatnonzero(mirrored)).to(crops.device)
        crops[rows] = crops[rows].flip(-1)
    return passes.to_host(passes.run(backbone, crops), backbone)
