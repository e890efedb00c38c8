"""Reading what one cell sees of some regions into memory: windows of all layers, standardised, and labels."""

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
from hypercolumns.grid.cells import cell_pixels
from hypercolumns.grid.exact.cell_data import CellData, Interpolation, LayerGroup
from hypercolumns.grid.exact.maps import MapFiles, MapWindow
from hypercolumns.grid.shard_files import ShardPart
from hypercolumns.grid.standardise import Standardisation
from hypercolumns.grid.targets import IGNORE, POSITIVE


@dataclass(frozen=True)
class _Layer:
    name: str
    size: tuple[int, int]
    """(y, x) of its maps."""
    window: MapWindow
    interpolation: Interpolation | None
    """None where the positions of the window are the pixels."""
    shift: Tensor
    """(channel,)"""
    scale: Tensor
    """(channel,)"""


@dataclass(frozen=True)
class _Layers:
    """Neighbouring layers of the same positions, whose windows lie side by side: one product serves them all."""

    layers: tuple[_Layer, ...]
    positions: int
    interpolation: Interpolation | None
    """None where the positions are the pixels: finer windows are interpolated once, not in every evaluation."""

    @property
    def channels(self) -> int:
        return sum(len(layer.shift) for layer in self.layers)


@dataclass(frozen=True)
class CellReader:
    """Reads what the layers of `standardisation` show one cell of a grid."""

    files: MapFiles
    grid: int
    cell: int
    standardisation: Standardisation
    device: torch.device

    def labels(self, part: ShardPart) -> NDArray[np.int8]:
        """Labels (target, pixel, region) of the regions of `part`."""
        with self.files.open(part.shard) as file:
            return self.files.labels(file, self.grid, self.cell)[..., part.rows]

    def n_bytes(self, parts: Sequence[ShardPart], n_targets: int) -> int:
        """Bytes that `load` takes, with the scores of so many targets while they are made: five times the labels."""
        numbers = sum(group.positions * group.channels for group in self._groups) + 5 * self._n_pixels * n_targets
        return 4 * numbers * sum(map(len, parts))

    def divide(self, parts: Sequence[ShardPart], n_targets: int, limit: int) -> list[Sequence[ShardPart]]:
        """Divide parts into runs that take at most `limit` bytes, or hold a single part."""
        largest = max(self.n_bytes([part], n_targets) for part in parts)
        together = max(limit // largest, 1)
        return [parts[first : first + together] for first in range(0, len(parts), together)]

    def load(self, parts: Sequence[ShardPart], targets: NDArray[np.int64]) -> CellData:
        """Read what the cell sees of the regions in `parts`, with the labels of some targets."""
        ends = np.cumsum([len(part) for part in parts]).tolist()
        # Allocated whole and filled a shard at a time, since copies would double the memory.
        labels = np.empty((len(targets), self._n_pixels, ends[-1]), np.int8)
        values = [torch.empty((g.positions, ends[-1], g.channels), device=self.device) for g in self._groups]
        for part, first, last in zip(parts, [0, *ends], ends, strict=False):
            with self.files.open(part.shard) as file:
                labels[..., first:last] = self.files.labels(file, self.grid, self.cell)[targets][..., part.rows]
                for group, filled in zip(self._groups, values, strict=True):
                    _fill(filled[:, first:last], group, file, part.rows)
        known, positive = (
            torch.from_numpy(mask).to(self.device).float() for mask in (labels != IGNORE, labels == POSITIVE)
        )
        groups = [LayerGroup(v.flatten(0, 1), g.interpolation) for v, g in zip(values, self._groups, strict=True)]
        return CellData(tuple(groups), known, positive)

    @cached_property
    def _n_pixels(self) -> int:
        rows, columns = cell_pixels(self.files.heat_map, self.grid, self.cell)
        return (rows.stop - rows.start) * (columns.stop - columns.start)

    @cached_property
    def _groups(self) -> list[_Layers]:
        def shared_size(layer: _Layer) -> tuple[int, int] | None:
            return None if layer.window.positions >= self._n_pixels else layer.size

        groups = []
        for size, neighbours in groupby(map(self._layer, self.standardisation.shift), shared_size):
            layers = tuple(neighbours)
            if size is None:
                groups.append(_Layers(layers, self._n_pixels, None))
            else:
                groups.append(_Layers(layers, layers[0].window.positions, layers[0].interpolation))
        return groups

    @cached_property
    def _sizes(self) -> dict[str, tuple[int, int]]:
        return self.files.sizes()

    def _layer(self, name: str) -> _Layer:
        size = self._sizes[name]
        window = self.files.window(*size, self.grid, self.cell)
        axes = Interpolation(self._tensor(window.vertical), self._tensor(window.horizontal))
        shift, scale = self.standardisation.shift[name], self.standardisation.scale[name]
        interpolation = None if window.is_identity else axes
        return _Layer(name, size, window, interpolation, self._tensor(shift), self._tensor(scale))

    def _tensor(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(values).to(self.device)


def _fill(values: Tensor, group: _Layers, file: ArrayFile, rows: slice) -> None:
    """Read the maps of the regions `rows` of a shard, standardised, into `values` (position, region, channel)."""
    first = 0
    for layer in group.layers:
        last = first + len(layer.shift)
        half = torch.from_numpy(file.read(layer.name, layer.window.rows, layer.window.columns)).to(values.device)
        part = half.flatten(0, 1)[:, rows].float().sub_(layer.shift).mul_(layer.scale)
        if group.interpolation is None and layer.interpolation is not None:
            part = layer.interpolation.apply(part[None].flatten(2)).view(-1, *part.shape[1:])
        values[..., first:last] = part
        first = last
