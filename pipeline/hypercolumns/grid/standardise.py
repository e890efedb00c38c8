"""Standardisation of channels that gives every layer the same share of a hypercolumn."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Moments:
    """Count, sum and sum of squares of the values of each channel of a layer; moments of disjoint parts add up."""

    count: int
    total: NDArray[np.float64]
    """(channels,)"""
    squares: NDArray[np.float64]
    """(channels,)"""

    @classmethod
    def measure(cls, samples: NDArray[np.float32]) -> "Moments":
        """Moments of samples (..., channels).

        Examples
        --------
        >>> Moments.measure(np.array([[1, 5], [3, 5]], dtype=np.float32)).deviation.tolist()
        [1.0, 0.0]
        """
        values = samples.reshape(-1, samples.shape[-1])
        squares = np.einsum("nc,nc->c", values, values, dtype=np.float64)
        return cls(len(values), values.sum(axis=0, dtype=np.float64), squares)

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean of each channel: (channels,)."""
        return self.total / self.count

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation of each channel: (channels,)."""
        return np.sqrt(np.maximum(self.squares / self.count - self.mean**2, 0))


def add_moments(parts: Iterable[Mapping[str, Moments]]) -> dict[str, Moments]:
    """Moments of every layer over all `parts`, of which there must be one, summed in their order."""
    total: dict[str, Moments] = {}
    for part in parts:
        total = {layer: total[layer] + moments if total else moments for layer, moments in part.items()}
    return total


@dataclass(frozen=True)
class Standardisation:
    """Subtracts a shift from each channel and multiplies by a scale.

    The mean squared length of a standardised hypercolumn is one, and every layer has an equal share in it, whatever
    its number of channels. Constant channels become zero. Standardisation commutes with interpolation, since the rows
    of interpolation operators sum to one. Measured, ours.
    """

    shift: Mapping[str, NDArray[np.float32]]
    """By layer: (channels,)."""
    scale: Mapping[str, NDArray[np.float32]]
    """By layer: (channels,)."""

    @property
    def slices(self) -> dict[str, slice]:
        """Channels of every layer when layers lie side by side."""
        edges = accumulate(map(len, self.shift.values()), initial=0)
        return {layer: slice(*ends) for layer, ends in zip(self.shift, pairwise(edges), strict=True)}

    @property
    def channels(self) -> int:
        """Number of channels of all layers together."""
        return sum(map(len, self.shift.values()))

    @classmethod
    def fit(cls, moments: Mapping[str, Moments], layers: Sequence[str]) -> "Standardisation":
        """Standardisation of hypercolumns that consist of `layers`."""
        shift, scale = {}, {}
        for layer in layers:
            deviation = moments[layer].deviation
            used = deviation > 1e-6
            energy = max(int(used.sum()), 1) * len(layers)
            shift[layer] = moments[layer].mean.astype(np.float32)
            scale[layer] = np.where(used, 1 / (np.where(used, deviation, 1) * np.sqrt(energy)), 0).astype(np.float32)
        return cls(shift, scale)

    def restrict(self, layer: str) -> "Standardisation":
        """Standardisation of hypercolumns that consist of `layer` alone."""
        scale = self.scale[layer] * np.sqrt(len(self.scale)).astype(np.float32)
        return Standardisation({layer: self.shift[layer]}, {layer: scale})

    def fold(
        self, weights: NDArray[np.float64], bias: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Convert classifiers of standardised hypercolumns into equivalent classifiers of raw ones.

        Parameters
        ----------
        weights, bias
            (..., channels of all layers) and (...), applying to standardised values.

        Returns
        -------
        Weights and biases of the same shapes, applying to raw values.
        """
        scale, shift = self._joined
        raw = weights * scale
        return raw, bias - raw @ shift

    def unfold(
        self, raw: NDArray[np.float64], bias: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Convert classifiers of raw hypercolumns into equivalent ones of standardised ones; the inverse of `fold`.

        Channels that standardisation turns into zero get no weight.
        """
        scale, shift = self._joined
        return np.divide(raw, scale, out=np.zeros_like(raw), where=scale > 0), bias + raw @ shift

    @property
    def _joined(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scale and shift (channels of all layers,)."""
        scale, shift = (np.concatenate(list(v.values())).astype(np.float64) for v in (self.scale, self.shift))
        return scale, shift
