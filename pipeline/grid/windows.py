"""What a cell sees of some regions in memory, and the loss and gradient of its classifiers at map resolution."""

from collections.abc import Iterator, Sequence
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
class LayerWindow:
    """What one cell sees of a layer in some regions."""

    values: Tensor
    """(position * region, channel) standardised."""
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

    layers: tuple[LayerWindow, ...]
    known: Tensor
    """(target, pixel, region) 1 where the label counts, else 0."""
    positive: Tensor
    """(target, pixel, region) 1 where the label is positive, else 0."""

    def only(self, which: Tensor) -> "CellData":
        """That of some targets, given by their indices."""
        if len(which) == len(self.known):
            return self
        return replace(self, known=self.known[which], positive=self.positive[which])

    def of(self, regions: Tensor) -> "CellData":
        """That of some regions, given by their positions."""
        count = self.known.shape[2]
        if len(regions) == count:
            return self
        layers = []
        for layer in self.layers:
            values = layer.values.view(-1, count, layer.values.shape[1])[:, regions].flatten(0, 1)
            layers.append(replace(layer, values=values))
        return CellData(tuple(layers), self.known[..., regions], self.positive[..., regions])

    def layer_scores(self, weights: Sequence[Tensor]) -> Iterator[Tensor]:
        """Each layer's part in the scores: (target, pixel, region)."""
        for layer, own in zip(self.layers, weights, strict=True):
            yield layer.scores(own, self.known.shape[2])

    def loss_and_gradient(self, weights: Sequence[Tensor], bias: Tensor) -> tuple[Tensor, Tensor]:
        """Sums over all pixels.

        Parameters
        ----------
        weights, bias
            (target, channel) of every layer; (target,).

        Returns
        -------
        Log losses (target,) float64; gradients (target, channel of all layers + 1), that of the bias last.
        """
        scores = bias[:, None, None].expand(self.known.shape).clone()
        for part in self.layer_scores(weights):
            scores += part
        losses = softplus(scores).mul_(self.known).addcmul_(self.positive, scores, value=-1)
        back = scores.sigmoid_().mul_(self.known).sub_(self.positive)
        gradients = [layer.gradient(back) for layer in self.layers]
        return losses.sum(dim=2).double().sum(dim=1), torch.cat([*gradients, back.sum(dim=(1, 2))[:, None]], dim=1)
