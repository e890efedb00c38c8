"""Maps of a whole photograph from a single forward pass, and blocks of regions cut out of them."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hypercolumns.backbones import Backbone
from hypercolumns.features.passes import autocast, to_device
from hypercolumns.features.schema import Shapes
from hypercolumns.regions.interpolation import support
from hypercolumns.regions.pooling import axis_weights

MAX_ASPECT_RATIO = 2.0
"""Longer photographs are scaled by their long side, which bounds the size of the maps."""

MIN_SAMPLES_PER_SIDE = 8
"""Interpolated values per side of a region, at least; each cell gets at least two per side. Two suffice if photographs
are scaled to at most twice the network's input size: maps are then at most twice as fine as blocks. Blocks of few cells
need more, since a single cell averages the whole region."""


def photograph_maps(
    backbone: Backbone, photograph: NDArray[np.uint8], short_side: int, device: torch.device
) -> dict[str, Tensor]:
    """Compute the maps of a photograph that is scaled to a short side of `short_side` pixels.

    The scaled sides are rounded to multiples of the coarsest layer's stride, so that every map spans exactly the
    photograph.

    Parameters
    ----------
    photograph
        (height, width, 3) RGB.

    Returns
    -------
    (channels, y, x) float32 by layer, on the device.
    """
    height, width = photograph.shape[:2]
    factor = short_side * min(1 / min(height, width), MAX_ASPECT_RATIO / max(height, width))
    step = max(1, *(layer.stride for layer in backbone.layers))
    size = tuple(max(step, round(side * factor / step) * step) for side in (height, width))
    pixels = to_device(torch.from_numpy(photograph.copy()), device)  # torch warns about read-only arrays
    image = pixels.permute(2, 0, 1)[None].float() / 255
    scaled = functional.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)
    with torch.inference_mode(), autocast(device):
        maps = backbone(scaled.contiguous(memory_format=backbone.memory_format))
    return {name: values[0].float().contiguous() for name, values in maps.items()}


def cut(
    maps: Mapping[str, Tensor], boxes: NDArray[np.float64], image: tuple[int, int], shapes: Shapes
) -> dict[str, Tensor]:
    """Cut the blocks of boxes out of maps: average each map over the cells of every box, as in `regions.pooling`.

    Parameters
    ----------
    maps
        (channels, y, x) by layer; each spans the image.
    boxes
        (n, 4) boxes in pixels of the image; beyond its borders the nearest value of the map is held.
    image
        Width and height in pixels.
    shapes
        (channels, height, width) of a block by layer.

    Returns
    -------
    (n, channels, height, width) by layer.
    """
    return {name: _cut_layer(values, boxes, image, shapes[name][1:]) for name, values in maps.items()}


def _cut_layer(values: Tensor, boxes: NDArray[np.float64], image: tuple[int, int], size: tuple[int, int]) -> Tensor:
    height, width = values.shape[1:]
    samples = [max(2, -(-MIN_SAMPLES_PER_SIDE // cells)) for cells in size]
    y = axis_weights(boxes[:, 1], boxes[:, 3], image[1], height, size[0], samples[0]).astype(np.float32)
    x = axis_weights(boxes[:, 0], boxes[:, 2], image[0], width, size[1], samples[1]).astype(np.float32)
    vertical, horizontal = (to_device(torch.from_numpy(weights), values.device) for weights in (y, x))
    blocks = values.new_empty((len(boxes), len(values), *size))
    for i, block in enumerate(blocks):
        rows, columns = support(y[i]), support(x[i])  # the part of the map that the box covers
        block[:] = vertical[i, :, rows] @ values[:, rows, columns] @ horizontal[i, :, columns].T
    return blocks
