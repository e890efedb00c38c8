"""Warping boxes of a photograph to squares, on the device that the photograph lies on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

BANDS = 16
"""Resampling matrices are cut into this many bands, which skips most of their zeros. Measured, ours."""


def warp(photo: Tensor, boxes: Sequence[Sequence[float]], size: int, fill: Sequence[float]) -> Tensor:
    """Cut boxes out of a photograph and resample each to `size` x `size`, bilinearly and with antialiasing.

    Parameters
    ----------
    photo
        (height, width, 3) uint8.
    boxes
        x0, y0, x1, y1 of positive size; they may lie partly or wholly outside of the photograph.
    size
        Side of the squares.
    fill
        Colour in 0..1 of what lies outside of the photograph: the backbone's mean, which is zero once normalised,
        as R-CNN does.

    Returns
    -------
    (boxes, 3, size, size) float32 in 0..1, on the photograph's device, channels last in memory.

    Notes
    -----
    For boxes of whole pixels inside the photograph this equals `torch.nn.functional.interpolate(crop, mode="bilinear",
    antialias=True, align_corners=False)`. The two axes are resampled one after the other from the pixels of the box
    only, so the cost follows the size of the box, not that of the photograph.
    """
    height, width = photo.shape[:2]
    colour = torch.tensor(fill, dtype=torch.float32, device=photo.device)
    warped = torch.empty((len(boxes), size, size, 3), dtype=torch.float32, device=photo.device)
    for square, (x0, y0, x1, y1) in zip(warped, boxes, strict=True):
        horizontal, vertical = _resampling(x0, x1, width, size), _resampling(y0, y1, height, size)
        rows = photo[vertical.start : vertical.stop]
        columns = horizontal.apply(rows[:, horizontal.start : horizontal.stop].transpose(0, 1))
        square.copy_(vertical.apply(columns.transpose(0, 1))).div_(255)
        if horizontal.leaves or vertical.leaves:
            inside = torch.outer(vertical.inside, horizontal.inside).to(photo.device)
            square.addcmul_((1 - inside)[:, :, None], colour)
    return warped.permute(0, 3, 1, 2)


@dataclass(frozen=True)
class _Resampling:
    """Resampling of the pixels `start` to `stop` of a line to `inside.shape[0]` locations.

    Attributes
    ----------
    weights
        (bands, locations per band, n) weights of the n pixels that a band needs.
    pixels
        (bands, n) which pixels, counted from `start`.
    inside
        (locations,) share of a location's weights that falls on the line; the rest lies outside of it.
    leaves
        Whether any location has such a rest.
    """

    start: int
    stop: int
    weights: Tensor
    pixels: Tensor
    inside: Tensor
    leaves: bool

    def apply(self, lines: Tensor) -> Tensor:
        """(pixels, n, 3) uint8 or float32 to (locations, n, 3) float32."""
        if len(lines) == 0:
            return torch.zeros((len(self.inside), *lines.shape[1:]), device=lines.device)
        # Rows contiguous in memory are gathered many times faster than single pixels.
        rows = lines.contiguous().flatten(1).to(torch.float32)
        bands = rows.index_select(0, self.pixels.to(lines.device).flatten()).unflatten(0, self.pixels.shape)
        values = torch.bmm(self.weights.to(lines.device), bands)
        return values.flatten(0, 1)[: len(self.inside)].unflatten(1, lines.shape[1:])


def _resampling(start: float, stop: float, length: int, size: int) -> _Resampling:
    """Antialiased linear resampling of the interval from `start` to `stop` of a line of `length` pixels.

    Weights are those of a triangle as wide as two pixels or two locations, whichever is more, over the pixels that the
    interval touches, made to sum to one.
    """
    scale = (stop - start) / size
    support = max(scale, 1.0)
    touched = math.floor(start), math.ceil(stop)
    first, last = (min(max(edge, 0), length) for edge in touched)
    per_band = -(-size // BANDS)
    centres = start + (torch.arange(BANDS * per_band, dtype=torch.float64).view(BANDS, per_band) + 0.5) * scale
    lowest = (centres[:, 0] - support - 0.5).ceil().long()
    n = math.ceil((per_band - 1) * scale + 2 * support) + 1
    pixels = lowest[:, None] + torch.arange(n)
    weights = (1 - (pixels[:, None, :] + 0.5 - centres[:, :, None]).abs() / support).clamp_(min=0)
    weights *= ((pixels >= touched[0]) & (pixels < touched[1]))[:, None, :]
    weights /= weights.sum(dim=2, keepdim=True).clamp_(min=1e-12)
    weights *= ((pixels >= first) & (pixels < last))[:, None, :]
    inside = weights.sum(dim=2).flatten()[:size]
    return _Resampling(
        first,
        last,
        weights.float(),
        (pixels - first).clamp_(0, max(last - first - 1, 0)),
        inside.float(),
        touched != (first, last),
    )
