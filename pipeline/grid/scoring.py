"""Heat maps from blocks: classify at the maps' own resolution, upsample, blend the cells' answers."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from pipeline.grid.cells import blending_weights
from pipeline.grid.model import GridModel
from pipeline.regions.interpolation import interpolation_matrix, support


def heat_maps(
    model: GridModel,
    group: int,
    blocks: Mapping[str, NDArray[np.float16]],
    blending: Literal["probability", "logit"] = "probability",
) -> NDArray[np.float32]:
    """Probability of every target at every location of regions that share a group of classifiers.

    Parameters
    ----------
    group
        Position in `model.groups`.
    blocks
        By layer: (region, channel, y, x), as in the store.
    blending
        Interpolate the classifiers' probabilities, as the paper does, or their logits, which is interpolating weights.

    Returns
    -------
    (region, target, heat_map, heat_map) float32 in 0..1.

    Notes
    -----
    Equal to classifying upsampled hypercolumns with all K x K classifiers and blending their answers (paper, section
    2). Weights are applied at each map's own resolution, and a classifier only to the window of the map that it can see
    from the locations where its share is not zero.
    """
    size, grid = model.heat_map, model.spec.grid
    share = blending_weights(size, grid)
    windows = [support(share.T[cell : cell + 1]) for cell in range(grid)]
    values = {layer: np.asarray(blocks[layer], dtype=np.float32) for layer in model.spec.layers}
    regions = len(next(iter(values.values())))
    answer = np.zeros((regions, len(model.targets), size, size), dtype=np.float32)
    for row, tall in enumerate(windows):
        for column, wide in enumerate(windows):
            cell = row * grid + column
            logits = np.zeros((regions, len(model.targets), tall.stop - tall.start, wide.stop - wide.start), np.float32)
            logits += model.bias[group, :, cell, None, None]
            for layer, block in values.items():
                logits += _layer_logits(model.weights[layer][group, :, cell], block, tall, wide, size)
            said = expit(logits) if blending == "probability" else logits
            answer[:, :, tall, wide] += said * np.outer(share[tall, row], share[wide, column]).astype(np.float32)
    return answer if blending == "probability" else expit(answer)


def _layer_logits(
    weights: NDArray[np.float32], block: NDArray[np.float32], tall: slice, wide: slice, size: int
) -> NDArray[np.float32]:
    """One layer's part in the logits of one cell: (region, target, locations `tall` x `wide`)."""
    vertical = interpolation_matrix(block.shape[2], size)[tall]
    horizontal = interpolation_matrix(block.shape[3], size)[wide]
    rows, columns = support(vertical), support(horizontal)
    window = block[:, :, rows, columns]
    flat = np.ascontiguousarray(window).reshape(*window.shape[:2], -1)
    scores = (weights @ flat).reshape(len(block), len(weights), *window.shape[2:])
    upsampled: NDArray[np.float32] = (
        vertical[:, rows].astype(np.float32) @ scores @ horizontal[:, columns].T.astype(np.float32)
    )
    return upsampled
