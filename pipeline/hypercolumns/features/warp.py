"""Warp boxes of photographs to squares on the CPU; `device_warp` does it on other devices."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BANDS = 16
"""Number of bands that a resampling matrix is cut into, which skips most of its zeros. Measured, ours."""


def warp(
    photographs: Sequence[NDArray[np.uint8]], boxes: NDArray[np.float64], size: int, fill: Sequence[float]
) -> Tensor:
    """Cut boxes out of photographs and resample each to `size` x `size`, bilinearly with antialiasing.

    Parameters
    ----------
    photographs
        For each box its photograph (height, width, 3), RGB.
    boxes
        (n, 4) x0, y0, x1, y1 in pixels, of positive size; may extend beyond the photograph or lie outside it.
    size
        Side of the squares.
    fill
        Colour in 0..1 outside the photograph: the backbone's mean, which normalisation turns into zero, as in R-CNN.

    Returns
    -------
    (n, 3, size, size) float32 in 0..1, channels last in memory.

    Notes
    -----
    For boxes with integer coordinates inside the photograph this equals `torch.nn.functional.interpolate(crop,
    mode="bilinear", antialias=True, align_corners=False)`. The two axes are resampled one after the other, and only
    from the pixels of the box, so the cost depends on the size of the box and not on that of the photograph.
    """
    squares = torch.empty((len(boxes), size, size, 3))
    for square, photograph, box in zip(squares, photographs, boxes.tolist(), strict=True):
        _warp_into(square, torch.from_numpy(photograph), box, fill)
    return squares.permute(0, 3, 1, 2)


def _warp_into(square: Tensor, photo: Tensor, box: Sequence[float], fill: Sequence[float]) -> None:
    """Do what `warp` does for one box, into a contiguous (size, size, 3) `square`."""
    height, width, size = *photo.shape[:2], len(square)
    x0, y0, x1, y1 = box
    horizontal, vertical = _resampling(x0, x1, width, size), _resampling(y0, y1, height, size)
    crop = photo[vertical.start : vertical.stop, horizontal.start : horizontal.stop].transpose(0, 1)
    colour = torch.tensor(fill, dtype=torch.float32)
    # Resample the difference from the fill: pixels outside the photograph then contribute zero.
    difference = crop.flatten(1).float().sub_((255 * colour).repeat(crop.shape[1])).unflatten(1, crop.shape[1:])
    resampled = vertical.apply(horizontal.apply(difference).transpose(0, 1)).flatten(1)
    torch.add(colour.repeat(size), resampled, alpha=1 / 255, out=square.view(size, -1))


@dataclass(frozen=True)
class _Resampling:
    """Linear operator from pixels `start` to `stop` of a line to `size` locations.

    Attributes
    ----------
    weights
        (bands, locations per band, n) weights of the n pixels that a band needs; the weights of a location sum to one
        minus the share that falls outside the line.
    pixels
        (bands * n,) indices of these pixels, relative to `start`.
    """

    start: int
    stop: int
    size: int
    weights: Tensor
    pixels: Tensor

    def apply(self, lines: Tensor) -> Tensor:
        """Resample (pixels, n, 3) to (locations, n, 3) float32."""
        if len(lines) == 0:
            return torch.zeros((self.size, *lines.shape[1:]))
        # Gathering contiguous rows is many times faster than gathering single pixels.
        bands = lines.flatten(1).index_select(0, self.pixels).unflatten(0, (BANDS, -1))
        return torch.bmm(self.weights, bands).flatten(0, 1)[: self.size].unflatten(1, lines.shape[1:])


def _resampling(start: float, stop: float, length: int, size: int) -> _Resampling:
    """Build the resampling of the interval from `start` to `stop` of a line of `length` pixels."""
    scale = (stop - start) / size
    reach = max(scale, 1.0)
    per_band = -(-size // BANDS)
    # NumPy takes half the time of torch for small arrays.
    centres = start + (np.arange(BANDS * per_band).reshape(BANDS, per_band) + 0.5) * scale
    lowest = np.ceil(centres[:, 0] - reach - 0.5).astype(np.int64)
    pixels = lowest[:, None] + np.arange(math.ceil((per_band - 1) * scale + 2 * reach) + 1)
    touched = math.floor(start), math.ceil(stop)
    first, last = (min(max(edge, 0), length) for edge in touched)
    weights = triangle(pixels[:, None, :], centres[:, :, None], reach, touched, (first, last))
    inside = np.clip(pixels - first, 0, max(last - first - 1, 0))
    return _Resampling(
        first, last, size, torch.from_numpy(weights.astype(np.float32)), torch.from_numpy(inside.ravel())
    )


_Edge = int | NDArray[np.int64]


def triangle(
    pixels: NDArray[np.int64],
    centres: NDArray[np.floating],
    reach: float | NDArray[np.floating],
    touched: tuple[_Edge, _Edge],
    inside: tuple[_Edge, _Edge],
) -> NDArray[np.floating]:
    """Compute the weights of antialiased linear resampling; arguments are broadcast against each other.

    The filter is a triangle that reaches one pixel or one location to each side, whichever is larger; it is restricted
    to the pixels that the interval touches and normalised to sum to one.

    Parameters
    ----------
    pixels
        (..., n) pixels that a location may need.
    centres
        (..., 1) centres of locations.
    reach
        Half the width of the triangle, in pixels.
    touched
        First pixel that the interval touches, and the one after the last.
    inside
        The same pixels without those outside the line, which count in the sum, but get no weight.
    """
    weights = 1 - np.abs(pixels + 0.5 - centres) / reach
    weights *= (weights > 0) & ((pixels >= touched[0]) & (pixels < touched[1]))
    weights /= np.maximum(weights.sum(axis=-1, keepdims=True), 1e-12)
    weights *= (pixels >= inside[0]) & (pixels < inside[1])
    return weights
