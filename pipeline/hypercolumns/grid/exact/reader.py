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
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.problem import CellProblem
from hypercolumns.grid.shard_files import LABELS, ShardPart
from hypercolumns.grid.targets import IGNORE, POSITIVE
from hypercolumns.regions.interpolation import interpolation_matrix, support


@dataclass(frozen=True)
class _Layer:
    """The window of one cell in the maps of a layer, and the layer's standardisation."""

    name: str
    size: tuple[int, int]
    """(y, x) of the layer's maps."""
    window: tuple[slice, slice]
    """Rows and columns of the maps that the pixels of the cell are interpolated from."""
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
    """Reads the data of one cell of a grid, in the layers of the problem's standardisation."""

    problem: CellProblem[MapFiles]

    def labels(self, part: ShardPart) -> NDArray[np.int8]:
        """Labels (target, pixel, region) of the regions of `part`."""
        with self.problem.files.open(part.shard) as file:
            return self._labels(file)[..., part.rows]

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
        values = [torch.empty((s.positions, ends[-1], s.channels), device=self.problem.device) for s in self._stacks]
        for part, first, last in zip(parts, [0, *ends], ends, strict=False):
            with self.problem.files.open(part.shard) as file:
                labels[..., first:last] = self._labels(file)[targets][..., part.rows]
                for stack, stack_values in zip(self._stacks, values, strict=True):
                    _fill(stack_values[:, first:last], stack, file, part.rows)
        known, positive = (self._tensor(mask).float() for mask in (labels != IGNORE, labels == POSITIVE))
        stacks = [LayerStack(v.flatten(0, 1), s.interpolation) for v, s in zip(values, self._stacks, strict=True)]
        return CellData(tuple(stacks), known, positive)

    @cached_property
    def _pixels(self) -> tuple[slice, slice]:
        """Rows and columns of a heat map that the cell covers."""
        return cell_slices(self.problem.files.heat_map, self.problem.grid, self.problem.cell)

    @property
    def _n_pixels(self) -> int:
        return _n_locations(self._pixels)

    def _labels(self, file: ArrayFile) -> NDArray[np.int8]:
        """Labels (target, pixel, region) of the cell in the file of a shard."""
        labels = file.read(LABELS, *self._pixels)
        return labels.reshape(-1, *labels.shape[2:]).transpose(1, 0, 2)

    @cached_property
    def _stacks(self) -> list[_StackLayout]:
        def stacked_size(layer: _Layer) -> tuple[int, int] | None:
            """Size of the maps that stay at their positions; None for those that are interpolated to the pixels."""
            return None if _n_locations(layer.window) >= self._n_pixels else layer.size

        with self.problem.files.open(0) as file:
            layers = [self._layer(name, *file.shape(name)[:2]) for name in self.problem.standardisation.shift]
        stacks = []
        for size, (first, *others) in groupby(layers, stacked_size):
            positions, interpolation = _n_locations(first.window), first.interpolation
            if size is None:
                positions, interpolation = self._n_pixels, None
            stacks.append(_StackLayout((first, *others), positions, interpolation))
        return stacks

    def _layer(self, name: str, height: int, width: int) -> _Layer:
        heat_map, (cell_rows, cell_columns) = self.problem.files.heat_map, self._pixels
        vertical = interpolation_matrix(height, heat_map)[cell_rows]
        horizontal = interpolation_matrix(width, heat_map)[cell_columns]
        rows, columns = support(vertical), support(horizontal)
        axes = vertical[:, rows].astype(np.float32), horizontal[:, columns].astype(np.float32)
        is_identity = all(np.array_equal(axis, np.eye(len(axis))) for axis in axes)
        return _Layer(
            name,
            (height, width),
            (rows, columns),
            None if is_identity else Interpolation(*map(self._tensor, axes)),
            shift=self._tensor(self.problem.standardisation.shift[name]),
            scale=self._tensor(self.problem.standardisation.scale[name]),
        )

    def _tensor(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(values).to(self.problem.device)


def _n_locations(area: tuple[slice, slice]) -> int:
    rows, columns = area
    return int((rows.stop - rows.start) * (columns.stop - columns.start))


def _fill(values: Tensor, stack: _StackLayout, file: ArrayFile, rows: slice) -> None:
    """Fill `values` (position, region, channel) with standardised windows of the regions `rows` of a shard."""
    widths = [len(layer.shift) for layer in stack.layers]
    for layer, layer_values in zip(stack.layers, values.split(widths, dim=2), strict=True):
        half = torch.from_numpy(file.read(layer.name, *layer.window)).to(values.device)
        window = half.flatten(0, 1)[:, rows].float().sub_(layer.shift).mul_(layer.scale)
        if stack.interpolation is None and layer.interpolation is not None:
            window = layer.interpolation.apply(window[None].flatten(2)).view(-1, *window.shape[1:])
        layer_values.copy_(window)
