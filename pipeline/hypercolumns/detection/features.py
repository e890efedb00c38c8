"""Features of any box in a photograph from one network pass: pooled layers, context and geometry."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.photographs.reading import read_photograph
from hypercolumns.backbones import Backbone
from hypercolumns.features.passes import to_host
from hypercolumns.features.photograph_maps import photograph_maps
from hypercolumns.parameters import DetectionParameters
from hypercolumns.regions.boxes import Boxes, clip, expand
from hypercolumns.regions.pooling import pool

SAMPLES_PER_SIDE = 6
"""Values interpolated per side of a box, which are averaged over its cells. Ours."""

Maps = Mapping[str, NDArray[np.float16]]
"""Maps (channels, y, x) of a photograph by layer."""


@dataclass(frozen=True)
class PhotographFeatures:
    """Features of any box in the photographs of an annotation set."""

    annotations: AnnotationSet
    backbone: Backbone
    settings: DetectionParameters
    device: torch.device
    folder: Path | None
    """Folder that keeps maps for the next use; None: they are computed at each use."""

    def describe(self, image: Image, boxes: Boxes) -> NDArray[np.float32]:
        """Features (n, dimensions) of the boxes (n, 4) in an image; see `describe`."""
        return describe(self.maps(image), image, boxes, self.settings)

    def maps(self, image: Image) -> Maps:
        """Maps of the photograph of an image."""
        path = None if self.folder is None else self.folder / f"{image.id}.npz"
        if path is not None and path.exists():
            with np.load(path) as stored:
                return dict(stored)
        photograph = read_photograph(self.annotations.image_path(image), image)
        maps = photograph_maps(self.backbone, photograph, self.settings.short_side, self.device)
        on_host = to_host(maps, self.backbone)
        if path is not None:
            np.savez(path, **on_host)  # type: ignore[arg-type]
        return on_host


def describe(maps: Maps, image: Image, boxes: Boxes, settings: DetectionParameters) -> NDArray[np.float32]:
    """Features (n, dimensions) of the boxes (n, 4) in an image. Ours.

    Each layer is averaged over `settings.cells` x `settings.cells` cells of a box, the last layer also over the box
    with its surroundings (`settings.context`). Each of these blocks is scaled to length 1, so that none outweighs the
    others. Position, size and shape of the box follow.
    """
    size = (image.width, image.height)
    surroundings = clip(expand(boxes, settings.context), *size)
    blocks = [_block(layer, boxes, size, settings.cells) for layer in maps.values()]
    blocks.append(_block(list(maps.values())[-1], surroundings, size, 1))
    blocks.append(_geometry(boxes, size))
    return np.concatenate(blocks, axis=1)


def _block(layer: NDArray[np.float16], boxes: Boxes, size: tuple[int, int], cells: int) -> NDArray[np.float32]:
    """Means of a layer over the cells of every box, (n, cells * cells * channels), each row of length 1."""
    means = pool(layer, boxes, size, cells, max(1, SAMPLES_PER_SIDE // cells))
    pooled = means.reshape(len(boxes), math.prod(means.shape[1:]))  # -1 cannot be inferred when there are no boxes
    length = np.linalg.norm(pooled, axis=1, keepdims=True)
    return pooled / np.maximum(length, np.finfo(np.float32).tiny)


def _geometry(boxes: Boxes, size: tuple[int, int]) -> NDArray[np.float32]:
    """Corners, square root of the area, area and log aspect ratio of the boxes, relative to the image: (n, 7)."""
    relative = boxes / np.array([*size, *size])
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], np.finfo(np.float32).tiny)
    area = sides.prod(axis=1) / math.prod(size)
    aspect = np.log(sides[:, 0] / sides[:, 1])
    return np.column_stack([relative, np.sqrt(area), area, aspect]).astype(np.float32)
