"""Reads the windows of one cell in all layers, standardised, and its labels into memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypercolumns.grid.array_file import ArrayFile
from hypercolumns.grid.cells import cell_slices
from hypercolumns.grid.exact.cell_data import CellData, Interpolation, LayerStack
from hypercolumns.grid.exact.maps import MapFiles, MapWindow
from hypercolumns.grid.shard_files import ShardPart
from hypercolumns.grid.standardise import Standardisation
from hypercolumns.grid.targets import IGNORE, POSITIVE


@dataclass(frozen=True)
class _Layer:
    """The window of one cell in a layer, and the layer's standardisation."""

    name: str
    size: tuple[int, int]
    """(y, x) of the layer's maps."""
    window: MapWindow
    interpolation: Interpolation | None
    """None where the positions of the window are the pixels."""
    shift: Tensor
    """(channel,)"""
    scale: Tensor
    """(channel,)"""


@dataclass(frozen=True)
class _StackLayout:
    """Neighbouring layers that are read into one `LayerStack`, so that one product serves them all."""

    layers: tuple[_Layer, ...]
    positions: int
    interpolation: Interpolation | None
    """None where the stack is at the pixels: windows with more positions are interpolated once, when they are read."""

    @property
    def channels(self) -> int:
        return sum(len(layer.shift) for layer in self.layers)


@dataclass(frozen=True)
class CellReader:
    """Reads the data of one cell of a grid, in the layers of `standardisation`."""

    files: MapFiles
    grid: int
    """Cells per side."""
    cell: int
    standardisation: Standardisation
    device: torch.device

    def labels(self, part: ShardPart) -> NDArray[np.int8]:
        """Labels (target, pixel, region) of the regions of `part`."""
        with self.files.open(part.shard) as file:
            return self.files.labels(file, self.grid, self.cell)[..., part.rows]

    def n_bytes(self, parts: Sequence[ShardPart], n_targets: int) -> int:
        """Bytes in memory of the data of `parts` and of their scores during an evaluation.

        Labels, scores and temporary arrays amount to five numbers per pixel and target.
        """
        numbers = sum(stack.positions * stack.channels for stack in self._stacks) + 5 * self._n_pixels * n_targets
        return 4 * numbers * sum(map(len, parts))

    def divide(self, parts: Sequence[ShardPart], n_targets: int, limit: int) -> list[Sequence[ShardPart]]:
        """Divide `parts` into runs that take at most `limit` bytes each, or hold a single part."""
        largest = max(self.n_bytes([part], n_targets) for part in parts)
        length = max(limit // largest, 1)
        return [parts[first : first + length] for first in range(0, len(parts), length)]

    def load(self, parts: Sequence[ShardPart], targets: NDArray[np.int64]) -> CellData:
        """Read the windows of the regions in `parts`, and their labels for the targets with these indices."""
        ends = np.cumsum([len(part) for part in parts]).tolist()
        # Allocated for all regions and filled part by part, since joining arrays would double the memory.
        labels = np.empty((len(targets), self._n_pixels, ends[-1]), np.int8)
        values = [torch.empty((s.positions, ends[-1], s.channels), device=self.device) for s in self._stacks]
        for part, first, last in zip(parts, [0, *ends], ends, strict=False):
            with self.files.open(part.shard) as file:
                labels[..., first:last] = self.files.labels(file, self.grid, self.cell)[targets][..., part.rows]
                for stack, stack_values in zip(self._stacks, values, strict=True):
                    _fill(stack_values[:, first:last], stack, file, part.rows)
        known, positive = (
            torch.from_numpy(mask).to(self.device).float() for mask in (labels != IGNORE, labels == POSITIVE)
        )
        stacks = [LayerStack(v.flatten(0, 1), s.interpolation) for v, s in zip(values, self._stacks, strict=True)]
        return CellData(tuple(stacks), known, positive)

    @cached_property
    def _n_pixels(self) -> int:
        rows, columns = cell_slices(self.files.heat_map, self.grid, self.cell)
        return (rows.stop - rows.start) * (columns.stop - columns.start)

    @cached_property
    def _stacks(self) -> list[_StackLayout]:
        def stacked_size(layer: _Layer) -> tuple[int, int] | None:
            """Size of the maps that stay at their positions; None for those that are interpolated to the pixels."""
            return None if layer.window.positions >= self._n_pixels else layer.size

        stacks = []
        for size, neighbours in groupby(map(self._layer, self.standardisation.shift), stacked_size):
            layers = tuple(neighbours)
            if size is None:
                stacks.append(_StackLayout(layers, self._n_pixels, None))
            else:
                stacks.append(_StackLayout(layers, layers[0].window.positions, layers[0].interpolation))
        return stacks

    @cached_property
    def _sizes(self) -> dict[str, tuple[int, int]]:
        return self.files.sizes()

    def _layer(self, name: str) -> _Layer:
        size = self._sizes[name]
        window = self.files.window(*size, self.grid, self.cell)
        interpolation = Interpolation(self._tensor(window.vertical), self._tensor(window.horizontal))
        return _Layer(
            name,
            size,
            window,
            None if window.is_identity else interpolation,
            shift=self._tensor(self.standardisation.shift[name]),
            scale=self._tensor(self.standardisation.scale[name]),
        )

    def _tensor(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(values).to(self.device)


def _fill(values: Tensor, stack: _StackLayout, file: ArrayFile, rows: slice) -> None:
    """Fill `values` (position, region, channel) with standardised windows of the regions `rows` of a shard."""
    first = 0
    for layer in stack.layers:
        last = first + len(layer.shift)
        half = torch.from_numpy(file.read(layer.name, layer.window.rows, layer.window.columns)).to(values.device)
        window = half.flatten(0, 1)[:, rows].float().sub_(layer.shift).mul_(layer.scale)
        if stack.interpolation is None and layer.interpolation is not None:
            window = layer.interpolation.apply(window[None].flatten(2)).view(-1, *window.shape[1:])
        values[..., first:last] = window
        first = last
