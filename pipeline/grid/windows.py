"""What a cell sees of some regions in memory, and the loss and gradient of its classifiers at map resolution."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import softplus


@dataclass(frozen=True)
class Interpolation:
    """From the positions of a window to the pixels of a cell, one axis after the other."""

    vertical: Tensor
    """(rows of the cell, y)"""
    horizontal: Tensor
    """(columns of the cell, x)"""

    def apply(self, values: Tensor) -> Tensor:
        """(n, y * x, m) values as (n, pixel, m)."""
        return _along_both(self.vertical, self.horizontal, values)

    def apply_transposed(self, values: Tensor) -> Tensor:
        """(n, pixel, m) values as (n, y * x, m)."""
        return _along_both(self.vertical.T, self.horizontal.T, values)


def _along_both(vertical: Tensor, horizontal: Tensor, values: Tensor) -> Tensor:
    n, (rows, height), (columns, width) = len(values), vertical.shape, horizontal.shape
    tall = torch.bmm(vertical.expand(n, rows, height), values.reshape(n, height, -1)).view(n * rows, width, -1)
    return torch.bmm(horizontal.expand(n * rows, columns, width), tall).view(n, rows * columns, -1)


@dataclass(frozen=True)
class Window:
    """What one cell sees in some regions of layers that have the same positions there."""

    values: Tensor
    """(position * region, channel) standardised, layers side by side."""
    interpolation: Interpolation | None
    """None where the positions are the pixels."""

    def scores(self, weights: Tensor, regions: int) -> Tensor:
        """(target, pixel, region) of `weights` (target, channel)."""
        at_maps = (weights @ self.values.T).view(len(weights), -1, regions)
        return at_maps if self.interpolation is None else self.interpolation.apply(at_maps)

    def gradient(self, back: Tensor) -> Tensor:
        """(target, channel) from the gradient (target, pixel, region) at the scores."""
        at_maps = back if self.interpolation is None else self.interpolation.apply_transposed(back)
        return at_maps.flatten(1) @ self.values


@dataclass(frozen=True)
class CellData:
    """What one cell sees of some regions, in memory.

    Targets come first: products of a few rows with many are several times as fast as those with a few columns.
    """

    windows: tuple[Window, ...]
    known: Tensor
    """(target, pixel, region) 1 where the label counts, else 0."""
    positive: Tensor
    """(target, pixel, region) 1 where the label is positive, else 0."""

    def only(self, which: Tensor) -> "CellData":
        """That of some targets, given by their indices."""
        if len(which) == len(self.known):
            return self
        return replace(self, known=self.known[which], positive=self.positive[which])

    def scores(self, weights: Tensor) -> Tensor:
        """(target, pixel, region) of `weights` (target, channel), without a bias."""
        parts = weights.split([window.values.shape[1] for window in self.windows], dim=1)
        whole = torch.zeros_like(self.known)
        for window, part in zip(self.windows, parts, strict=True):
            whole += window.scores(part, self.known.shape[2])
        return whole

    def loss_and_gradient(self, weights: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Sums over all pixels.

        Parameters
        ----------
        weights, bias
            (target, channel), layers side by side; (target,).

        Returns
        -------
        Log losses (target,) float64; gradients (target, channel + 1), that of the bias last.
        """
        scores = self.scores(weights).add_(bias[:, None, None])
        losses = softplus(scores).mul_(self.known).addcmul_(self.positive, scores, value=-1)
        back = scores.sigmoid_().mul_(self.known).sub_(self.positive)
        gradients = [window.gradient(back) for window in self.windows]
        return losses.sum(dim=2).double().sum(dim=1), torch.cat([*gradients, back.sum(dim=(1, 2))[:, None]], dim=1)
