"""Heat maps from blocks: classify at the maps' own resolution, upsample, blend the cells' answers."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hypercolumns.grid.cells import blending_weights
from hypercolumns.grid.model import GridModel
from hypercolumns.regions.interpolation import interpolation_matrix, support

REGIONS_AT_ONCE = 16
"""Regions whose maps are in memory as float32 together: few enough for the caches, many enough for NumPy. Measured."""


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
    2). Weights are applied at each map's own resolution, for a row of cells at a time and only to the lines of the map
    that these cells can see; the scores of neighbouring layers of one resolution are added up, then upsampled only
    where a cell's share is not zero, so that every location is answered by the four classifiers that matter there.
    """
    size = model.heat_map
    regions = len(blocks[model.spec.layers[0]])
    answer = np.zeros((regions, len(model.targets), size, size), dtype=np.float32)
    for first in range(0, regions, REGIONS_AT_ONCE):
        some = slice(first, first + REGIONS_AT_ONCE)
        maps = {layer: np.asarray(blocks[layer][some], dtype=np.float32) for layer in model.spec.layers}
        _blend(model, group, maps, blending, answer[some])
    return answer if blending == "probability" else _sigmoid(answer)


def _blend(
    model: GridModel,
    group: int,
    maps: Mapping[str, NDArray[np.float32]],
    blending: Literal["probability", "logit"],
    answer: NDArray[np.float32],
) -> None:
    """Add the cells' answers for a few regions, weighted by their shares, to `answer`, which is zero."""
    size, grid = model.heat_map, model.spec.grid
    exact = blending_weights(size, grid)
    windows, share = _windows(exact), exact.astype(np.float32)
    for row, tall in enumerate(windows):
        cells = slice(row * grid, (row + 1) * grid)
        shape = (len(answer), len(model.targets), grid, tall.stop - tall.start, windows[0].stop - windows[0].start)
        logits = np.broadcast_to(model.bias[group, :, cells, None, None], shape).copy()
        for _, layers in groupby(maps, lambda layer: maps[layer].shape[2:]):
            some = [(model.weights[layer][group, :, cells], maps[layer]) for layer in layers]
            logits += _row_logits(some, tall, windows, size)
        said = _sigmoid(logits) if blending == "probability" else logits
        said *= share[tall, row, None]
        for column, wide in enumerate(windows):
            answer[:, :, tall, wide] += said[:, :, column] * share[wide, column]


def _windows(share: NDArray[np.float64]) -> list[slice]:
    """Along one axis, for every cell the locations where its share is not zero; made equally long."""
    seen = [support(share.T[cell : cell + 1]) for cell in range(share.shape[1])]
    length = max(window.stop - window.start for window in seen)
    starts = [min(window.start, len(share) - length) for window in seen]
    return [slice(start, start + length) for start in starts]


def _row_logits(
    layers: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]], tall: slice, windows: list[slice], size: int
) -> NDArray[np.float32]:
    """The part of some layers in the logits of a row of cells: (region, target, cell, locations `tall`, window).

    `layers` are weights (target, cell, channel) and maps (region, channel, y, x), all of the same y and x.
    """
    regions, _, height, width = layers[0][1].shape
    vertical = interpolation_matrix(height, size)[tall]
    lines = support(vertical)
    targets, cells, _ = layers[0][0].shape
    scores = np.zeros((regions, targets * cells, (lines.stop - lines.start) * width), dtype=np.float32)
    for weights, maps in layers:
        seen = maps[:, :, lines]  # a view whose lines of a channel are neighbours, so that nothing is copied
        scores += weights.reshape(targets * cells, -1) @ seen.reshape(*seen.shape[:2], -1)
    by_cell = scores.reshape(regions, targets, cells, -1, width)
    if height == width == 1:
        return by_cell  # the same everywhere
    horizontal = interpolation_matrix(width, size).astype(np.float32)
    # One product over all regions per cell: one for each of them would be as many small ones.
    across = [by_cell[:, :, cell].reshape(-1, width) @ horizontal[wide].T for cell, wide in enumerate(windows)]
    lines_up = np.stack([part.reshape(regions, targets, -1, part.shape[1]) for part in across], axis=2)
    upsampled: NDArray[np.float32] = vertical[:, lines].astype(np.float32) @ lines_up
    return upsampled


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Through tanh, which NumPy computes many at a time: eight times as fast as SciPy's expit and as exact."""
    half = logits * np.float32(0.5)
    np.tanh(half, out=half)
    half *= np.float32(0.5)
    half += np.float32(0.5)
    return half
