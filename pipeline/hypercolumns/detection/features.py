"""Features of any box of a photograph from one pass of the network: pooled layers, context and geometry."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hypercolumns.annotations.images import read_photograph
from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.backbones import Backbone
from hypercolumns.features.passes import to_host
from hypercolumns.features.photograph_maps import photograph_maps
from hypercolumns.parameters import DetectionParameters
from hypercolumns.regions.boxes import Boxes, clip, expand
from hypercolumns.regions.pooling import pool

SAMPLES = 6  # interpolated values per side that are averaged over a box

Maps = Mapping[str, NDArray[np.float16]]


@dataclass(frozen=True)
class Extractor:
    """Maps of whole photographs."""

    backbone: Backbone
    short_side: int
    device: torch.device

    def maps(self, photograph: NDArray[np.uint8]) -> dict[str, NDArray[np.float16]]:
        """The layers' maps (channels, y, x) of a (height, width, 3) photograph, scaled to the short side."""
        maps = photograph_maps(self.backbone, photograph, self.short_side, self.device)
        return to_host(maps, self.backbone)


@dataclass(frozen=True)
class PhotographMaps:
    """Maps of the photographs of an annotation set; kept as files in `folder`, where there is one."""

    annotations: AnnotationSet
    extractor: Extractor
    folder: Path | None

    def __getitem__(self, image: Image) -> Maps:
        path = self.folder / f"{image.id}.npz" if self.folder is not None else None
        if path is not None and path.exists():
            with np.load(path) as stored:
                return {name: stored[name] for name in stored.files}
        maps = self.extractor.maps(read_photograph(self.annotations.image_path(image), image))
        if path is not None:
            np.savez(path, **maps)  # type: ignore[arg-type]
        return maps


def describe(maps: Maps, image: Image, boxes: Boxes, settings: DetectionParameters) -> NDArray[np.float32]:
    """Features (n, dimensions) of the (n, 4) boxes of an image.

    Each layer is averaged over `settings.cells` x `settings.cells` parts of every box, the last one also over the box's
    surroundings as a whole. Each of these blocks has length 1, so that none outweighs the others. Position, size and
    shape of the box follow.
    """
    size = (image.width, image.height)
    around = clip(expand(boxes, settings.context), *size)
    blocks = [_block(layer, boxes, size, settings.cells) for layer in maps.values()]
    blocks.append(_block(list(maps.values())[-1], around, size, 1))
    blocks.append(_geometry(boxes, size))
    return np.concatenate(blocks, axis=1)


def _block(layer: NDArray[np.float16], boxes: Boxes, size: tuple[int, int], cells: int) -> NDArray[np.float32]:
    """Means of a layer over the parts of every box, (n, cells * cells * channels), each row of length 1."""
    parts = pool(layer, boxes, size, cells, max(1, SAMPLES // cells))
    pooled = parts.reshape(len(boxes), math.prod(parts.shape[1:]))  # said, since there may be no box
    length = np.linalg.norm(pooled, axis=1, keepdims=True)
    return pooled / np.maximum(length, np.finfo(np.float32).tiny)


def _geometry(boxes: Boxes, size: tuple[int, int]) -> NDArray[np.float32]:
    """Corners, root of the area, area and logarithm of the aspect of the boxes, relative to the image: (n, 7)."""
    width, height = size
    relative = boxes / np.array([width, height, width, height])
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], np.finfo(np.float32).tiny)
    share = sides.prod(axis=1) / (width * height)
    aspect = np.log(sides[:, 0] / sides[:, 1])
    return np.column_stack([relative, np.sqrt(share), share, aspect]).astype(np.float32)
