"""Standardising channels, and giving every layer block the same weight in a hypercolumn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Moments:
    """Count, sum and sum of squares of a layer's channels, (channels,) each; moments of parts add up."""

    count: int
    total: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, samples: NDArray[np.float32]) -> "Moments":
        """Moments over all but the last dimension, the channels."""
        values = samples.reshape(-1, samples.shape[-1])
        squares = np.einsum("nc,nc->c", values, values, dtype=np.float64)
        return cls(len(values), values.sum(axis=0, dtype=np.float64), squares)

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> NDArray[np.float64]:
        return self.total / self.count

    @property
    def deviation(self) -> NDArray[np.float64]:
        return np.sqrt(np.maximum(self.squares / self.count - self.mean**2, 0))


@dataclass(frozen=True)
class Standardisation:
    """Shift and scale per layer and channel, (channels,) float32 by layer.

    A standardised hypercolumn has squared length one on average and every layer has an equal share in it, so
    that a layer's weight does not depend on how many channels it has; channels that never change are left out.
    Interpolation commutes with it, since the rows of the operators sum to one. Measured, ours.
    """

    shift: Mapping[str, NDArray[np.float32]]
    scale: Mapping[str, NDArray[np.float32]]

    @property
    def edges(self) -> list[int]:
        """Where each layer's channels begin when they lie side by side, and the end: (layers + 1,)."""
        return list(accumulate((len(shift) for shift in self.shift.values()), initial=0))

    @property
    def channels(self) -> int:
        """Number of channels of all layers."""
        return self.edges[-1]

    @classmethod
    def fit(cls, moments: Mapping[str, Moments], layers: Sequence[str]) -> "Standardisation":
        """The standardisation of hypercolumns made of `layers`."""
        shift, scale = {}, {}
        for layer in layers:
            deviation = moments[layer].deviation
            used = deviation > 1e-6
            energy = max(int(used.sum()), 1) * len(layers)
            shift[layer] = moments[layer].mean.astype(np.float32)
            scale[layer] = np.where(used, 1 / (np.where(used, deviation, 1) * np.sqrt(energy)), 0).astype(np.float32)
        return cls(shift, scale)

    def restrict(self, layer: str) -> "Standardisation":
        """The standardisation of hypercolumns that are made of `layer` alone."""
        scale = self.scale[layer] * np.sqrt(len(self.scale)).astype(np.float32)
        return Standardisation({layer: self.shift[layer]}, {layer: scale})

    def fold(
        self, weights: NDArray[np.float64], bias: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights (..., channels of all layers) and biases (...) on standardised values as those on raw ones."""
        scale = np.concatenate(list(self.scale.values())).astype(np.float64)
        shift = np.concatenate(list(self.shift.values())).astype(np.float64)
        raw = weights * scale
        return raw, bias - raw @ shift
