"""The training data of one cell in memory, and the loss and gradient of its classifiers at map resolution."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import softplus


@dataclass(frozen=True)
class Interpolation:
    """Interpolates from the positions of a window to the pixels of a cell, one axis after the other.

    `regions.interpolation.interpolate` expects regions and channels before positions; here positions come first in
    memory, so the products are batched by rows.
    """

    vertical: Tensor
    """(rows of the cell, y)"""
    horizontal: Tensor
    """(columns of the cell, x)"""

    @property
    def transposed(self) -> "Interpolation":
        """The transposed operator, which takes values at the pixels (n, pixel, m) to (n, y * x, m)."""
        return Interpolation(self.vertical.T, self.horizontal.T)

    def apply(self, values: Tensor) -> Tensor:
        """Interpolate values (n, y * x, m) to the pixels: (n, pixel, m)."""
        n, (rows, height), (columns, width) = len(values), self.vertical.shape, self.horizontal.shape
        tall = torch.bmm(self.vertical.expand(n, rows, height), values.reshape(n, height, -1))
        wide = torch.bmm(self.horizontal.expand(n * rows, columns, width), tall.view(n * rows, width, -1))
        return wide.view(n, rows * columns, -1)


@dataclass(frozen=True)
class LayerStack:
    """The windows of one or more layers with the same positions, their channels side by side."""

    values: Tensor
    """(position * region, channel) standardised."""
    interpolation: Interpolation | None
    """None where the positions are the pixels."""

    def scores(self, weights: Tensor, regions: int) -> Tensor:
        """Scores (target, pixel, region) that `weights` (target, channel) give."""
        at_maps = (weights @ self.values.T).view(len(weights), -1, regions)
        return at_maps if self.interpolation is None else self.interpolation.apply(at_maps)

    def gradient(self, score_gradient: Tensor) -> Tensor:
        """Gradient with respect to the weights (target, channel), from that of the scores (target, pixel, region)."""
        at_maps = score_gradient if self.interpolation is None else self.interpolation.transposed.apply(score_gradient)
        return at_maps.flatten(1) @ self.values


@dataclass(frozen=True)
class CellData:
    """The windows and labels of one cell for a number of regions.

    Targets are the first axis: a product of a few rows with many columns is several times as fast as its transpose.
    """

    stacks: tuple[LayerStack, ...]
    known: Tensor
    """(target, pixel, region) 1 where the label counts, else 0."""
    positive: Tensor
    """(target, pixel, region) 1 where the label is positive, else 0."""

    def select(self, targets: Tensor) -> "CellData":
        """Restrict the labels to the targets with these indices, ascending."""
        if len(targets) == len(self.known):
            return self
        return replace(self, known=self.known[targets], positive=self.positive[targets])

    def scores(self, weights: Tensor) -> Tensor:
        """Scores (target, pixel, region) that `weights` (target, channel) give, without a bias."""
        by_stack = weights.split([stack.values.shape[1] for stack in self.stacks], dim=1)
        scores = torch.zeros_like(self.known)
        for stack, stack_weights in zip(self.stacks, by_stack, strict=True):
            scores += stack.scores(stack_weights, self.known.shape[2])
        return scores

    def loss_and_gradient(self, weights: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Log loss and its gradient, summed over all pixels and regions.

        Parameters
        ----------
        weights
            (target, channel), layers side by side.
        bias
            (target,)

        Returns
        -------
        Losses (target,) float64, and gradients (target, channel + 1) with that of the bias last.
        """
        scores = self.scores(weights).add_(bias[:, None, None])
        losses = softplus(scores).mul_(self.known).addcmul_(self.positive, scores, value=-1)
        score_gradient = scores.sigmoid_().mul_(self.known).sub_(self.positive)
        gradients = [stack.gradient(score_gradient) for stack in self.stacks]
        bias_gradient = score_gradient.sum(dim=(1, 2))[:, None]
        return losses.sum(dim=2).double().sum(dim=1), torch.cat([*gradients, bias_gradient], dim=1)
