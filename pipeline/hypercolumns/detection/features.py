"""Features of any box in a photograph from one network pass: pooled layers, context and geometry."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hypercolumns.annotations.model import Image
from hypercolumns.annotations.photographs.of_images import Photographs
from hypercolumns.backbones import Backbone
from hypercolumns.detection.candidate_set import Describe, Item, Result
from hypercolumns.features.origin import Origin
from hypercolumns.features.passes import precision, to_host, versions
from hypercolumns.features.photograph_maps import MAX_ASPECT_RATIO, photograph_maps
from hypercolumns.features.streams import Streams
from hypercolumns.parameters import DetectionParameters
from hypercolumns.regions.boxes import Boxes, clip, expand
from hypercolumns.regions.pooling import pool
from hypercolumns.scratch.cache import ContentCache

SAMPLES_PER_SIDE = 6
"""Values interpolated per side of a box, which are averaged over its cells. Ours."""

Maps = Mapping[str, NDArray[np.float16]]
"""Maps (channels, y, x) of a photograph by layer."""


@dataclass(frozen=True)
class KeptMaps:
    """Maps of photographs, which pass the network once; can be sent to another process."""

    photographs: Photographs
    settings: DetectionParameters
    device: torch.device
    cache: ContentCache
    """Keeps the maps."""
    contents: Mapping[int, str]
    """Digest of the photograph, which names its entry of the cache, by image id."""

    def only(self, image_ids: Collection[int]) -> "KeptMaps":
        """Restrict the maps to those of some images."""
        contents = {image_id: self.contents[image_id] for image_id in image_ids}
        return replace(self, photographs=self.photographs.only(image_ids), contents=contents)

    def describe(self, backbone: Backbone, image: Image) -> Describe:
        """Make the function that describes boxes of an image.

        Raises
        ------
        InputError
            When the photograph cannot be read, or a layer has values that are not finite.
        """
        maps = self._maps(backbone, image.id)
        return lambda boxes: describe(maps, image, boxes, self.settings)

    def _maps(self, backbone: Backbone, image_id: int) -> Maps:
        """Maps of the photograph of an image: those that are kept or else, from a network pass, new ones."""
        content = self.contents[image_id]
        kept = self.cache.get(content)
        if kept is not None:
            return kept
        photograph = self.photographs.read(image_id)
        maps = to_host(photograph_maps(backbone, photograph, self.settings.short_side, self.device), backbone)
        self.cache.put(content, maps)
        return maps


@dataclass(frozen=True)
class PhotographFeatures:
    """Features of any box in the photographs of an annotation set."""

    maps: KeptMaps
    streams: Streams[Backbone]
    """Copies of the network, each on a thread of its own."""

    def map(
        self, function: Callable[[Describe, Item], Result], items: Iterable[tuple[Image, Item]]
    ) -> Iterator[Result]:
        """Yield `function(describe, item)` for every image and item, in order; runs on all streams, some items ahead.

        Raises
        ------
        InputError
            When a photograph cannot be read, or a layer has values that are not finite.
        """

        def apply(backbone: Backbone, image_and_item: tuple[Image, Item]) -> Result:
            image, item = image_and_item
            return function(self.maps.describe(backbone, image), item)

        return self.streams.map(apply, items)


def feature_origin(backbone: Backbone, settings: DetectionParameters) -> Origin:
    """Origin of the features of a box in a photograph; a detector is given features of one origin."""
    return {**_maps_origin(backbone, settings.short_side), "cells": settings.cells, "context": settings.context}


def maps_key(backbone: Backbone, short_side: int, device: torch.device) -> dict[str, Any]:
    """Everything but the photograph that its maps depend on."""
    return {
        **_maps_origin(backbone, short_side),
        "precision": precision(backbone, device),
        "versions": versions(backbone, device),
    }


def _maps_origin(backbone: Backbone, short_side: int) -> dict[str, Any]:
    return {
        "backbone": backbone.name,
        "weights": backbone.weights,
        "weights_sha256": backbone.weights_sha256,
        "layers": [layer.key for layer in backbone.layers],
        "preprocessing": [list(backbone.mean), list(backbone.std), short_side, MAX_ASPECT_RATIO],
    }


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
    return unit_rows(pool(layer, boxes, size, cells, max(1, SAMPLES_PER_SIDE // cells)))


def unit_rows(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Flatten all axes of values (n, ...) but the first, and scale each row to length 1; zeros stay zeros."""
    rows = values.reshape(len(values), math.prod(values.shape[1:])).astype(np.float32)  # -1 fails if there are no rows
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, np.finfo(np.float32).tiny)


def _geometry(boxes: Boxes, size: tuple[int, int]) -> NDArray[np.float32]:
    """Corners, square root of the area, area and log aspect ratio of the boxes, relative to the image: (n, 7)."""
    relative = boxes / np.array([*size, *size])
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], np.finfo(np.float32).tiny)
    area = sides.prod(axis=1) / math.prod(size)
    aspect = np.log(sides[:, 0] / sides[:, 1])
    return np.column_stack([relative, np.sqrt(area), area, aspect]).astype(np.float32)
