"""Warp boxes of several photographs to squares on a GPU, all of them at once.

A region at a time, as on the CPU, the interpreter would spend a millisecond on calls that take the device microseconds.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypercolumns.features.passes import to_device
from hypercolumns.features.warp import triangle

MAX_PIXELS = 1 << 23
"""Pixels of the windows that are warped at a time, unless a single one is larger; bounds memory to about 500 MB."""


def warp_on_device(
    photographs: Sequence[NDArray[np.uint8]],
    boxes: NDArray[np.float64],
    size: int,
    fill: Sequence[float],
    device: torch.device,
) -> Tensor:
    """Do what `warp.warp` does, up to rounding.

    Returns
    -------
    The same as those of `warp.warp`, on the device.

    Notes
    -----
    Sums run over the pixels of a triangle one after the other, so that they do not depend on which boxes are warped
    together, as those of a matrix product might.
    """
    windows = [_window(photograph, box) for photograph, box in zip(photographs, boxes, strict=True)]
    squares = torch.empty((len(boxes), size, size, 3), device=device)
    for group in _groups([window.pixels.shape[:2] for window in windows], size):
        squares[group] = _warp_group(windows[group], boxes[group], size, fill, device)
    return squares.permute(0, 3, 1, 2)


class _Window(NamedTuple):
    """The part of a photograph that a box touches."""

    pixels: NDArray[np.uint8]
    first: tuple[int, int]
    """Its first column and row in the photograph."""


def _window(photograph: NDArray[np.uint8], box: NDArray[np.float64]) -> _Window:
    limits = photograph.shape[1], photograph.shape[0]
    x0, y0 = np.clip(np.floor(box[:2]), 0, limits).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(box[2:]), 0, limits).astype(int).tolist()
    return _Window(photograph[y0:y1, x0:x1], (x0, y0))


def _groups(shapes: Sequence[tuple[int, ...]], size: int) -> Iterator[slice]:
    """Split windows into groups that fit `MAX_PIXELS` when all are padded to the largest height and width.

    Rows count as `size` wide at least, as they are between the two resamplings.
    """
    start, height, width = 0, 1, 1
    for i, shape in enumerate(shapes):
        height, width = max(height, shape[0]), max(width, shape[1])
        if i > start and (i + 1 - start) * height * max(width, size) > MAX_PIXELS:
            yield slice(start, i)
            start, height, width = i, max(1, shape[0]), max(1, shape[1])
    if shapes:
        yield slice(start, len(shapes))


def _warp_group(
    windows: Sequence[_Window],
    boxes: NDArray[np.float64],
    size: int,
    fill: Sequence[float],
    device: torch.device,
) -> Tensor:
    """Warp windows to (n, size, size, 3)."""
    shapes = np.array([window.pixels.shape[:2] for window in windows])
    height, width = np.maximum(shapes.max(axis=0), 1).tolist()
    # What lies around a window in its frame has no weight, whatever its value.
    frames = torch.empty((len(windows), height, width, 3), dtype=torch.uint8, pin_memory=device.type == "cuda")
    for frame, window in zip(frames.numpy(), windows, strict=True):
        frame[: window.pixels.shape[0], : window.pixels.shape[1]] = window.pixels
    colour = to_device(torch.tensor(fill, dtype=torch.float32), device)
    # Resample the difference from the fill: pixels outside the photograph then contribute zero.
    lines = frames.to(device, non_blocking=True).transpose(1, 2).float().sub_(255 * colour)
    first = np.array([window.first for window in windows])
    columns = _resample(lines, (boxes[:, 0], boxes[:, 2]), (first[:, 0], shapes[:, 1]), size)
    rows = _resample(columns.transpose(1, 2), (boxes[:, 1], boxes[:, 3]), (first[:, 1], shapes[:, 0]), size)
    return torch.add(colour, rows, alpha=1 / 255)


def _resample(
    lines: Tensor,
    interval: tuple[NDArray[np.float64], NDArray[np.float64]],
    inside: tuple[NDArray[np.int64], NDArray[np.int64]],
    size: int,
) -> Tensor:
    """Resample (n, pixels, m, 3) along the pixels to (n, size, m, 3).

    Parameters
    ----------
    interval
        (n,) start and stop of the intervals that become the locations.
    inside
        (n,) first pixel that a line has, and (n,) number of its pixels.
    """
    start, stop = (edge[:, None, None] for edge in interval)
    first, number = (values[:, None, None] for values in inside)
    scale = (stop - start) / size
    reach = np.maximum(scale, 1.0)
    centres = start + (np.arange(size)[:, None] + 0.5) * scale
    lowest = np.ceil(centres - reach - 0.5).astype(np.int64)
    pixels = lowest + np.arange(int(np.ceil(2 * reach.max())) + 1)
    touched = np.floor(start).astype(np.int64), np.ceil(stop).astype(np.int64)
    weights = triangle(pixels, centres, reach, touched, (first, first + number))
    lines_before = np.arange(len(lines))[:, None, None] * lines.shape[1]
    places = lines_before + np.clip(pixels - first, 0, np.maximum(number - 1, 0))
    flat = lines.flatten(0, 1).flatten(1)

    def by_pixel(values: NDArray[Any]) -> Tensor:
        """(pixels of a triangle, n * size) on the device, for one sum after the other."""
        transposed = np.ascontiguousarray(values.reshape(-1, values.shape[-1]).T)
        return to_device(torch.from_numpy(transposed), flat.device)

    total = flat.new_zeros((len(lines) * size, flat.shape[1]))
    for weight, place in zip(by_pixel(weights.astype(np.float32)), by_pixel(places), strict=True):
        total.addcmul_(flat.index_select(0, place), weight[:, None])
    return total.view(len(lines), size, *lines.shape[2:])
