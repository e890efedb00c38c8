"""Maps of whole photographs from one pass of the network each, and blocks of regions cut out of them."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hypercolumns.backbones import Backbone
from hypercolumns.features.passes import computing, to_device
from hypercolumns.regions.interpolation import support
from hypercolumns.regions.pooling import axis_weights

LONGEST_TO_SHORTEST = 2.0
"""Panoramas are scaled by their long side, so that the size of maps is bounded."""

SAMPLES = 8
"""Interpolated values per side of a region, at least, and two per side of each cell: maps are at most twice as fine as
blocks where photographs are not larger than twice the network's crops, and one cell averages the whole region."""


def photograph_maps(
    backbone: Backbone, photograph: NDArray[np.uint8], short_side: int, device: torch.device
) -> dict[str, Tensor]:
    """The layers' maps (channels, y, x), on the device, of a (height, width, 3) photograph scaled to the short side.

    Sides are rounded to whole cells of the coarsest layer, so that every map spans exactly the photograph.
    """
    height, width = photograph.shape[:2]
    factor = short_side * min(1 / min(height, width), LONGEST_TO_SHORTEST / max(height, width))
    step = max(1, *(layer.stride for layer in backbone.layers))
    size = tuple(max(step, round(side * factor / step) * step) for side in (height, width))
    pixels = to_device(torch.from_numpy(photograph.copy()), device)  # torch wants arrays that may be written to
    image = pixels.permute(2, 0, 1)[None].float() / 255
    scaled = functional.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)
    with torch.inference_mode(), computing(device):
        maps = backbone(scaled.contiguous(memory_format=torch.channels_last))
    return {name: values[0].float().contiguous() for name, values in maps.items()}


def cut(
    maps: Mapping[str, Tensor], boxes: NDArray[np.float64], image: tuple[int, int], sizes: Mapping[str, tuple[int, int]]
) -> dict[str, Tensor]:
    """Blocks of boxes: each map averaged over the cells of every box, as `regions.pooling` says.

    Parameters
    ----------
    maps
        (channels, y, x) by layer; each spans the image.
    boxes
        (n, 4) boxes in pixels of the image; beyond its borders the nearest value of the map is held.
    image
        Width and height in pixels.
    sizes
        Height and width of a block by layer.

    Returns
    -------
    (n, channels, height, width) by layer.
    """
    return {name: _cut_layer(values, boxes, image, sizes[name]) for name, values in maps.items()}


def _cut_layer(values: Tensor, boxes: NDArray[np.float64], image: tuple[int, int], size: tuple[int, int]) -> Tensor:
    (height, width), samples = values.shape[1:], [max(2, -(-SAMPLES // cells)) for cells in size]
    y = axis_weights(boxes[:, 1], boxes[:, 3], image[1], height, size[0], samples[0]).astype(np.float32)
    x = axis_weights(boxes[:, 0], boxes[:, 2], image[0], width, size[1], samples[1]).astype(np.float32)
    vertical, horizontal = (to_device(torch.from_numpy(weights), values.device) for weights in (y, x))
    blocks = values.new_empty((len(boxes), len(values), *size))
    for i, block in enumerate(blocks):
        # Only the window of the map that the box reaches.
        rows, columns = support(y[i]), support(x[i])
        block[:] = vertical[i, :, rows] @ values[:, rows, columns] @ horizontal[i, :, columns].T
    return blocks
