"""The training data of one cell in memory, and the loss and gradient of its classifiers at map resolution."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import softplus


@dataclass(frozen=True)
class Interpolation:
    """Interpolates from the positions of a window to the pixels of a cell, one axis after the other.

    Positions come before regions and channels in memory here, so the products are batched by rows; maps of other
    layouts use `regions.interpolation.interpolate`.
    """

    vertical: Tensor
    """(rows of the cell, y)"""
    horizontal: Tensor
    """(columns of the cell, x)"""

    def apply(self, values: Tensor) -> Tensor:
        """(n, y * x, m) values at the pixels: (n, pixel, m)."""
        return _along_both(self.vertical, self.horizontal, values)

    def apply_transposed(self, values: Tensor) -> Tensor:
        """(n, pixel, m) values at the positions: (n, y * x, m)."""
        return _along_both(self.vertical.T, self.horizontal.T, values)


def _along_both(vertical: Tensor, horizontal: Tensor, values: Tensor) -> Tensor:
    n, (rows, height), (columns, width) = len(values), vertical.shape, horizontal.shape
    tall = torch.bmm(vertical.expand(n, rows, height), values.reshape(n, height, -1)).view(n * rows, width, -1)
    return torch.bmm(horizontal.expand(n * rows, columns, width), tall).view(n, rows * columns, -1)


@dataclass(frozen=True)
class LayerGroup:
    """What one cell sees of some regions in layers that have the same positions there."""

    values: Tensor
    """(position * region, channel) standardised, layers side by side."""
    interpolation: Interpolation | None
    """None where the positions are the pixels."""

    def scores(self, weights: Tensor, regions: int) -> Tensor:
        """Scores (target, pixel, region) of `weights` (target, channel)."""
        at_maps = (weights @ self.values.T).view(len(weights), -1, regions)
        return at_maps if self.interpolation is None else self.interpolation.apply(at_maps)

    def gradient(self, score_gradient: Tensor) -> Tensor:
        """Gradient (target, channel) by the weights, from that by the scores (target, pixel, region)."""
        at_maps = score_gradient if self.interpolation is None else self.interpolation.apply_transposed(score_gradient)
        return at_maps.flatten(1) @ self.values


@dataclass(frozen=True)
class CellData:
    """Everything one cell sees of some regions, in memory.

    Targets come first: products of a few rows with many are several times as fast as those with a few columns.
    """

    groups: tuple[LayerGroup, ...]
    known: Tensor
    """(target, pixel, region) 1 where the label counts, else 0."""
    positive: Tensor
    """(target, pixel, region) 1 where the label is positive, else 0."""

    def select(self, targets: Tensor) -> "CellData":
        """The data of some targets, given by their indices."""
        if len(targets) == len(self.known):
            return self
        return replace(self, known=self.known[targets], positive=self.positive[targets])

    def scores(self, weights: Tensor) -> Tensor:
        """Scores (target, pixel, region) of `weights` (target, channel), without a bias."""
        parts = weights.split([group.values.shape[1] for group in self.groups], dim=1)
        total = torch.zeros_like(self.known)
        for group, part in zip(self.groups, parts, strict=True):
            total += group.scores(part, self.known.shape[2])
        return total

    def loss_and_gradient(self, weights: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Sum loss and gradient over all pixels.

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
        by_scores = scores.sigmoid_().mul_(self.known).sub_(self.positive)
        gradients = [group.gradient(by_scores) for group in self.groups]
        by_bias = by_scores.sum(dim=(1, 2))[:, None]
        return losses.sum(dim=2).double().sum(dim=1), torch.cat([*gradients, by_bias], dim=1)
